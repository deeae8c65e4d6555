"""Same-attribute retrieval: whether the nearest neighbours of a person share an attribute, for every group."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import ConfigError, RequirementError, did_you_mean, unknown_name
from fairaudit.core.indicator import Indicator
from fairaudit.core.protocol import read_protocol
from fairaudit.core.result import CURVE_COLUMNS, IndicatorResult, table
from fairaudit.core.samples import NOT_RECORDED, Samples
from fairaudit.core.tables import Embeddings
from fairaudit.measures.neighbours import nearest
from fairaudit.measures.ranking import by_chance
from fairaudit.measures.retrieval import CONDITIONAL_WARNING, Gallery, Retrieval, cluster_codes, conditional
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import measure
from fairaudit.stats.outcomes import Outcomes

# Shape suffixes: Q queries, G gallery items, K neighbours, C values (classes) of the attribute.

#: A list must weigh this many times the rarest value's weight; shorter ones are too coarse to put chance at 1 / C.
_LEAST_ITEMS = 4
#: Role of the gallery: a sample like the queries, or the complete set that is ever searched.
GALLERY_ROLES = ("sampled", "fixed")
#: How to treat queries whose attribute value is absent from the gallery.
UNMATCHED = ("leave_out", "count_as_miss")


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
        ``"sampled"``: a gallery of other people could have been drawn, and intervals include that. ``"fixed"``: it is
        all that will ever be searched; intervals hold for this gallery only and are often several times too narrow
        for any other.
    unmatched : {"leave_out", "count_as_miss"}
        Queries with a value that the gallery does not have can never be matched. ``"leave_out"``: they count nowhere.
        ``"count_as_miss"``: in ``precision@k`` they count as 0, as in the code that the paper's authors published;
        everywhere else they are left out.
    tolerance, slope_tolerance : float, optional
        Differences in class-balanced precision, and slopes per step of an order, that count as none. Default: the
        rule of the plan (``fairaudit.core.plan.TOLERANCE_RULE``).
    control_features : tuple of str
        Recorded features: groups are compared within their levels too, and as if every group had the same mix of
        them.
    """

    attribute: str = "gender"
    k: tuple[int, ...] = (1, 5, 10, 50)
    gallery: str = ""
    gallery_role: str = "sampled"
    unmatched: str = "leave_out"
    tolerance: float | None = None
    slope_tolerance: float | None = None
    control_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.k or min(self.k) < 1 or len(set(self.k)) < len(self.k):
            raise ConfigError(
                f"k of representation_disparity must be different whole numbers from 1; got {list(self.k)}. "
                "The paper uses 1,5,10,50."
            )
        if self.gallery_role not in GALLERY_ROLES:
            raise unknown_name("gallery_role of representation_disparity", self.gallery_role, GALLERY_ROLES)
        if self.unmatched not in UNMATCHED:
            raise unknown_name("unmatched of representation_disparity", self.unmatched, UNMATCHED)


def compute(
    *,
    samples: Samples,
    config: Config,
    embeddings: Embeddings,
    gallery_samples: Samples | None = None,
    gallery_embeddings: Embeddings | None = None,
) -> IndicatorResult:
    """Return precision@k by group: of a person's k nearest images, the share with the person's own attribute.

    1.0 means that every neighbour matches; a lower value in one group means that the representation serves that group
    worse [1]_. An image is never its own neighbour, nor is another image of the same person where persons are known.
    Raw precision follows how common an attribute is in the gallery, so it is printed without a comparison;
    ``balanced_precision@k`` weighs the gallery so that every value of the attribute counts the same, which puts chance
    at one over the number of values for everybody. ``lift@k`` is raw precision over its chance, and ``max_skew@k`` and
    ``ndkl@k`` measure how far a list is from the gallery's mix [2]_; they are printed without a comparison, too, since
    their ranges follow how common a value is.

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
        If the attribute is not recorded, has fewer than two values in the gallery or none that both sets have, the
        gallery is smaller than k, or holds too few of some value.

    References
    ----------
    .. [1] Goyal et al. (2022), arXiv:2202.07603, section 3.3 (indicator 3, same-attribute retrieval).
    .. [2] Geyik, Ambler and Kenthapadi (2019), arXiv:1905.01989, for MaxSkew@k and NDKL.
    """
    if gallery_samples is None or gallery_embeddings is None:
        gallery_samples, gallery_embeddings = samples, embeddings
    lists = _search(samples, gallery_samples, config, embeddings, gallery_embeddings)
    outcomes, fixed = _outcomes(lists, config.unmatched), config.gallery_role == "fixed"
    if fixed:
        outcomes = [dataclasses.replace(outcome, gallery=None) for outcome in outcomes]
    headline = f"balanced_precision@{10 if 10 in lists.balanced_ks else max(lists.balanced_ks)}"
    chance = by_chance(lists.retrieval.gallery.class_G, lists.ks)
    measured = measure(
        Cohort.of(samples, INDICATOR.name, control_features=config.control_features),
        outcomes,
        headline=headline,
        contrasts=[o.metric for o in outcomes if o.metric.startswith("balanced")],
        tolerance=config.tolerance,
        slope_tolerance=config.slope_tolerance,
    )
    if fixed:
        measured = conditional(measured)
    return INDICATOR.result(
        dataset=samples.name,
        headline=headline,
        measured=measured,
        curves=_curves(measured.groups, samples),
        params={
            **dataclasses.asdict(config), "control_features": list(config.control_features), "k": list(lists.ks),
            "k_balanced": list(lists.balanced_ks),
            "gallery": gallery_samples.name, "classes": list(lists.classes), "chance": 1 / len(lists.classes),
            "n_queries": int(lists.retrieval.known_Q.sum()), "n_unmatched": int((~lists.retrieval.known_Q).sum()),
            "n_gallery": len(lists.retrieval.gallery.class_G), "expected_by_chance": chance, "layer": embeddings.layer,
            "own_cluster_excluded": samples.cluster,
        },
        metrics=_meanings(lists, config.attribute, chance),
        warnings=(*((CONDITIONAL_WARNING,) if fixed else ()), *_warnings(samples, config, lists)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Lists:
    """The neighbour lists, and the lengths of lists that the gallery allows."""

    retrieval: Retrieval
    ks: tuple[int, ...]
    balanced_ks: tuple[int, ...]
    classes: tuple[str, ...]


def _search(
    samples: Samples, gallery: Samples, config: Config, vectors: Embeddings, gallery_vectors: Embeddings
) -> _Lists:
    truth_Q, truth_G = (_attribute(s, config.attribute) for s in (samples, gallery))
    rows = np.flatnonzero(truth_G != NOT_RECORDED)
    clusters_Q, clusters_G = cluster_codes(samples, gallery)
    clusters_G = clusters_G[rows]
    classes, class_G = np.unique(truth_G[rows], return_inverse=True)
    _check_classes(config.attribute, classes, truth_Q, samples.name, gallery.name)
    rarest = len(rows) / (len(classes) * np.bincount(class_G).min())
    left = len(rows) - int(np.bincount(clusters_G).max())
    ks = tuple(k for k in config.k if k <= left)
    balanced_ks = tuple(k for k in ks if k >= _LEAST_ITEMS * rarest)
    if not balanced_ks:
        raise _no_list(config, left, rarest, gallery.name, samples.cluster)
    vectors.check_directions(samples.name)
    if gallery_vectors is not vectors:
        gallery_vectors.check_directions(gallery.name)
    searchable = Gallery(clusters_Q, clusters_G, class_G)
    neighbours_QK = nearest(
        vectors.vectors,
        gallery_vectors.vectors[rows],
        k=min(left, searchable.length(max(ks))),
        query_clusters=clusters_Q,
        gallery_clusters=clusters_G,
    )
    class_Q = np.where(np.isin(truth_Q, classes), np.searchsorted(classes, truth_Q), -1)
    return _Lists(
        Retrieval(searchable, neighbours_QK.astype(np.int32), class_Q), ks, balanced_ks, tuple(str(c) for c in classes)
    )


def _outcomes(lists: _Lists, unmatched: str = "leave_out") -> list[Outcomes]:
    retrieval, ks = lists.retrieval, lists.ks
    return [
        *(retrieval.precision(k, misses=unmatched == "count_as_miss") for k in ks),
        *(retrieval.balanced_precision(k) for k in lists.balanced_ks),
        *(retrieval.lift(k) for k in ks),
        *(retrieval.max_skew(k) for k in ks),
        retrieval.ndkl(max(ks)),
    ]


def _attribute(samples: Samples, name: str) -> npt.NDArray[np.str_]:
    names = [f.name for f in samples.features]
    if name not in names:
        raise RequirementError(
            f"data set '{samples.name}' must record the attribute '{name}'; it records {', '.join(names) or 'none'}. "
            f"{did_you_mean(name, names)}".rstrip(),
            what_to_do="Match another attribute (--set representation_disparity.attribute=NAME).",
        )
    return samples.table[name].to_numpy(str)


def _check_classes(
    attribute: str, classes: npt.NDArray[np.str_], truth_Q: npt.NDArray[np.str_], queries: str, gallery: str
) -> None:
    """Check that the gallery has at least two values, and one in common with the queries."""
    if len(classes) < 2:
        raise RequirementError(
            f"attribute '{attribute}' must have at least two values in the gallery '{gallery}'; got {len(classes)}.",
            what_to_do="Add images of other groups, or match another attribute "
            "(--set representation_disparity.attribute=NAME).",
        )
    if not np.isin(truth_Q, classes).any():
        raise RequirementError(
            f"attribute '{attribute}' must have a value in common in the queries '{queries}' and the gallery "
            f"'{gallery}'; got {', '.join(np.unique(truth_Q))} and {', '.join(classes)}.",
            what_to_do="Name the values alike in both, or match another attribute "
            "(--set representation_disparity.attribute=NAME).",
        )


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
    """Return class-balanced precision against k, by single feature."""
    names = {f.name for f in samples.features}
    selected = groups["metric"].str.startswith("balanced_precision@") & groups["feature"].isin(names)
    rows = groups[selected & (groups["control"] == "")]
    return table(
        [
            {"metric": "balanced_precision", "feature": r.feature, "group": r.group, "x_name": "k",
             "x": float(str(r.metric).split("@")[1]), "value": r.value, "ci_low": r.ci_low, "ci_high": r.ci_high,
             "n": r.n, "n_clusters": r.n_clusters}
            for r in rows.itertuples()
        ],
        CURVE_COLUMNS,
    )  # fmt: skip


def _meanings(lists: _Lists, attribute: str, chance: dict[str, float]) -> dict[str, str]:
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
    own = f"of a query's nearest images with its own {attribute}"
    for k in lists.ks:
        meanings[f"lift@{k}"] = (
            f"Share {own} among {k}, over the share that chance would give it: 1 is chance, more is better, and the "
            "most is one over that share. So a rare value can reach more, and groups are not compared on it."
        )
        meanings[f"max_skew@{k}"] = (
            f"Logarithm of how many times its share of the gallery the most overdrawn value of {attribute} has among a "
            f"query's {k} nearest images. {_mix(chance[f'max_skew@{k}'])} (MaxSkew@k, Geyik et al. 2019)."
        )
    k = max(lists.ks)
    meanings[f"ndkl@{k}"] = (
        f"Divergence of the values of {attribute} among a query's first 1, 2, ... {k} images from the gallery's, first "
        f"images counting most. {_mix(chance[f'ndkl@{k}'])} (NDKL, Geyik et al. 2019)."
    )
    return meanings


def _mix(chance: float) -> str:
    return (
        f"0 is the gallery's mix, and lists drawn at random have about {chance:.2f}. A list of the query's own value "
        "alone is far from the mix and has precision 1: read both together; groups are not compared on it"
    )


def _warnings(samples: Samples, config: Config, lists: _Lists) -> tuple[str, ...]:
    ks, known_Q = lists.ks, lists.retrieval.known_Q
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
        how = "count nowhere" if config.unmatched == "leave_out" else "count as misses in precision@k, and nowhere else"
        warnings.append(f"{n} queries have a value that is absent from the gallery and {how} ({listed}).")
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
    protocol=read_protocol(files(__package__) / "protocols" / "representation_disparity.toml"),
)
