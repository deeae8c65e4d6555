"""Same-attribute retrieval: whether the nearest neighbours of a person share an attribute, for every group."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.disparity import Cohort, Measured, measure
from fairaudit.core.errors import ConfigError, RequirementError, did_you_mean, unknown_name
from fairaudit.core.indicator import Indicator
from fairaudit.core.neighbours import nearest
from fairaudit.core.outcomes import Floats, GalleryRole, Ints, Outcomes, class_parts
from fairaudit.core.result import CURVE_COLUMNS, IndicatorResult, table
from fairaudit.core.samples import NOT_RECORDED, Samples
from fairaudit.core.tables import Embeddings

# Shape suffixes: Q queries, G gallery items, K neighbours, C values (classes) of the attribute.

#: A list must weigh this many times the rarest value's weight; shorter ones are too coarse to put chance at 1 / C.
_LEAST_ITEMS = 4
#: Neighbours behind a list that say what would take a lost item's place; more are taken behind longer lists.
_BEHIND = 10
#: What the gallery is taken for: a sample like the queries, or all that there is.
GALLERY_ROLES = ("sampled", "fixed")
CONDITIONAL = "conditional on this gallery"
_FIXED_WARNING = (
    f"Intervals, tests and verdicts are {CONDITIONAL}: they count that other people could have been looked up, and not "
    "that others could have been there to be found. They say nothing about another gallery. Where queries alone were "
    "resampled on 2,564 UTKFace images, labels without meaning raised false alarms in 56 to 74 % of audits (34 % where "
    "the gallery was other images), and in 0.3 % where the gallery counted as a sample, too."
)


@dataclass(frozen=True)
class Config:
    """Options of ``representation_disparity``.

    Parameters
    ----------
    attribute : str
        The recorded feature that a neighbour must share with the query.
    k : tuple of int
        Lengths of the neighbour lists; the paper has 1, 5, 10 and 50. The headline is at 10, or at the largest
        where 10 is not among them or too short for how rare a value is.
    gallery : str
        Name of the data set that is searched; empty to search the queries' own.
    gallery_role : {"sampled", "fixed"}
        ``"sampled"``: a gallery of other people could have been drawn, and intervals count that. ``"fixed"``: it is
        all that will ever be searched; intervals hold for this gallery only and are often several times too narrow
        for any other.
    tolerance, slope_tolerance : float
        Differences in class-balanced precision, and slopes per step of an order, that count as none.
    control_features : tuple of str
        Recorded features: groups are compared within their levels too, and as if every group had the same mix of
        them.
    """

    attribute: str = "gender"
    k: tuple[int, ...] = (1, 5, 10, 50)
    gallery: str = ""
    gallery_role: str = "sampled"
    tolerance: float = 0.05
    slope_tolerance: float = 0.02
    control_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.k or min(self.k) < 1 or len(set(self.k)) < len(self.k):
            raise ConfigError(
                f"k of representation_disparity must be different whole numbers from 1; got {list(self.k)}. "
                "The paper uses 1,5,10,50."
            )
        if self.gallery_role not in GALLERY_ROLES:
            raise unknown_name("gallery_role of representation_disparity", self.gallery_role, GALLERY_ROLES)


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
        If the attribute is not recorded, has fewer than two values, the gallery is smaller than k, or holds too few
        of some value.

    References
    ----------
    .. [1] Goyal et al. (2022), arXiv:2202.07603, section 3.3 (indicator 3, same-attribute retrieval).
    """
    if gallery_samples is None or gallery_embeddings is None:
        gallery_samples, gallery_embeddings = samples, embeddings
    lists = _search(samples, gallery_samples, config, embeddings, gallery_embeddings)
    outcomes, fixed = _outcomes(lists), config.gallery_role == "fixed"
    if fixed:
        outcomes = [dataclasses.replace(one, gallery=None) for one in outcomes]
    headline = f"balanced_precision@{10 if 10 in lists.balanced_ks else max(lists.balanced_ks)}"
    measured = measure(
        Cohort.of(samples, INDICATOR.name, control_features=config.control_features),
        outcomes,
        headline=headline,
        contrasts=[o.metric for o in outcomes if o.metric.startswith("balanced")],
        tolerance=config.tolerance,
        slope_tolerance=config.slope_tolerance,
    )
    if fixed:
        measured = _conditional(measured)
    return INDICATOR.result(
        dataset=samples.name,
        headline=headline,
        measured=measured,
        curves=_curves(measured.groups, samples),
        params={
            **dataclasses.asdict(config), "control_features": list(config.control_features), "k": list(lists.ks),
            "k_balanced": list(lists.balanced_ks),
            "gallery": gallery_samples.name, "classes": list(lists.classes), "chance": 1 / len(lists.classes),
            "n_queries": int(lists.known_Q.sum()), "n_gallery": lists.n_gallery, "layer": embeddings.layer,
            "own_cluster_excluded": samples.cluster,
        },
        metrics=_meanings(lists, config.attribute),
        warnings=(*((_FIXED_WARNING,) if fixed else ()), *_warnings(samples, config, lists)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Lists:
    """Neighbour lists of all queries, and what is needed to judge them."""

    ks: tuple[int, ...]
    balanced_ks: tuple[int, ...]
    classes: tuple[str, ...]
    n_gallery: int
    clusters_Q: Ints
    truth_Q: npt.NDArray[np.str_]
    known_Q: npt.NDArray[np.bool_]
    clusters_QK: Ints
    class_QK: Ints
    match_QK: Floats
    weight_QK: Floats
    parts_UC: Floats


def _search(
    samples: Samples, gallery: Samples, config: Config, vectors: Embeddings, gallery_vectors: Embeddings
) -> _Lists:
    truth_Q, truth_G = (_attribute(s, config.attribute) for s in (samples, gallery))
    rows = np.flatnonzero(truth_G != NOT_RECORDED)
    clusters_Q, clusters_G = _cluster_codes(samples, gallery)
    clusters_G = clusters_G[rows]
    classes, class_G = np.unique(truth_G[rows], return_inverse=True)
    if len(classes) < 2:
        raise RequirementError(
            f"attribute '{config.attribute}' must have at least two values in the gallery '{gallery.name}'; "
            f"got {len(classes)}.",
            what_to_do="Add images of other groups, or match another attribute "
            "(--set representation_disparity.attribute=NAME).",
        )
    rarest = len(rows) / (len(classes) * np.bincount(class_G).min())
    left = len(rows) - int(np.bincount(clusters_G).max())
    ks = tuple(k for k in config.k if k <= left)
    balanced_ks = tuple(k for k in ks if k >= _LEAST_ITEMS * rarest)
    if not balanced_ks:
        raise _no_list(config, left, rarest, gallery.name, samples.cluster)
    weight_QC = _class_weights(clusters_Q, clusters_G, class_G)
    wanted = (max(ks) + max(*ks, _BEHIND)) / min(weight_QC.min(), 1.0)
    found_QK = nearest(
        vectors.vectors,
        gallery_vectors.vectors[rows],
        k=min(left, int(np.ceil(wanted)) + 1),
        query_clusters=clusters_Q,
        gallery_clusters=clusters_G,
    )
    class_QK = class_G[found_QK]
    return _Lists(
        ks=ks,
        balanced_ks=balanced_ks,
        classes=tuple(str(c) for c in classes),
        n_gallery=len(rows),
        clusters_Q=clusters_Q,
        truth_Q=truth_Q,
        known_Q=np.isin(truth_Q, classes),
        clusters_QK=clusters_G[found_QK],
        class_QK=class_QK,
        match_QK=(classes[class_QK] == truth_Q[:, None]).astype(float),
        weight_QK=np.take_along_axis(weight_QC, class_QK, axis=1),
        parts_UC=class_parts(class_G, clusters_G),
    )


def _outcomes(lists: _Lists) -> list[Outcomes]:
    outcomes = []
    for k in lists.ks:
        value, influence = _precision(lists.match_QK, np.ones_like(lists.weight_QK), k, lists.known_Q)
        role = GalleryRole(lists.clusters_QK[:, :k], influence[:, :k])
        outcomes.append(Outcomes(f"precision@{k}", value, lists.clusters_Q, gallery=role))
    for k in lists.balanced_ks:
        value, influence = _precision(lists.match_QK, lists.weight_QK, k, lists.known_Q)
        # A value that grows in the gallery loses weight: each of its items counts for less.
        by_class = [np.where(lists.class_QK == c, influence, 0).sum(axis=1) for c in range(len(lists.classes))]
        end = int(np.flatnonzero(influence.any(axis=0)).max(initial=0)) + 1
        role = GalleryRole(lists.clusters_QK[:, :end], influence[:, :end], -np.stack(by_class, axis=1), lists.parts_UC)
        outcomes.append(Outcomes(f"balanced_precision@{k}", value, lists.clusters_Q, gallery=role))
    return outcomes


def _conditional(measured: Measured) -> Measured:
    """Return the tables with the condition beside every interval and test."""
    told = []
    for rows in (measured.groups, measured.disparities):
        with_interval = rows["ci_method"] != ""
        note = (rows["note"] + "; " + CONDITIONAL).str.removeprefix("; ")
        told.append(
            rows.assign(
                ci_method=(rows["ci_method"] + ", " + CONDITIONAL).where(with_interval, ""),
                note=note.where(with_interval, rows["note"]),
            )
        )
    return dataclasses.replace(measured, groups=told[0], disparities=told[1])


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


def _class_weights(clusters_Q: Ints, clusters_G: Ints, class_G: Ints) -> Floats:
    """Return the weight (Q, C) of an item by query and value: in what a query can find, every value weighs the same."""
    counts_C = np.bincount(class_G).astype(np.float64)
    own_UC = np.zeros((max(int(clusters_Q.max()), int(clusters_G.max())) + 1, len(counts_C)))
    np.add.at(own_UC, (clusters_G, class_G), 1.0)
    left_QC = counts_C - own_UC[clusters_Q]
    total_Q1 = left_QC.sum(axis=1, keepdims=True)
    return np.asarray(total_Q1 / (len(counts_C) * np.maximum(left_QC, 1)), dtype=np.float64)


def _precision(match_QK: Floats, weight_QK: Floats, k: int, known_Q: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return weighted precision (Q,) and its derivative (Q, K) by the weight of each neighbour.

    Neighbours are taken until their weights reach ``k``, the last one whole: were it cut at ``k``, rare values, which
    weigh more, would lose more at the cut, and chance would be below 1 / C for them. An item that leaves the list
    makes room for those behind it, so its influence is its match less the precision of these.
    """
    before = np.cumsum(weight_QK, axis=1) - weight_QK
    reach = k * (1 - 1e-9)  # the sum of k ones must be k, however it is rounded
    used = np.where(before < reach, weight_QK, 0.0)
    behind = np.where((before >= reach) & (before < k + max(k, _BEHIND)), weight_QK, 0.0)
    total = used.sum(axis=1, keepdims=True)
    value = (used * match_QK).sum(axis=1, keepdims=True) / total
    room = behind.sum(axis=1, keepdims=True)
    others = np.where(room > 0, (behind * match_QK).sum(axis=1, keepdims=True) / np.where(room > 0, room, 1), value)
    influence = used * (match_QK - others) / total
    influence[~known_Q] = 0.0
    return np.where(known_Q, np.clip(value[:, 0], 0, 1), np.nan), influence


def _no_list(config: Config, left: int, rarest: float, gallery: str, cluster: str) -> RequirementError:
    if min(config.k) > left:
        return RequirementError(
            f"gallery '{gallery}' must hold more images than k; it has {left} outside a query's own "
            f"{cluster}, and the smallest k is {min(config.k)}.",
            what_to_do="Add images, or choose a smaller k (--set representation_disparity.k=1,5).",
        )
    least = int(np.ceil(_LEAST_ITEMS * rarest))
    return RequirementError(
        f"gallery '{gallery}' must hold enough of every value of '{config.attribute}' for one of the k "
        f"({', '.join(map(str, config.k))}); its rarest value needs a k of at least {least}, and {left} images can "
        "be found.",
        what_to_do=f"Add images of the rarest value, or choose a larger k (--set representation_disparity.k={least}).",
    )


def _curves(groups: pd.DataFrame, samples: Samples) -> pd.DataFrame:
    """Class-balanced precision against k, by single feature."""
    names = {f.name for f in samples.features}
    mine = groups["metric"].str.startswith("balanced_precision@") & groups["feature"].isin(names)
    rows = groups[mine & (groups["control"] == "")]
    return table(
        [
            {"metric": "balanced_precision", "feature": r.feature, "group": r.group, "x_name": "k",
             "x": float(str(r.metric).split("@")[1]), "value": r.value, "ci_low": r.ci_low, "ci_high": r.ci_high,
             "n": r.n, "n_clusters": r.n_clusters}
            for r in rows.itertuples()
        ],
        CURVE_COLUMNS,
    )  # fmt: skip


def _meanings(lists: _Lists, attribute: str) -> dict[str, str]:
    meanings = {}
    for k in lists.ks:
        meanings[f"precision@{k}"] = (
            f"Share of a query's {k} nearest images with the query's own {attribute}, in [0, 1]; higher is better. "
            "It follows how common each value is, so groups are not compared on it (Goyal et al. 2022)."
        )
    for k in lists.balanced_ks:
        meanings[f"balanced_precision@{k}"] = (
            f"Share of a query's nearest images with its own {attribute}, with every value of {attribute} weighing "
            f"equally in the gallery, in a list that weighs {k}: chance is {1 / len(lists.classes):.2f} for everybody, "
            "1 is best; a lower value means that the group is served worse."
        )
    return meanings


def _warnings(samples: Samples, config: Config, lists: _Lists) -> tuple[str, ...]:
    ks, known_Q = lists.ks, lists.known_Q
    warnings = []
    if samples.cluster == "image":
        warnings.append(
            "Persons are not known in this data set: two images of one person may be neighbours, which makes "
            "precision look better, and images are treated as independent."
        )
    if not known_Q.all():
        left_out = samples.table.loc[~known_Q, config.attribute].value_counts().to_dict()
        listed = ", ".join(f"{v}: {n}" for v, n in left_out.items())
        n = int((~known_Q).sum())
        warnings.append(f"{n} queries have no value that the gallery knows and count nowhere ({listed}).")
    if len(ks) < len(config.k):
        missing = ", ".join(str(k) for k in config.k if k not in ks)
        warnings.append(f"The gallery is too small for k = {missing}.")
    if len(lists.balanced_ks) < len(ks):
        coarse = ", ".join(str(k) for k in ks if k not in lists.balanced_ks)
        warnings.append(
            f"Class-balanced precision is not given for k = {coarse}: so short a list cannot hold the values of "
            f"{config.attribute} in equal parts."
        )
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
