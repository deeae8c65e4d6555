"""When two audits cannot be compared, each reason in its words: nothing is absorbed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fairaudit.comparison.change import changes_of
from fairaudit.core.audit import AuditResult
from fairaudit.core.plan import Plan, PlanRow
from fairaudit.core.result import STATISTIC_COLUMNS, table
from fairaudit.core.samples import Feature
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.verdicts import decide
from tests.comparison.audits_of_rows import audit_of, groups_of, row

AB = Feature("g", ("a", "b"), "annotated", "by hand")
N = 200
GROUP = groups_of(np.random.default_rng(0), N)


def hits(seed: int, clusters: Any = None) -> Outcomes:
    return Outcomes("hit", np.random.default_rng(seed).integers(0, 2, N).astype(float),
                    np.arange(N) if clusters is None else clusters)  # fmt: skip


def audit(one: Outcomes | None = None, seed: int = 1, **fields: Any) -> AuditResult:
    return audit_of(hits(seed) if one is None else one, {"g": GROUP}, [AB], **fields)


def note(before: AuditResult, after: AuditResult) -> str:
    found = row(changes_of({"old": before, "new": after}, baseline="old"))
    assert found["verdict"] == "not_estimable"
    assert np.isnan([found["p_value"], found["p_adjusted"], found["ci_low_adjusted"]]).all()
    assert found["status"] in ("not_estimable", "too_few")
    return str(found["note"])


def with_result(one: AuditResult, **changes: Any) -> AuditResult:
    return dataclasses.replace(one, results=(dataclasses.replace(one.results[0], **changes),))


def with_data(one: AuditResult, **changes: Any) -> AuditResult:
    return dataclasses.replace(one, data=(dataclasses.replace(one.data[0], **changes),))


CASES: dict[str, tuple[Callable[[AuditResult], AuditResult], str]] = {
    "images": (lambda a: with_data(a, n=199, digest="d2"),
               "the two audits did not see the same data: data has 200 rows in the baseline and 199 in the "
               "checkpoint's audit; remove the rows that only one audit read from both"),
    "contents": (lambda a: with_data(a, digest="d2"),
                 "the two audits did not see the same data: data has as many rows in both, with other contents"),
    "version": (lambda a: with_result(a, version="2"),
                "x was version 1 in the baseline and 2 in the checkpoint's audit"),
    "setting": (lambda a: dataclasses.replace(a, config={"indicators": {"x": {"tau": 0.3, "tolerance": 0.5}}}),
                "the setting 'tau' was null in the baseline and 0.3 in the checkpoint's audit"),
    "average": (lambda a: with_result(a, params={"average": "macro"}),
                "the setting 'average' was null in the baseline and \"macro\" in the checkpoint's audit"),
    "no result": (lambda a: dataclasses.replace(a, results=()), "the checkpoint has no result of x on data"),
    "saved before": (lambda a: with_result(a, comparisons=()),
                     "the audit of the checkpoint holds no influence of clusters on this row; run it again"),
    "no statistics": (lambda a: with_result(a, statistics=table([], STATISTIC_COLUMNS)),
                      "200 of 200 clusters were measured in only one of the two audits; remove them from both"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_audits_that_are_not_of_the_same(case: str) -> None:
    change, text = CASES[case]
    if case == "no statistics":  # an audit without them cannot say which groups it has: all clusters are missing
        text = text.replace("200 of 200", f"{(GROUP == 'a').sum()} of {(GROUP == 'a').sum()}")
    assert note(audit(), change(audit(seed=2))) == text


def test_no_statistics_in_either() -> None:
    empty = {"statistics": table([], STATISTIC_COLUMNS)}
    assert note(with_result(audit(), **empty), with_result(audit(seed=2), **empty)) == (
        "the audits hold no statistics of these groups; run them again"
    )


def test_a_tolerance_may_differ() -> None:
    other = dataclasses.replace(audit(seed=2), config={"indicators": {"x": {"tolerance": 0.5}}})
    assert row(changes_of({"old": audit(), "new": other}, baseline="old"))["status"] == "ok"


def test_data_of_the_gallery_must_be_the_same_too() -> None:
    config = {"indicators": {"x": {"gallery": "shelf"}}}
    audits = []
    for digest in ("e1", "e2"):
        one = audit(config=config)
        shelf = dataclasses.replace(one.data[0], name="shelf", digest=digest)
        audits.append(dataclasses.replace(one, data=(*one.data, shelf)))
    assert note(*audits).startswith("the two audits did not see the same data: shelf has as many rows")


def test_clusters_that_only_one_audit_measured_are_counted() -> None:
    values = hits(2).values.copy()
    at = np.flatnonzero(GROUP == "a")[:3]
    values[at] = np.nan
    assert note(audit(), audit(Outcomes("hit", values, np.arange(N)))) == (
        f"3 of {(GROUP == 'a').sum()} clusters were measured in only one of the two audits; remove them from both"
    )


def test_clusters_that_were_measured_on_other_images_are_counted() -> None:
    clusters = np.arange(N) // 2 * 2
    group = GROUP[clusters]
    values = hits(2).values.copy()
    values[[1, 3]] = np.nan
    before, after = (
        audit_of(Outcomes("hit", v, clusters), {"g": group}, [AB]) for v in (hits(1).values, values)
    )  # fmt: skip
    lost = len(set(clusters[[1, 3]][group[[1, 3]] == group[1]]))
    assert note(before, after) == f"{lost} clusters were measured on other images or labels in the two audits"


def test_other_numbers_of_a_trend_are_not_the_same_rows() -> None:
    audits = []
    for missing in (0, 5):
        x = np.arange(N, dtype=float)
        x[:missing] = np.nan
        audits.append(
            audit_of(hits(1), {}, [], numeric={"income": (x, "per_doubling")}, primary=("income",))
        )  # fmt: skip
    found = changes_of({"old": audits[0], "new": audits[1]}, baseline="old")
    assert row(found, kind="slope")["note"] == "other rows were compared"


@pytest.mark.parametrize(("kind", "start"), [("gap", "the highest and the lowest group may be others"),
                                             ("omnibus", "a test of all groups at once has no size")])  # fmt: skip
def test_what_has_no_smooth_estimate(kind: str, start: str) -> None:
    plan = Plan((PlanRow("hit", "hit", "g", kind),))
    audits = {}
    for i, name in enumerate(("old", "new")):
        one = audit(seed=i)
        renamed = dataclasses.replace(one.results[0], indicator="hit")
        decided, applied = decide([renamed], plan)
        audits[name] = dataclasses.replace(one, results=decided, plan=applied)
    assert note(audits["old"], audits["new"]).startswith(start)


def test_a_row_that_one_plan_lacks() -> None:
    two = Feature("h", ("x", "y"), "annotated", "by hand")
    columns = {"g": GROUP, "h": np.roll(np.where(GROUP == "a", "x", "y"), 1)}
    before = audit_of(hits(1), columns, [AB, two])
    after = audit_of(hits(2), columns, [AB, two], primary=("g",))
    found = changes_of({"old": before, "new": after}, baseline="old")
    assert row(found, feature="g")["status"] == "ok"
    assert row(found, feature="h")["note"] == "not among the planned comparisons of the checkpoint"
    turned = changes_of({"old": before, "new": after}, baseline="new")
    assert row(turned, feature="h")["note"] == "not among the planned comparisons of the baseline"


def test_a_row_that_one_audit_could_not_estimate() -> None:
    group = np.where(np.arange(N) < 10, "a", "b")
    before, after = (audit_of(hits(i), {"g": group}, [AB]) for i in (1, 2))
    assert note(before, after) == "in the baseline: 10 independent units; at least 20 are needed"
    nothing = np.where(GROUP == "a", np.nan, hits(2).values)
    assert note(audit(), audit(Outcomes("hit", nothing, np.arange(N)))) == (
        "not estimable in the checkpoint: no image was measured in this group"
    )


def test_too_few_clusters_that_changed() -> None:
    clusters, group = np.repeat(np.arange(100), 2), np.repeat(["a", "b"], [80, 120])
    values = hits(1).values.copy()
    values[:12:2] = 1 - values[:12:2]
    before, same, after = (
        audit_of(Outcomes("hit", v, clusters), {"g": group}, [AB]) for v in (hits(1).values, hits(1).values, values)
    )
    assert note(before, after) == (
        "the outcome changed in 6 of 100 clusters, 2.4 of them to be expected on the smaller side; at least 5 are "
        "needed"
    )
    assert note(before, same).startswith("the outcome changed in 0 of 100 clusters, 0.0 of them")


def test_three_groups_meet_all_others(rng: np.random.Generator) -> None:
    place = Feature("place", ("p", "q", "r"), "annotated", "by hand")
    group = np.where(np.arange(N) < 5, "not recorded", rng.choice(place.groups, N))
    before, after = (audit_of(hits(i), {"place": group}, [place]) for i in (1, 2))
    found = row(changes_of({"old": before, "new": after}, baseline="old"), group="p")
    moved = hits(2).values - hits(1).values
    mine, others = moved[group == "p"], moved[np.isin(group, ["q", "r"])]
    assert found["change"] == pytest.approx(mine.mean() - others.mean())
    assert found["std_error"] == pytest.approx(np.sqrt(sum(m.var(ddof=1) / len(m) for m in (mine, others))), rel=0.01)
