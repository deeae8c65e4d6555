"""Influences of clusters: what is saved, that it comes back, and that old audits open without."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairaudit.auditing.run import load_audit
from fairaudit.comparison.change import changes_of
from fairaudit.core.audit import AuditResult
from fairaudit.core.document import digest, save_audit
from fairaudit.core.influences import influence_at, influence_table, with_influences
from fairaudit.core.plan import MEAN_OF_OTHERS
from fairaudit.core.result import INFLUENCE_COLUMNS
from fairaudit.core.samples import Feature
from fairaudit.stats.outcomes import Outcomes
from tests.comparison.audits_of_rows import audit_of, groups_of
from tests.stats.disparity_rows import result as result_of
from tests.stats.disparity_rows import row as row_of

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
    frame = influence_table([result])
    assert tuple(frame.columns) == INFLUENCE_COLUMNS
    planned = result.disparities[result.disparities["family"] == "primary"]
    keys = ["feature", "kind", "measure", "group", "reference"]
    assert set(frame[keys].itertuples(index=False, name=None)) == set(planned[keys].itertuples(index=False, name=None))
    for row in planned.to_dict("records"):
        mine = frame[(frame[keys] == pd.Series(row)[keys]).all(axis=1)]
        # A share's standard error is that of its value; influences have their small-sample factor.
        assert (mine["influence"] ** 2).sum() == pytest.approx(row["std_error"] ** 2, rel=0.04)
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
    result = audits["old"].results[0]
    for at, row in enumerate(with_influences(result.disparities, saved)):
        if result.disparities["family"][at] == "primary":
            first, second = influence_at(result, at), row.influence and row.influence()
            assert first is not None
            assert second is not None
            np.testing.assert_array_equal(first.clusters, second.clusters)
            np.testing.assert_array_equal(first.values, second.values)
        else:
            assert row.influence is None
    pd.testing.assert_frame_equal(
        influence_table([dataclasses.replace(result, comparisons=with_influences(result.disparities, saved))]),
        saved, check_dtype=False,
    )  # fmt: skip
    assert {row.influence for row in with_influences(result.disparities, saved.iloc[:0])} == {None}


def test_influences_belong_to_the_row_with_their_whole_name(audits: dict[str, AuditResult]) -> None:
    """Difference and ratio, all others and the mean of them, a level of a control: only one of them was planned."""
    result = audits["old"].results[0]
    found = with_influences(result.disparities, influence_table([result]))
    known = [row for row in found if row.influence is not None]
    assert len(known) == (result.disparities["family"] == "primary").sum()
    assert {(row.measure, row.control) for row in known} == {("difference", ""), ("per_step", "")}
    assert all(row.reference != MEAN_OF_OTHERS for row in known)
    fields = {**result.disparities.iloc[0].to_dict(), "n": np.nan}
    (one,) = with_influences(pd.DataFrame([fields]), influence_table([result]).iloc[:0])
    assert one.n == 0
    assert one.value == fields["value"]


def test_no_row_was_planned() -> None:
    made = result_of(row_of(family="exploratory"))
    frame = influence_table([made])
    assert frame.empty
    assert tuple(frame.columns) == INFLUENCE_COLUMNS
    assert influence_at(made, 0) is None
    assert influence_at(dataclasses.replace(made, comparisons=()), 0) is None


def test_an_audit_of_before_opens_without(audits: dict[str, AuditResult], tmp_path: Path) -> None:
    save_audit(audits["old"], tmp_path)
    (tmp_path / "influences.parquet").unlink()
    old = load_audit(tmp_path)
    assert old.results[0].comparisons == ()
    found = changes_of({"old": old, "new": audits["new"]}, baseline="old")
    assert set(found["verdict"]) == {"not_estimable"}
    assert found["note"].str.startswith("the audit of the baseline holds no influence of clusters").all()
