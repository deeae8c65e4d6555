"""Labels drawn by their probabilities: how often, for whom together, and what is said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.stats.uncertain_labels import DRAWS, ImputedLabels, impute_labels, label_warnings, note_of

GROUPS = ("a", "b", "c")


def samples_of(shares: npt.ArrayLike, clusters: npt.ArrayLike | None = None, **fields: Any) -> Samples:
    """People with the probabilities ``shares`` (N, G) of a feature ``skin``."""
    shares_NG = np.asarray(shares, dtype=float)
    n, groups = len(shares_NG), GROUPS[: shares_NG.shape[1]]
    known = ~np.isnan(shares_NG).any(axis=1)
    names = np.array([*groups, NOT_RECORDED], dtype=object)
    labels = names[np.where(known, np.nan_to_num(shares_NG).argmax(axis=1), len(groups))]
    table = pd.DataFrame({
        "sample_id": [f"s{i:05d}" for i in range(n)], "path": "", "split": "", "label": "", "text": "",
        "cluster_id": [f"p{c}" for c in (np.arange(n) if clusters is None else np.asarray(clusters))], "skin": labels,
    })  # fmt: skip
    uncertain = {"skin": pd.DataFrame(shares_NG, columns=list(groups))}
    feature = Feature("skin", groups, "annotated", "three annotators")
    return Samples("faces", "x", "people", Path(), table, (feature,), "person", "CC0", **{
        "uncertain": uncertain, **fields
    })  # fmt: skip


def test_labels_are_drawn_as_often_as_they_are_probable() -> None:
    shares = np.array([[0.2, 0.3, 0.5], [0, 1, 0], [1 / 3, 0, 2 / 3], [np.nan] * 3, [0.9, 0.1, 0]])
    drawn = impute_labels(samples_of(shares), draws=20_000)["skin"]
    assert len(drawn) == 20_000
    for code in range(3):
        known = [0, 1, 2, 4]
        seen = (drawn.codes[:, known] == code).mean(axis=0)
        np.testing.assert_allclose(seen, shares[known, code], atol=4 * 0.5 / np.sqrt(20_000))
    assert (drawn.codes[:, 1] == 1).all()
    assert (drawn.codes[:, 3] == -1).all()
    assert set(drawn.column(0)[[1, 3]]) == {"b", NOT_RECORDED}
    assert drawn.uncertain == 3 / 4
    together = np.corrcoef(drawn.codes[:, 0], drawn.codes[:, 4])[0, 1]
    assert abs(together) < 4 / np.sqrt(20_000)


def test_a_person_has_one_label_in_each_draw() -> None:
    same = impute_labels(samples_of([[0.5, 0.5]] * 60, np.arange(60) // 3))["skin"].codes.reshape(DRAWS, 20, 3)
    assert (same == same[:, :, :1]).all()
    assert len(np.unique(same[:, :, 0], axis=0)) == DRAWS
    # Where one image of a cluster has other votes, the group is the image's and not the cluster's.
    apart = impute_labels(samples_of([[0.5, 0.5], [0.5, 0.5], [0.6, 0.4]] * 20, np.arange(60) // 3))["skin"].codes
    apart = apart.reshape(DRAWS, 20, 3)
    assert 0.3 < (apart[:, :, 0] == apart[:, :, 1]).mean() < 0.7


def test_draws_do_not_depend_on_the_order_of_rows_or_on_other_features(rng: np.random.Generator) -> None:
    shares, clusters, order = rng.dirichlet([1, 1, 1], 90), rng.integers(0, 40, 90), rng.permutation(90)
    first = samples_of(shares, clusters)
    table, skin = first.table.iloc[order].reset_index(drop=True), first.uncertain["skin"].iloc[order]
    age = Feature("age", GROUPS, "annotated", "three annotators")
    second = Samples(**{
        **first.__dict__, "features": (age, *first.features), "table": table.assign(age=table["skin"]),
        "uncertain": {"age": skin.reset_index(drop=True), "skin": skin.reset_index(drop=True)},
    })  # fmt: skip
    one, two = impute_labels(first)["skin"], impute_labels(second)
    np.testing.assert_array_equal(one.codes[:, order], two["skin"].codes)
    assert (two["age"].codes != two["skin"].codes).any()  # features are drawn apart
    assert (impute_labels(first, seed=1)["skin"].codes != one.codes).any()


def test_certain_labels_are_not_drawn() -> None:
    assert impute_labels(samples_of([[1.0, 0.0], [0.0, 1.0], [np.nan, np.nan]])) == {}
    assert impute_labels(samples_of([[1, 0], [0, 1]], uncertain={})) == {}


def test_what_is_said() -> None:
    drawn = {"skin": ImputedLabels(GROUPS, np.zeros((20, 4), dtype=np.int16), 0.3125)}
    assert label_warnings(drawn) == (
        "31.2 % of the labels of skin are uncertain: they were drawn 20 times by their probabilities, and intervals "
        "include that. Some drawn labels are wrong, which brings groups closer together than they are, and this is not "
        "corrected: a true difference may exceed its interval, also if the verdict is within_tolerance.",
    )
    assert note_of(drawn, ["gender", "skin"]) == "31.2 % of the labels of skin are uncertain"
    assert note_of(drawn, ["gender"]) == ""
    assert label_warnings({}) == ()
