"""Data against size, against t tests, least squares and a simulation that are written out by hand."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from fairaudit.comparison.change import changes_of
from fairaudit.comparison.design import Design
from fairaudit.comparison.factorial import effects_of
from fairaudit.core.audit import AuditResult
from fairaudit.core.errors import ConfigError
from fairaudit.core.plan import Plan, PlanRow
from fairaudit.core.result import EFFECT_COLUMNS
from fairaudit.core.samples import Feature
from fairaudit.stats.outcomes import Outcomes
from tests.comparison.audits_of_rows import audit_of, row

Numbers = npt.NDArray[np.float64]
AB = Feature("g", ("a", "b"), "annotated", "by hand")
DATA, SIZES = ("things", "people"), ("s", "m", "l")
GRID = tuple(itertools.product(DATA, SIZES))
N = 240
GROUP = np.repeat(["a", "b"], [100, 140])
IN_A = GROUP == "a"
SIDES = (IN_A, ~IN_A)


def design_of(trainings: int = 1) -> Design:
    return Design({f"{d}-{s}-{k}": (d, s) for k in range(trainings) for d, s in GRID})


def losses(rng: np.random.Generator, design: Design, disparity: Mapping[tuple[str, str], float]) -> dict[str, Numbers]:
    """Return a number for each row and checkpoint: rows are alike in all, and group a differs by ``disparity``."""
    hard = rng.normal(size=N)
    return {
        name: hard + 0.5 * rng.normal(size=N) + np.where(IN_A, disparity.get(cell, 0.0), 0.0)
        for name, cell in design.cells.items()
    }


def audits_of(values: Mapping[str, Numbers]) -> dict[str, AuditResult]:
    return {
        name: audit_of(Outcomes("loss", v, np.arange(N), unit_interval=False), {"g": GROUP}, [AB])
        for name, v in values.items()
    }


def combined(values: Mapping[str, Numbers], design: Design, weights: Mapping[tuple[str, str], float]) -> Numbers:
    parts = [w * np.mean([values[n] for n in design.checkpoints(c)], axis=0) for c, w in weights.items()]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


THIRD = 1 / 3
BY_DATA = {(d, s): (THIRD if d == "people" else -THIRD) for d, s in GRID}
BY_SIZE = {(d, s): {"l": 0.5, "m": 0.0, "s": -0.5}[s] for d, s in GRID}
CONTRASTS: dict[tuple[str, str], Mapping[tuple[str, str], float]] = {
    ("data", ""): BY_DATA,
    ("size", ""): BY_SIZE,
    ("interaction", ""): {(d, s): 2 * BY_SIZE[d, s] * (1 if d == "people" else -1) for d, s in GRID},
    ("data_against_size", ""): {c: BY_DATA[c] - BY_SIZE[c] for c in GRID},
    ("data_at_size", "m"): {("people", "m"): 1.0, ("things", "m"): -1.0},
    ("size_at_data", "people"): {("people", "l"): 1.0, ("people", "s"): -1.0},
}


@pytest.mark.parametrize(("effect", "at"), CONTRASTS)
def test_an_effect_is_welchs_test_of_the_combined_outcomes(rng: np.random.Generator, effect: str, at: str) -> None:
    """One row a cluster: the disparity of a weighted sum of outcomes is the weighted sum of disparities."""
    design = design_of()
    values = losses(rng, design, {("people", "l"): 0.3})
    found = row(effects_of(audits_of(values), design), effect=effect, at=at)
    one = combined(values, design, CONTRASTS[effect, at])
    expected = stats.ttest_ind(one[IN_A], one[~IN_A], equal_var=False)
    assert found["change"] == pytest.approx(one[IN_A].mean() - one[~IN_A].mean())
    assert found["change"] / found["std_error"] == pytest.approx(expected.statistic)
    assert found["df"] <= expected.df + 1e-6
    assert found["p_value"] == pytest.approx(2 * stats.t.sf(abs(expected.statistic), found["df"]))
    assert np.isnan(found["between"])


def test_values_are_the_coefficients_of_least_squares(rng: np.random.Generator) -> None:
    """A saturated regression of all outcomes on group, data and size with sum-to-zero codes."""
    design = design_of(2)
    values = losses(rng, design, {("people", "l"): 0.4, ("things", "m"): -0.2})
    in_a = IN_A.astype(float)
    parts = []
    for name, (d, s) in design.cells.items():
        data, size = (0.5 if d == "people" else -0.5), {"s": (-1.0, -1.0), "m": (1.0, 0.0), "l": (0.0, 1.0)}[s]
        codes = [1.0, data, *size, data * size[0], data * size[1]]
        parts.append((np.stack([c * one for one in (np.ones(N), in_a) for c in codes], axis=1), values[name]))
    beta = np.linalg.lstsq(np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts]), rcond=None)[0]
    found = effects_of(audits_of(values), design)
    assert row(found, effect="data")["change"] == pytest.approx(beta[7])
    assert row(found, effect="size")["change"] == pytest.approx(beta[9] - (-beta[8] - beta[9]))
    assert row(found, effect="interaction")["change"] == pytest.approx(beta[11] - (-beta[10] - beta[11]))


def test_a_simple_effect_is_the_change_between_two_audits(rng: np.random.Generator) -> None:
    design = design_of()
    audits = audits_of(losses(rng, design, {("people", "m"): 0.3}))
    mine = row(effects_of(audits, design), effect="data_at_size", at="m")
    pair = {name: audits[name] for name in ("things-m-0", "people-m-0")}
    change = row(changes_of(pair, baseline="things-m-0"))
    same = ("change", "std_error", "df", "p_value", "p_size", "value_before", "value", "n", "n_clusters")
    assert {k: mine[k] for k in same} == pytest.approx({k: change[k] for k in same})


def test_trainings_add_their_variance(rng: np.random.Generator) -> None:
    design = design_of(3)
    values = losses(rng, design, {})
    for value in values.values():
        value[IN_A] += 0.2 * rng.normal()
    found = effects_of(audits_of(values), design)
    theta = {n: v[IN_A].mean() - v[~IN_A].mean() for n, v in values.items()}
    cells = [[theta[n] for n in design.checkpoints(c)] for c in GRID]
    pooled = np.mean([np.var(cell, ddof=1) for cell in cells])
    one = combined(values, design, BY_DATA)
    sampled = sum(np.var(one[side], ddof=1) / side.sum() for side in SIDES)
    trained = pooled / 3 * sum(w**2 for w in BY_DATA.values())
    data = row(found, effect="data")
    assert data["between"] == pytest.approx(np.sqrt(pooled))
    assert data["std_error"] == pytest.approx(np.sqrt(sampled + trained))
    within = [(np.var(one[side], ddof=1) / side.sum(), side.sum() - 1) for side in SIDES]
    welch = sum(v for v, _ in within) ** 2 / sum(v**2 / d for v, d in within)
    least = (sampled + trained) ** 2 / (sampled**2 / min(99, welch) + trained**2 / 12)
    assert data["df"] == pytest.approx(least, rel=0.05)
    assert (found["trainings"] == 3).all()


def share_of_false_alarms(found: pd.DataFrame, effect: str) -> float:
    return float((found.loc[found["effect"] == effect, "p_value"] < 0.05).mean())


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say(rng: np.random.Generator) -> None:
    """A hundred disparities that neither data nor size moves, and trainings that differ; at 1 in 1,000."""
    draws, design = 100, Design({f"{d}{s}{k}": (d, s) for k in range(3) for d in DATA for s in ("s", "l")})
    hard = rng.normal(size=(N, draws))
    plan = Plan(tuple(PlanRow("x", f"m{i}", "g", "one_vs_rest", group="a") for i in range(draws)))
    audits = {}
    for name in design.cells:
        shift = IN_A[:, None] * 0.15 * rng.normal(size=draws)
        values = hard + 0.5 * rng.normal(size=(N, draws)) + shift
        outcomes = [Outcomes(f"m{i}", values[:, i], np.arange(N), unit_interval=False) for i in range(draws)]
        audits[name] = audit_of(outcomes, {"g": GROUP}, [AB], plan=plan)
    found = effects_of(audits, design)
    low, high = stats.binom.interval(0.998, draws, 0.05)
    for effect in ("data", "size", "interaction"):
        assert low <= draws * share_of_false_alarms(found, effect) <= high
    assert set(found["verdict"]) == {"not_shown"}
    once = Design({name: cell for name, cell in design.cells.items() if name.endswith("0")})
    alone = effects_of({name: audits[name] for name in once.cells}, once)
    assert draws * share_of_false_alarms(alone, "data") > high  # what one training for each cell cannot tell


@pytest.mark.parametrize(
    ("disparity", "verdicts"),
    [
        ({c: 1.0 for c in GRID if c[0] == "people"}, {"data": "larger", "size": "not_shown",
                                                      "data_against_size": "larger", "interaction": "not_shown"}),
        ({c: -1.0 for c in GRID if c[1] == "l"}, {"data": "not_shown", "size": "larger",
                                                  "data_against_size": "smaller", "interaction": "not_shown"}),
        ({("people", "l"): 2.0}, {"interaction": "changed"}),
        ({c: (2.0 if c[0] == "things" else 0.0) for c in GRID}, {"data": "smaller", "data_against_size": "larger"}),
    ],
)  # fmt: skip
def test_verdicts(rng: np.random.Generator, disparity: dict[tuple[str, str], float], verdicts: dict[str, str]) -> None:
    design = design_of()
    found = effects_of(audits_of(losses(rng, design, disparity)), design)
    told = found[found["at"] == ""].set_index("effect")["verdict"]
    assert {effect: told[effect] for effect in verdicts} == verdicts
    assert tuple(found.columns) == EFFECT_COLUMNS
    assert tuple(dict.fromkeys(found["effect"])) == (
        "data_against_size", "data", "size", "interaction", "data_at_size", "size_at_data"
    )  # fmt: skip


def test_audits_of_other_people_are_not_compared(rng: np.random.Generator) -> None:
    design = design_of()
    audits: dict[str, Any] = audits_of(losses(rng, design, {}))
    values = rng.normal(size=N - 1)
    audits["people-m-0"] = audit_of(
        Outcomes("loss", values, np.arange(N - 1), unit_interval=False), {"g": GROUP[:-1]}, [AB], digest="d2"
    )
    found = effects_of(audits, design)
    assert set(found["verdict"]) == {"not_estimable"}
    assert found["note"].iloc[0] == (
        "people-m-0 and things-s-0 cannot be paired: the two audits did not see the same data: data has 240 rows in "
        "the baseline and 239 in the checkpoint's audit; remove the rows that only one audit read from both"
    )


def test_a_design_of_checkpoints_that_are_not_there(rng: np.random.Generator) -> None:
    audits = audits_of(losses(rng, design_of(), {}))
    with pytest.raises(ConfigError, match=r"^checkpoint of the design must be one of: "):
        effects_of(audits, design_of(2))
