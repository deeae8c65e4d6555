"""Object recognition by place and income: whether the objects of every home are recognised equally often."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import ConfigError, RequirementError
from fairaudit.core.indicator import Indicator
from fairaudit.core.protocol import read_protocol
from fairaudit.core.result import CURVE_COLUMNS, IndicatorResult, table
from fairaudit.core.samples import INCOME, NOT_RECORDED, Feature, Samples
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.measures.homes import LABELS, Photos
from fairaudit.measures.labels import HeadLabels, LabelMap, load_label_map
from fairaudit.measures.neighbours import nearest
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import group_values, measure
from fairaudit.stats.gallery import GalleryRole, Moves, class_parts
from fairaudit.stats.outcomes import Floats, Ints, Outcomes

BUCKETS = ("low", "medium", "high")
#: Neighbours behind a list that would replace a lost photo; longer lists take more.
_BEHIND = 10


@dataclass(frozen=True)
class Config:
    """Options of ``geographic_disparity``.

    Parameters
    ----------
    k : int
        A photo is a hit if its topic is among the ``k`` most probable labels; the paper uses 5.
    k_neighbours : int
        Length of the neighbour list if the checkpoint has no labels.
    count_photo_once : bool
        Whether a household's photo that is listed under several topics counts once, as a hit if any of its topics is
        predicted, as the paper says; otherwise it counts once for each topic, as its released code does.
    label_map : str
        TOML file with the labels of each topic; empty: the labels that the data set lists for a photo, or else the
        topic itself.
    standardise : tuple of str
        As ``control_features``, without rows within levels: values and comparisons of regions and income buckets as if
        all had the same mix.
    country_households : int
        Least number of households for which the value of a country is given.
    tolerance, slope_tolerance : float, optional
        Differences in the hit rate, and slopes per doubling of income, that count as none. Default: the rule of
        the plan (``fairaudit.core.plan.TOLERANCE_RULE``).
    control_features : tuple of str
        Recorded features, ``topic`` or ``income_bucket``: regions and incomes are compared within their levels too,
        and as if every region had the same mix of them.
    """

    k: int = 5
    k_neighbours: int = 5
    count_photo_once: bool = True
    label_map: str = ""
    standardise: tuple[str, ...] = ("topic",)
    country_households: int = 5
    tolerance: float | None = None
    slope_tolerance: float | None = None
    control_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("k", "k_neighbours", "country_households"):
            value = getattr(self, name)
            if value < 1:
                usual = "A usual choice is 5." if name == "country_households" else "The paper uses 5."
                raise ConfigError(f"{name} of geographic_disparity must be at least 1; got {value}. {usual}")
        if self.label_map:
            load_label_map(self.label_map)  # an error in the file is raised before any image is read


def compute(
    *,
    samples: Samples,
    config: Config,
    embeddings: Embeddings,
    predictions: Predictions | None = None,
    content_digests: Sequence[str] | None = None,
) -> IndicatorResult:
    """Return how often household objects are recognised, by region, income and both.

    If the checkpoint (or its probe) knows labels of the photos' objects, ``hit@k`` is the share of photos of which
    one is among the k most probable labels, averaged per household and then over households [1]_. Otherwise
    ``adjusted_neighbour_precision@k`` is the share of a photo's k nearest photos *from other households* with its
    (first) topic, with chance subtracted and rescaled so that 0 is chance and 1 is perfect; it is not the paper's
    measure. For both, lower is worse.

    Parameters
    ----------
    samples : Samples
        Photos of objects: ``label`` is the topic, the cluster is the household.
    config : Config
    embeddings : Embeddings
    predictions : Predictions, optional
        Rows aligned with ``samples``.
    content_digests : sequence of str, optional
        SHA-256 of each row's file: equal ones of one household are one photo.

    Raises
    ------
    RequirementError
        If neither measure can be computed.

    References
    ----------
    .. [1] Goyal et al. (2022), arXiv:2202.07603, section 3.2 (indicator 2, geographical fairness).
    """
    label_map = load_label_map(config.label_map) if config.label_map else None
    n_rows = len(samples)
    photos = Photos.of(
        samples, predictions, content_digests=content_digests, label_map=label_map, once=config.count_photo_once
    )
    samples, topics = photos.samples, photos.topics
    clusters = pd.factorize(samples.table["cluster_id"])[0].astype(np.int64)
    outcomes: list[Outcomes] = []
    if any(photos.right):
        outcomes.append(Outcomes(f"hit@{config.k}", photos.hits(config.k), clusters, average="macro"))
    if len(samples) < n_rows:
        embeddings = Embeddings(samples.sample_ids, embeddings.vectors[photos.first], embeddings.layer)
    try:
        embeddings.check_directions(samples.name)
        outcomes.append(_neighbour_precision(embeddings, topics, clusters, config.k_neighbours))
    except RequirementError:
        if not outcomes:
            raise
    headline = outcomes[0].metric
    cohort = _cohort(samples, topics, config)
    measured = measure(
        cohort, outcomes, headline=headline, tolerance=config.tolerance, slope_tolerance=config.slope_tolerance
    )
    return INDICATOR.result(
        dataset=samples.name,
        headline=headline,
        measured=dataclasses.replace(measured, groups=_few_homes(measured.groups, config.country_households)),
        curves=_income_curve(samples, outcomes[0], cohort),
        params={
            **dataclasses.asdict(config), "control_features": list(config.control_features),
            "standardise": list(config.standardise), "label_map": label_map.name if label_map else "",
            "label_map_version": label_map.version if label_map else "",
            "label_map_source": label_map.source if label_map else "", "rows": n_rows,
            "photos": len(topics), "topics": sorted(set(topics)), "topics_unknown_to_head": list(photos.unknown),
            "labels_by": "none" if predictions is None else predictions.source,
            "unbounded": [o.metric for o in outcomes if not o.unit_interval],
            "income_buckets": "round(ln(income) / 3): low up to 90.02, medium up to 1,808.04 USD per month",
        },
        metrics=_meanings(config),
        warnings=_warnings(photos, headline, label_map, config),
    )  # fmt: skip


def income_bucket(income_usd_per_month: npt.ArrayLike) -> npt.NDArray[np.str_]:
    """Return ``low``, ``medium`` or ``high`` by the paper's formula, ``round(ln(income) / 3)``.

    Low ends at e^4.5 = 90.02 and medium at e^7.5 = 1,808.04 USD per month. Incomes outside the range of the data
    set, which end the released code with an error, fall into the outer buckets; NaN is ``not recorded``.
    """
    income = np.asarray(income_usd_per_month, dtype=np.float64)
    step = np.clip(np.round(np.log(np.where(income > 0, income, np.nan)) / 3), 1, 3)
    names = np.full(income.shape, NOT_RECORDED, dtype="<U16")
    for i, name in enumerate(BUCKETS, start=1):
        names[step == i] = name
    return names


def _few_homes(groups: pd.DataFrame, least: int) -> pd.DataFrame:
    """Return the group table without values of countries that have fewer households than ``least``."""
    of_country = groups["feature"].map(lambda name: "country" in name.split(" & "))
    few = of_country & (groups["n_clusters"] < least) & groups["value"].notna()
    groups = groups.copy()
    groups.loc[few, ["value", "ci_low", "ci_high"]] = np.nan
    groups.loc[few, ["ci_method", "status"]] = ["", "too_few"]
    groups.loc[few, "note"] = [
        f"{n:.0f} household{'s' * (n != 1)}; a country has values from {least} on"
        for n in groups.loc[few, "n_clusters"]
    ]
    return groups


def _cohort(samples: Samples, topics: npt.NDArray[np.str_], config: Config) -> Cohort:
    extra: list[tuple[Feature, Any]] = []
    numeric: dict[str, tuple[Floats, str]] = {}
    if INCOME in samples.table:
        income = samples.table[INCOME].to_numpy(np.float64)
        bucket = Feature("income_bucket", BUCKETS, "derived", "from the recorded monthly income", ordered=True)
        extra.append((bucket, income_bucket(income)))
        numeric["income"] = (np.log2(np.where(income > 0, income, np.nan)), "per_doubling")
    return Cohort.of(
        samples,
        INDICATOR.name,
        extra=extra,
        numeric=numeric,
        control_features=config.control_features,
        # One topic is the same mix everywhere.
        standardise=[name for name in config.standardise if name != "topic" or len(set(topics)) > 1],
        extra_controls={"topic": topics},
    )


def _neighbour_precision(embeddings: Embeddings, topics: npt.NDArray[np.str_], clusters: Ints, k: int) -> Outcomes:
    """Return leave-one-household-out precision, chance-adjusted: (precision - chance) / (1 - chance)."""
    largest = int(np.bincount(clusters).max())
    if len(clusters) - largest < k or len(set(topics)) < 2:
        raise RequirementError(
            f"the photos must show at least two topics and {k} photos outside any one household; got "
            f"{len(set(topics))} topics and {len(clusters) - largest} photos.",
            what_to_do="Add photos, or choose fewer neighbours (--set geographic_disparity.k_neighbours=1).",
        )
    names, topic_N = np.unique(topics, return_inverse=True)
    length = min(k + max(k, _BEHIND), len(clusters) - largest)
    neighbours_NK = nearest(
        embeddings.vectors, embeddings.vectors, k=length, query_clusters=clusters, gallery_clusters=clusters
    )
    match = (topic_N[neighbours_NK] == topic_N[:, None]).astype(float)
    precision = match[:, :k].mean(axis=1)
    own_N = np.bincount(clusters)[clusters]
    own_topic = pd.DataFrame({"t": topic_N, "c": clusters}).groupby(["t", "c"])["t"].transform("size").to_numpy()
    chance = (np.bincount(topic_N)[topic_N] - own_topic) / (len(topics) - own_N)
    room = np.where(chance < 1, 1 - chance, np.nan)
    adjusted = (precision - chance) / room
    # A photo that leaves the list makes room for those behind it.
    others = match[:, k:].mean(axis=1) if length > k else precision
    influence = (match[:, :k] - others[:, None]) / (k * room[:, None])
    by_topic = np.zeros((len(topics), len(names)))
    by_topic[np.arange(len(topics)), topic_N] = -(1 - adjusted) * chance / room
    moves = Moves(clusters[neighbours_NK[:, :k]], np.nan_to_num(influence), np.nan_to_num(by_topic))
    role = GalleryRole.of(moves, clusters, class_parts(topic_N, clusters))
    return Outcomes(
        f"adjusted_neighbour_precision@{k}", adjusted, clusters, average="macro", unit_interval=False, gallery=role
    )


def _income_curve(samples: Samples, outcomes: Outcomes, cohort: Cohort) -> pd.DataFrame:
    """Return the value by sixths of the homes, ordered by income; x is the median income of the sixth."""
    if INCOME not in samples.table:
        return table([], CURVE_COLUMNS)
    income = samples.table[INCOME].to_numpy(np.float64)
    homes = pd.Series(income).groupby(samples.table["cluster_id"].to_numpy()).first().dropna()
    n_bins = min(6, len(homes) // 5)
    if n_bins < 2:
        return table([], CURVE_COLUMNS)
    edges = np.unique(np.quantile(homes, np.linspace(0, 1, n_bins + 1)))
    bin_of = np.where(
        np.isnan(income), -1, np.clip(np.searchsorted(edges, income, side="right") - 1, 0, len(edges) - 2)
    )
    names = tuple(str(i) for i in range(len(edges) - 1))
    feature = Feature("income", names, "derived", "sixths of the homes by income", ordered=True)
    columns = {"income": np.where(bin_of >= 0, bin_of.astype(str), NOT_RECORDED)}
    binned = Cohort(cohort.dataset, cohort.indicator, (feature,), columns, cohort.cluster_names, weights=cohort.weights)
    groups = group_values(binned, [outcomes])
    rows = []
    for row in groups[groups["group"].isin(names)].itertuples():
        step = int(str(row.group))
        inside = homes[(homes >= edges[step]) & (homes <= edges[step + 1])]
        rows.append(
            {"metric": outcomes.metric, "feature": "income", "group": "all", "x_name": INCOME,
             "x": float(inside.median()), "value": row.value, "ci_low": row.ci_low, "ci_high": row.ci_high, "n": row.n,
             "n_clusters": row.n_clusters}
        )  # fmt: skip
    return table(rows, CURVE_COLUMNS)


def _meanings(config: Config) -> dict[str, str]:
    counted = "once, however many topics it has" if config.count_photo_once else "once for each topic"
    return {
        f"hit@{config.k}": (
            f"Share of photos with a right label among the {config.k} most probable ones, each counted "
            f"{counted}, averaged per household and then over households, in [0, 1]; higher is better (Goyal et "
            "al. 2022, section 3.2)."
        ),
        f"adjusted_neighbour_precision@{config.k_neighbours}": (
            f"Share of a photo's {config.k_neighbours} nearest photos from other households with the same topic, with "
            "chance subtracted: 0 is chance, 1 is perfect, averaged as above. It needs no labels of the checkpoint "
            "and is not the paper's measure."
        ),
    }


def _warnings(photos: Photos, headline: str, label_map: LabelMap | None, config: Config) -> tuple[str, ...]:
    warnings = []
    unknown, predictions, table = photos.unknown, photos.predictions, photos.samples.table
    if not headline.startswith("hit@"):
        why = "has no labels" if predictions is None else f"knows no topic of these photos ({', '.join(unknown)})"
        warnings.append(
            f"The checkpoint {why}: neighbours are compared instead of labels, which is not the paper's measure."
        )
    elif unknown:
        warnings.append(
            f"Photos of {len(unknown)} topics that the labels do not include were left out: {', '.join(unknown)}."
        )
    if predictions is not None and photos.strange and (label_map is not None or LABELS in table):
        head = HeadLabels(predictions.known_labels)
        examples = [f"'{name}' {head.nearest(name)}".strip() for name in photos.strange[:3]]
        whose = f"of the label map '{label_map.name}'" if label_map is not None else "that the data set names"
        warnings.append(f"{len(photos.strange)} labels {whose} are not among those of the head: {'; '.join(examples)}.")
    if photos.n_copies:
        counted = "a photo counts once, as a hit if any of its topics is predicted" if config.count_photo_once else (
            "here each row counts, as in the paper's released code; the paper counts a photo once"
        )  # fmt: skip
        warnings.append(f"{photos.n_copies} rows show a photo that another row of the household shows: {counted}.")
    if INCOME in table and table[INCOME].isna().any():
        warnings.append(f"{int(table[INCOME].isna().sum())} photos have no usable income.")
    return tuple(warnings)


INDICATOR = Indicator(
    name="geographic_disparity",
    version="2",
    title="Geographic and income disparity",
    question="Are the objects of a household recognised equally well wherever it is and whatever it earns?",
    subject="objects",
    config=Config,
    compute=compute,
    controls=("topic", "income_bucket"),
    protocol=read_protocol(files(__package__) / "protocols" / "geographic_disparity.toml"),
)
