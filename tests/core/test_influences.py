"""Influences of clusters: what is saved, that it comes back, and that old audits open without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairaudit.auditing.run import load_audit
from fairaudit.comparison.change import changes_of
from fairaudit.core.audit import AuditResult
from fairaudit.core.document import digest, save_audit
from fairaudit.core.influences import influence_table, influences_of
from fairaudit.core.result import INFLUENCE_COLUMNS
from fairaudit.core.samples import Feature
from fairaudit.stats.outcomes import Outcomes
from tests.comparison.audits_of_rows import audit_of, groups_of

AB = Feature("g", ("a", "b"), "annotated", "by hand")
STEPS = Feature("s", ("low", "mid", "high"), "annotated", "by hand", ordered=True)


@pytest.fixture
def audits(rng: np.random.Generator) -> dict[str, AuditResult]:
    columns = {"g": groups_of(rng, 150), "s": groups_of(rng, 150, STEPS.groups)}
    hard = rng.random(150)
    return {
        name: audit_of(
            Outcomes("hit", (0.6 * hard + 0.4 * rng.random(150) < 0.5).astype(float), np.arange(150)),
            columns, [AB, STEPS], n_parameters=n,
        )
        for name, n in (("old", 100), ("new", 1000))
    }  # fmt: skip


def test_the_influences_of_planned_rows_are_saved(audits: dict[str, AuditResult]) -> None:
    result = audits["old"].results[0]
    frame = influence_table(result)
    assert tuple(frame.columns) == INFLUENCE_COLUMNS
    planned = result.disparities[result.disparities["family"] == "primary"]
    assert set(zip(frame["feature"], frame["kind"], strict=True)) == set(
        zip(planned["feature"], planned["kind"], strict=True)
    )
    for row in planned.to_dict("records"):
        mine = frame[(frame["feature"] == row["feature"]) & (frame["kind"] == row["kind"])]
        assert (mine["influence"] ** 2).sum() <= row["std_error"] ** 2 * (1 + 1e-9)
        assert (mine["influence"] ** 2).sum() >= 0.9 * row["std_error"] ** 2  # the rest is the floor for shares
    slope = frame[frame["kind"] == "slope"]["influence"]
    assert (slope**2).sum() == pytest.approx(planned.set_index("kind")["std_error"]["slope"] ** 2)


def test_they_survive_the_way_to_disk(audits: dict[str, AuditResult], tmp_path: Path) -> None:
    for name, audit in audits.items():
        save_audit(audit, tmp_path / name)
    loaded = {name: load_audit(tmp_path / name) for name in audits}
    saved = pd.read_parquet(tmp_path / "old" / "influences.parquet")
    assert saved["influence"].dtype == np.float64
    pd.testing.assert_frame_equal(changes_of(audits, baseline="old"), changes_of(loaded, baseline="old"))
    assert digest(loaded["old"]) == digest(audits["old"])
    assert influences_of(saved.iloc[:0], audits["old"].results[0].disparities) == {}


def test_an_audit_of_before_opens_without(audits: dict[str, AuditResult], tmp_path: Path) -> None:
    save_audit(audits["old"], tmp_path)
    (tmp_path / "influences.parquet").unlink()
    old = load_audit(tmp_path)
    assert old.results[0].influences == {}
    found = changes_of({"old": old, "new": audits["new"]}, baseline="old")
    assert set(found["verdict"]) == {"not_estimable"}
    assert found["note"].str.startswith("the audit of the baseline holds no influence of clusters").all()
