"""``Comparison``: values side by side, what changed, and which audit is the baseline."""

from __future__ import annotations

import doctest
import html
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fairaudit
from fairaudit import audit_outcomes
from fairaudit.auditing import run
from fairaudit.auditing.comparison import Comparison
from fairaudit.core.errors import ConfigError


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Saved audits of two models on the same 600 people; the second serves dark skin better."""
    rng, made = np.random.default_rng(3), []
    skin, hard = rng.choice(["dark", "light"], 600), rng.random(600)
    for name, shares in (("old", (0.4, 0.7)), ("new", (0.65, 0.7))):
        made.append(tmp_path_factory.mktemp("audits") / name)
        hit = hard < np.where(skin == "dark", *shares)
        audit_outcomes(
            pd.DataFrame({"sample_id": range(600), "skin": skin, "hit": hit.astype(float)}),
            outcomes=["hit"],
            features=["skin"],
            output=made[-1],
        )
    return made


def test_examples() -> None:
    found = doctest.testmod(run, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert (found.failed, found.attempted > 5) == (0, True)


def test_the_first_audit_is_the_baseline(folders: list[Path]) -> None:
    found = fairaudit.compare(*folders)
    assert found.baseline == "old"
    assert found.changes[["baseline", "checkpoint", "verdict"]].to_numpy().tolist() == [["old", "new", "smaller"]]
    assert found.summary == "1 of 1 disparity has changed against old: 1 smaller, 0 larger."
    assert list(found.sizes["checkpoint"]) == ["old", "new"]
    assert found.sizes["n_parameters"].isna().all()


def test_the_page_has_relative_changes_of_group_values(folders: list[Path]) -> None:
    found = fairaudit.compare(*folders)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.unescape(found.to_html())))
    assert "Relative change of 3 group values" in page
    for row in found.relative[found.relative["group"] != "light"].to_dict("records"):
        numbers = (
            math.floor(1000 * row["ci_low"]) / 10,
            round(100 * row["relative"], 1),
            math.ceil(1000 * row["ci_high"]) / 10,
        )
        low, value, high = (f"{number:+.1f} %".replace("-", "\u2212") for number in numbers)
        name = "overall: all images" if row["feature"] == "overall" else f"{row['feature']}: {row['group']}"
        assert f"{name} {row['indicator']}, {row['metric']}, " in page
        assert f"{value} {low} to {high}" in page
    dark = found.relative[found.relative["group"] == "dark"].iloc[0]
    assert dark["relative"] == pytest.approx(dark["value"] / dark["value_before"] - 1)
    light = found.relative[found.relative["group"] == "light"].iloc[0]
    assert (light["relative"], light["status"]) == (0, "too_few")


def test_another_baseline_may_be_named(folders: list[Path]) -> None:
    found = fairaudit.compare(*folders, baseline="new")
    assert found.changes["verdict"].tolist() == ["larger"]
    assert found.summary == "1 of 1 disparity has changed against new: 0 smaller, 1 larger."
    page = re.sub(r"<[^>]+>", " ", html.unescape(found.to_html()))
    assert "Each checkpoint is compared with new on the same clusters" in page
    assert found.summary in page


def test_a_baseline_that_is_not_there(folders: list[Path]) -> None:
    with pytest.raises(ConfigError) as caught:
        fairaudit.compare(*folders, baseline="nev")
    assert str(caught.value) == "baseline must be one of: new, old; got 'nev'. Did you mean 'new'?"


def test_names_that_do_not_fit(folders: list[Path]) -> None:
    audits = [fairaudit.load_audit(folder) for folder in folders]
    with pytest.raises(ConfigError, match=r"^a comparison must have a name of its own for each of its 2 audits; got a"):
        Comparison.of(audits, names=["a", "a"])
