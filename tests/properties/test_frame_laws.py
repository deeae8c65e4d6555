"""``OutcomeFrame`` gives what fairlearn's ``MetricFrame`` gives, on any table where fairlearn is right."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from fairaudit.tabular.frame import OutcomeFrame

SEEDS = st.integers(0, 2**32 - 1)
#: Values of a feature that fairlearn keeps as they are.
LEVELS: list[list[Any]] = [["a", "b"], ["x", "y", "z"], [0, 1, 5], [False, True], ["", "é", "A & B"]]
METHODS = ("between_groups", "to_overall")


@pytest.fixture(autouse=True)
def empty_groups_are_named() -> Iterator[None]:
    """Let the warning about groups without an outcome pass: here fairlearn leaves them out, too."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* groups without an outcome")
        yield


@st.composite
def tables(draw: st.DrawFn) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Rows with one or two outcomes, binary or real, and the names of sensitive and control features."""
    rng = np.random.default_rng(draw(SEEDS))
    n = draw(st.integers(1, 60))
    n_sensitive, n_controls = draw(st.sampled_from([(1, 0), (2, 0), (1, 1), (2, 1), (1, 2)]))
    sensitive, controls = ["gender", "skin"][:n_sensitive], ["place", "year"][:n_controls]
    columns: dict[str, Any] = {
        name: rng.choice(np.array(draw(st.sampled_from(LEVELS)), dtype=object), n) for name in (*sensitive, *controls)
    }
    for metric in ("hit", "loss")[: draw(st.integers(1, 2))]:
        kind = draw(st.sampled_from(["binary", "share", "real"]))
        binary = (rng.random(n) < draw(st.floats(0, 1))).astype(float)
        columns[metric] = {"binary": binary, "share": rng.random(n), "real": rng.normal(3, 2, n)}[kind]
    if draw(st.booleans()):
        columns["weight"] = 10 ** rng.uniform(-2, 2, n)
    index = rng.permutation(n) if draw(st.booleans()) else np.arange(n)
    return pd.DataFrame(columns, index=index), sensitive, controls


def both(table: pd.DataFrame, sensitive: list[str], controls: list[str]) -> tuple[OutcomeFrame, MetricFrame]:
    metrics = [m for m in ("hit", "loss") if m in table]

    def mean_of(metric: str) -> Callable[..., float]:
        return lambda y_true, y_pred, *, value, weight: float(np.average(value, weights=weight))

    weights = table["weight"] if "weight" in table else np.ones(len(table))
    theirs = MetricFrame(
        metrics={m: mean_of(m) for m in metrics},
        y_true=np.zeros(len(table)),
        y_pred=np.zeros(len(table)),
        sensitive_features=table[sensitive],
        control_features=table[controls] if controls else None,
        sample_params={m: {"value": table[m], "weight": weights} for m in metrics},
    )
    ours = OutcomeFrame(
        table[metrics],
        sensitive_features=table[sensitive],
        control_features=table[controls] if controls else None,
        unbounded=unbounded(table, metrics),
        sample_weight=table.get("weight"),
    )
    return ours, theirs


def unbounded(table: pd.DataFrame, metrics: list[str]) -> list[str]:
    return [m for m in metrics if not table[m].dropna().between(0, 1).all()]


def assert_same(ours: pd.DataFrame | pd.Series, theirs: pd.DataFrame | pd.Series) -> None:
    if isinstance(theirs, pd.Series):
        assert isinstance(ours, pd.Series)
        pd.testing.assert_series_equal(ours, theirs.astype(float), rtol=1e-9, atol=1e-12)
    else:
        assert isinstance(ours, pd.DataFrame)
        pd.testing.assert_frame_equal(ours, theirs.astype(float), rtol=1e-9, atol=1e-12)


@settings(max_examples=40)
@given(tables())
def test_numbers_are_those_of_fairlearn(drawn: tuple[pd.DataFrame, list[str], list[str]]) -> None:
    table, sensitive, controls = drawn
    ours, theirs = both(table, sensitive, controls)
    assert_same(ours.by_group, theirs.by_group)
    assert_same(ours.overall, theirs.overall)
    assert_same(ours.group_min(), theirs.group_min())
    assert_same(ours.group_max(), theirs.group_max())
    # Where one group is left there is nothing to compare: fairlearn says 0 and 1 there, which look like equality.
    pairs = table[sensitive].astype(str).agg("|".join, axis=1)
    groups: Any = pairs.groupby([table[c] for c in controls]).nunique() if controls else pairs.nunique()
    for name, method in itertools.product(("difference", "ratio"), METHODS):
        mine, other = getattr(ours, name)(method=method), getattr(theirs, name)(method=method)
        if not controls:
            assert_same(mine, other if groups >= 2 else other * np.nan)
        else:
            assert_same(mine, other.where(groups.reindex(other.index) >= 2))


@settings(max_examples=15)
@given(tables(), st.sampled_from(["micro", "macro"]))
def test_the_real_metricframe_has_our_values(drawn: tuple[pd.DataFrame, list[str], list[str]], average: Any) -> None:
    table, sensitive, controls = drawn
    metrics = [m for m in ("hit", "loss") if m in table]
    table.loc[table.index[::4], metrics] = np.nan
    clusters = np.arange(len(table)) // 3
    ours = OutcomeFrame(
        table[metrics],
        sensitive_features=table[sensitive],
        control_features=table[controls] if controls else None,
        clusters=clusters,
        average=average,
        unbounded=unbounded(table, metrics),
        sample_weight=table.get("weight"),
    )
    theirs = ours.to_metricframe()
    assert isinstance(theirs, MetricFrame)
    assert_same(ours.by_group, theirs.by_group)
    assert_same(ours.overall, theirs.overall)


@settings(max_examples=15)
@given(tables())
def test_the_order_of_rows_does_not_matter(drawn: tuple[pd.DataFrame, list[str], list[str]]) -> None:
    table, sensitive, controls = drawn
    frames = []
    for one in (table, table.iloc[::-1]):
        ours, _ = both(one, sensitive, controls)
        frames.append((ours.intervals(), ours.disparities()))
    for first, second in zip(*frames, strict=True):
        pd.testing.assert_frame_equal(first, second, rtol=1e-7, atol=1e-9)


@settings(max_examples=15)
@given(tables())
def test_every_group_has_a_row_and_no_number_without_a_reason(
    drawn: tuple[pd.DataFrame, list[str], list[str]],
) -> None:
    ours, _ = both(*drawn)
    rows = ours.intervals()
    for metric in ours.by_group:
        mine = rows[rows["metric"] == metric]
        assert mine.index.equals(ours.by_group.index)
        assert mine["value"].tolist() == pytest.approx(ours.by_group[metric].tolist(), nan_ok=True)
    assert (rows["value"].isna() == (rows["status"] == "not_estimable")).all()
    assert (rows.loc[rows["status"] != "ok", "note"] != "").all()
    compared = ours.disparities()
    assert (compared.loc[compared["value"].isna(), "verdict"] == "not_estimable").all()
    assert (compared.loc[compared["verdict"] == "not_estimable", "note"] != "").all()
