"""Relative change of values on the same clusters, against a ratio of means that was written out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fairaudit.auditing.comparison import Comparison
from fairaudit.comparison.relative import relative_changes
from fairaudit.core.result import RELATIVE_COLUMNS
from fairaudit.core.samples import Feature
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.status import NO_VARIATION
from tests.comparison.audits_of_rows import audit_of, groups_of, row

AB = Feature("g", ("a", "b"), "annotated", "by hand")
Numbers = npt.NDArray[np.float64]


def changed(old: Outcomes, new: Outcomes, groups: Any, **where: str) -> dict[str, Any]:
    audits = {name: audit_of(one, {"g": groups}, [AB]) for name, one in (("old", old), ("new", new))}
    return row(relative_changes(audits, baseline="old"), **where)


def hits(rng: np.random.Generator, n: int, **fields: Any) -> list[Outcomes]:
    """Return hits of two models that agree in most rows, of n clusters with three rows each."""
    hard, clusters = rng.random(3 * n), np.repeat(np.arange(n), 3)
    return [
        Outcomes("hit", (0.7 * hard + 0.3 * rng.random(3 * n) < at).astype(float), clusters, **fields)
        for at in (0.45, 0.6)
    ]


def by_hand(means: list[Numbers]) -> tuple[float, float, float]:
    """Ratio of two means over the same clusters: the paired delta method."""
    a, b = means
    ratio, m = b.mean() / a.mean(), len(a)
    std_error = (b / b.mean() - a / a.mean()).std(ddof=1) / np.sqrt(m)
    half = stats.t.ppf(0.975, m - 1) * std_error
    return ratio - 1, ratio * np.exp(-half) - 1, ratio * np.exp(half) - 1


def test_means_of_clusters_against_the_paired_delta_method(rng: np.random.Generator) -> None:
    old, new = hits(rng, 80, average="macro")
    group = np.repeat(groups_of(rng, 80), 3)
    for name, mask in (("overall", np.full(240, True)), ("a", group == "a"), ("b", group == "b")):
        found = changed(old, new, group, group=name)
        means = [one.values[mask].reshape(-1, 3).mean(axis=1) for one in (old, new)]
        expected = by_hand(means)
        assert (found["relative"], found["ci_low"], found["ci_high"]) == pytest.approx(expected)
        assert (found["value_before"], found["value"]) == pytest.approx((means[0].mean(), means[1].mean()))
        assert (found["n"], found["n_clusters"], found["status"]) == (mask.sum(), mask.sum() / 3, "ok")
        assert (found["baseline"], found["checkpoint"], found["metric"]) == ("old", "new", "hit")


def test_what_models_have_in_common_cancels(rng: np.random.Generator) -> None:
    """A model that hits exactly twice as often in each cluster has a ratio of two; nothing says how sure."""
    value = rng.uniform(0.1, 0.5, 60)
    old, new = (Outcomes("share", factor * value, np.arange(60)) for factor in (1, 2))
    found = changed(old, new, np.full(60, "a"), group="a")
    assert found["relative"] == pytest.approx(1)
    assert (np.isnan(found["ci_low"]), found["status"], found["note"]) == (True, "too_few", NO_VARIATION)


def test_too_few_and_not_estimable_say_why(rng: np.random.Generator) -> None:
    old, new = hits(rng, 40, average="macro")
    group = np.repeat(np.where(np.arange(40) < 6, "a", "b"), 3)
    few = changed(old, new, group, group="a")
    assert few["status"] == "too_few"
    assert "of 6 clusters; 5 of 20 are needed" in few["note"]
    nothing = Outcomes("hit", np.where(group == "a", 0.0, old.values), old.clusters, average="macro")
    zero = changed(nothing, new, group, group="a")
    assert (zero["status"], np.isnan(zero["relative"])) == ("not_estimable", True)
    assert zero["note"] == "the value in the baseline is 0, and a ratio needs one above 0"
    empty = changed(old, new, np.full(120, "a"), group="b")
    assert empty["note"] == "not estimable in the baseline: no image was measured in this group"
    other = Outcomes("hit", np.where(np.arange(120) == 119, np.nan, new.values), new.clusters, average="macro")
    assert changed(old, other, group, group="b")["note"] == (
        "1 clusters were measured on other images or labels in the two audits"
    )


def test_other_data_headlines_and_galleries_have_no_ratio(rng: np.random.Generator) -> None:
    old, new = hits(rng, 40)
    group = np.repeat(groups_of(rng, 40), 3)
    audits = {"old": audit_of(old, {"g": group}, [AB]), "new": audit_of(new, {"g": group}, [AB], digest="d2")}
    found = relative_changes(audits, baseline="old")
    assert tuple(found.columns) == RELATIVE_COLUMNS
    assert found["note"].str.startswith("the two audits did not see the same data").all()
    renamed = Outcomes("hit@1", new.values, new.clusters)
    assert changed(old, renamed, group, group="a")["note"] == "the headline is hit@1 in the checkpoint's audit"
    role = GalleryRole.of(Moves(old.clusters[:, None], np.full((120, 1), 0.1)), old.clusters)
    shared = [Outcomes("hit", one.values, one.clusters, gallery=role) for one in (old, new)]
    assert changed(shared[0], shared[1], group, group="a")["note"].startswith("the images share a gallery")


def test_a_comparison_has_them(rng: np.random.Generator) -> None:
    old, new = hits(rng, 40)
    group = np.repeat(groups_of(rng, 40), 3)
    audits = {name: audit_of(one, {"g": group}, [AB]) for name, one in (("old", old), ("new", new))}
    found = Comparison(audits, baseline="new").relative
    assert found["group"].tolist() == ["overall", "a", "b"]
    assert (found["relative"] < 0).all()
