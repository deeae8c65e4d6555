"""Same-attribute retrieval: whether the nearest neighbours of a person share an attribute, for every group."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.disparity import Cohort, measure
from fairaudit.core.errors import RequirementError, did_you_mean
from fairaudit.core.indicator import Indicator
from fairaudit.core.neighbours import nearest
from fairaudit.core.outcomes import Floats, GalleryRole, Ints, Outcomes
from fairaudit.core.result import CURVE_COLUMNS, IndicatorResult, table
from fairaudit.core.samples import NOT_RECORDED, Samples
from fairaudit.core.tables import Embeddings

# Shape suffixes: Q queries, K neighbours.


@dataclass(frozen=True)
class Config:
    """Options of ``representation_disparity``.

    Parameters
    ----------
    attribute : str
        The recorded feature that a neighbour must share with the query.
    k : tuple of int
        Lengths of the neighbour lists; the paper has 1, 5, 10 and 50. The headline is at 10, or at the largest
        where 10 is not among them.
    gallery : str
        Name of the data set that is searched; empty to search the queries' own.
    tolerance, slope_tolerance : float
        Differences in class-balanced precision, and slopes per step of an order, that count as none.
    """

    attribute: str = "gender"
    k: tuple[int, ...] = (1, 5, 10, 50)
    gallery: str = ""
    tolerance: float = 0.05
    slope_tolerance: float = 0.02


def compute(
    *,
    samples: Samples,
    config: Config,
    embeddings: Embeddings,
    gallery_samples: Samples | None = None,
    gallery_embeddings: Embeddings | None = None,
) -> IndicatorResult:
    """Return precision@k by group: of a person's k nearest images, the share with the person's own attribute.

    1.0 means that every neighbour matches; a lower value in one group says that the representation serves that
    group worse [1]_. An image is never its own neighbour, nor is another image of the same person where persons
    are known. Raw precision follows how common an attribute is in the gallery, so it is printed without a
    comparison; ``balanced_precision@k`` weighs the gallery so that every value of the attribute counts the same,
    which puts chance at one over the number of values for everybody.

    Parameters
    ----------
    samples : Samples
        Queries, with the feature ``config.attribute``.
    config : Config
    embeddings : Embeddings
        Of the queries, rows aligned with ``samples``.
    gallery_samples, gallery_embeddings : optional
        The set that is searched; default: the queries' own.

    Raises
    ------
    RequirementError
        If the attribute is not recorded, has fewer than two values, or the gallery is smaller than k.

    References
    ----------
    .. [1] Goyal et al. (2022), arXiv:2202.07603, section 3.3 (indicator 3, same-attribute retrieval).
    """
    if gallery_samples is None or gallery_embeddings is None:
        gallery_samples, gallery_embeddings = samples, embeddings
    truth_Q, truth_G = (_attribute(s, config.attribute) for s in (samples, gallery_samples))
    usable_G = truth_G != NOT_RECORDED
    values = sorted(set(truth_G[usable_G]))
    if len(values) < 2:
        raise RequirementError(
            f"attribute '{config.attribute}' must have at least two values in the gallery '{gallery_samples.name}'; "
            f"got {len(values)}.",
            what_to_do="Add images of other groups, or match another attribute "
            "(--set representation_disparity.attribute=NAME).",
        )
    clusters_Q, clusters_G = _cluster_codes(samples, gallery_samples)
    class_weight = {v: usable_G.sum() / (len(values) * (truth_G == v).sum()) for v in values}
    length = int(np.ceil(max(config.k) / min(class_weight.values()))) + 1
    left = int(usable_G.sum()) - int(np.bincount(clusters_G[usable_G]).max())
    ks = tuple(k for k in config.k if k <= left)
    if not ks:
        raise RequirementError(
            f"gallery '{gallery_samples.name}' must hold more images than k; it has {left} outside a query's own "
            f"{samples.cluster}, and the smallest k is {min(config.k)}.",
            what_to_do="Add images, or choose a smaller k (--set representation_disparity.k=1,5).",
        )
    gallery = np.flatnonzero(usable_G)
    found_QK = gallery[
        nearest(
            embeddings.vectors,
            gallery_embeddings.vectors[gallery],
            k=min(length, left),
            query_clusters=clusters_Q,
            gallery_clusters=clusters_G[gallery],
        )
    ]
    known_Q = np.isin(truth_Q, values)
    match_QK = (truth_G[found_QK] == truth_Q[:, None]).astype(float)
    weight_QK = np.array([class_weight.get(v, 0.0) for v in truth_G])[found_QK]
    outcomes = []
    for k in ks:
        raw = _precision(match_QK, np.ones_like(weight_QK), k, known_Q)
        balanced = _precision(match_QK, weight_QK, k, known_Q)
        for name, (value, influence) in (("precision", raw), ("balanced_precision", balanced)):
            role = GalleryRole(clusters_G[found_QK], influence)
            outcomes.append(Outcomes(f"{name}@{k}", value, clusters_Q, gallery=role))
    headline = f"balanced_precision@{10 if 10 in ks else max(ks)}"
    cohort = Cohort.of(samples, INDICATOR.name)
    measured = measure(
        cohort,
        outcomes,
        headline=headline,
        contrasts=[o.metric for o in outcomes if o.metric.startswith("balanced")],
        tolerance=config.tolerance,
        slope_tolerance=config.slope_tolerance,
    )
    return IndicatorResult(
        indicator=INDICATOR.name,
        version=INDICATOR.version,
        title=INDICATOR.title,
        question=INDICATOR.question,
        dataset=samples.name,
        headline=headline,
        groups=measured.groups,
        disparities=measured.disparities,
        curves=_curves(measured.groups, samples),
        statistics=measured.statistics,
        params={
            **dataclasses.asdict(config), "k": list(ks), "gallery": gallery_samples.name, "classes": values,
            "chance": 1 / len(values), "n_queries": int(known_Q.sum()), "n_gallery": len(gallery),
            "layer": embeddings.layer, "own_cluster_excluded": samples.cluster,
        },
        metrics=_meanings(ks, config.attribute, len(values)),
        warnings=_warnings(samples, config, ks, truth_Q, known_Q),
    )  # fmt: skip


def _attribute(samples: Samples, name: str) -> npt.NDArray[np.str_]:
    names = [f.name for f in samples.features]
    if name not in names:
        raise RequirementError(
            f"data set '{samples.name}' must record the attribute '{name}'; it records {', '.join(names) or 'none'}. "
            f"{did_you_mean(name, names)}".rstrip(),
            what_to_do="Match another attribute (--set representation_disparity.attribute=NAME).",
        )
    return samples.table[name].to_numpy(str)


def _cluster_codes(samples: Samples, gallery: Samples) -> tuple[Ints, Ints]:
    """One code space for both sets; clusters of different sets are different unless the sets are one."""
    same = gallery.name == samples.name
    keys_Q = samples.table["cluster_id"].astype(str)
    keys_G = keys_Q if same else "gallery/" + gallery.table["cluster_id"].astype(str)
    codes, _ = pd.factorize(pd.concat([keys_Q, keys_G], ignore_index=True))
    codes = codes.astype(np.int64)
    return codes[: len(keys_Q)], codes[len(keys_Q) :]


def _precision(match_QK: Floats, weight_QK: Floats, k: int, known_Q: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return weighted precision (Q,) and its derivative (Q, K) by the weight of each neighbour.

    Neighbours are taken until their weights add up to ``k``; the last one counts in part.
    """
    before = np.cumsum(weight_QK, axis=1) - weight_QK
    used = np.clip(k - before, 0, weight_QK)
    total = used.sum(axis=1, keepdims=True)
    value = (used * match_QK).sum(axis=1, keepdims=True) / total
    influence = used * (match_QK - value) / total
    influence[~known_Q] = 0.0
    return np.where(known_Q, np.clip(value[:, 0], 0, 1), np.nan), influence


def _curves(groups: pd.DataFrame, samples: Samples) -> pd.DataFrame:
    """Class-balanced precision against k, by single feature."""
    names = {f.name for f in samples.features}
    rows = groups[groups["metric"].str.startswith("balanced_precision@") & groups["feature"].isin(names)]
    return table(
        [
            {"metric": "balanced_precision", "feature": r.feature, "group": r.group, "x_name": "k",
             "x": float(str(r.metric).split("@")[1]), "value": r.value, "ci_low": r.ci_low, "ci_high": r.ci_high,
             "n": r.n, "n_clusters": r.n_clusters}
            for r in rows.itertuples()
        ],
        CURVE_COLUMNS,
    )  # fmt: skip


def _meanings(ks: tuple[int, ...], attribute: str, n_values: int) -> dict[str, str]:
    meanings = {}
    for k in ks:
        meanings[f"precision@{k}"] = (
            f"Share of a query's {k} nearest images with the query's own {attribute}, in [0, 1]; higher is better. "
            "It follows how common each value is, so groups are not compared on it (Goyal et al. 2022)."
        )
        meanings[f"balanced_precision@{k}"] = (
            f"The same with every value of {attribute} weighing equally in the gallery: chance is "
            f"{1 / n_values:.2f} for everybody, 1 is best; a lower value means that the group is served worse."
        )
    return meanings


def _warnings(
    samples: Samples, config: Config, ks: tuple[int, ...], truth_Q: npt.NDArray[np.str_], known_Q: npt.NDArray[np.bool_]
) -> tuple[str, ...]:
    warnings = []
    if samples.cluster == "image":
        warnings.append(
            "Persons are not known in this data set: two images of one person may be neighbours, which makes "
            "precision look better, and images are treated as independent."
        )
    if not known_Q.all():
        left_out = dict(pd.Series(truth_Q[~known_Q]).value_counts())
        listed = ", ".join(f"{v}: {n}" for v, n in left_out.items())
        n = int((~known_Q).sum())
        warnings.append(f"{n} queries have no value that the gallery knows and count nowhere ({listed}).")
    if len(ks) < len(config.k):
        missing = ", ".join(str(k) for k in config.k if k not in ks)
        warnings.append(f"The gallery is too small for k = {missing}.")
    return tuple(warnings)


INDICATOR = Indicator(
    name="representation_disparity",
    version="1",
    title="Representation disparity",
    question="When a person's picture is looked up, do the most similar pictures show people of the same "
    "attribute, equally often for every group?",
    subject="people",
    config=Config,
    compute=compute,
)
