"""``check_samples``: from ``Samples`` to a ``SampleCheck``; images are opened, no model runs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from fairaudit.core.errors import ConfigError
from fairaudit.core.image_check import OpenedImages, open_images
from fairaudit.core.plan import ALPHA
from fairaudit.core.planned_comparisons import Planned, planned, planned_income
from fairaudit.core.sample_check import FeatureCheck, GroupCount, Overlap, Reason, SampleCheck
from fairaudit.core.samples import BOX_COLUMNS, IN_ANOTHER_SPLIT, INCOME, NOT_RECORDED, Feature, Samples

Advance = Callable[[int, int], None]

EXAMPLES = 3
#: What differs between files that are left out for one reason: texts in quotation marks.
_QUOTED = re.compile(r"'[^']*'")
_SPLITS = ("train", "val", "dev", "test")


def check_samples(
    samples: Samples,
    *,
    decode: bool = True,
    expected: float = 0.5,
    indicators: Sequence[str] = (),
    progress: Advance | None = None,
) -> SampleCheck:
    """Return what is in a data set, what is missing, and the least disparities that it could show.

    Parameters
    ----------
    samples : Samples
    decode : bool
        Whether images are decoded as a whole; else only their headers are read, and truncated files are not found.
    expected : float
        Share that a measure is expected to have, in (0, 1): .5 is the hardest to tell apart.
    indicators : sequence of str
        Names of those that would measure this data: each plans the same comparisons, and all share one error level.
    progress : callable, optional
        Called with what is done and what there is in all.

    Raises
    ------
    ConfigError
        If ``expected`` is not in (0, 1).
    """
    if not 0 < expected < 1:
        raise ConfigError(f"--expected must be between 0 and 1; got {expected:g}. The hardest is 0.5.")
    table = samples.table
    files = list(dict.fromkeys(table["path"]))
    opened = open_images(samples.root, files, decode=decode, progress=progress)
    rows = table[table["split"] == "test"] if samples.subject == "memes" else table
    clusters = pd.factorize(rows["cluster_id"])[0].astype(np.int64)
    plans = {f.name: planned(rows, clusters, f, subject=samples.subject, expected=expected) for f in samples.features}
    income = planned_income(rows, clusters, expected=expected)
    n_planned = max(len(indicators), 1) * _n_planned(samples.features, plans, income)
    alpha = ALPHA / max(n_planned, 1)
    features = [_feature(samples, rows, f, plans[f.name], alpha) for f in samples.features]
    if income:
        features.append(_income(rows, income, alpha))
    return SampleCheck(
        name=samples.name, reader=samples.reader, subject=samples.subject, cluster=samples.cluster,
        licence=samples.licence, version=samples.version, show_images=samples.show_images, n_rows=len(samples),
        n_images=len(files), n_clusters=int(table["cluster_id"].nunique()), n_measured=len(rows),
        splits=_counts(table["split"]), labels=_counts(table["label"]),
        left_out=_reasons(zip(samples.skipped["file"], samples.skipped["reason"], strict=True)),
        unreadable=_reasons(_unreadable(table, opened)), decoded=decode, copies=_copies(opened.digests),
        overlaps=tuple(_overlaps(samples, opened.digests)), features=tuple(features), n_planned=n_planned,
        indicators=tuple(indicators), alpha=alpha, expected=expected, notes=samples.notes,
    )  # fmt: skip


def _n_planned(features: Sequence[Feature], plans: Mapping[str, list[Planned]], income: list[Planned]) -> int:
    """Return how many comparisons an audit by one indicator would decide together."""
    mine = [one for f in features if not f.exploratory for one in plans[f.name]]
    return sum(one.status == "ok" for one in (*mine, *income))


def _feature(
    samples: Samples, rows: pd.DataFrame, feature: Feature, plans: Sequence[Planned], alpha: float
) -> FeatureCheck:
    shares = samples.uncertain.get(feature.name)
    uncertain = 0.0
    if shares is not None:
        most = shares.loc[rows.index].max(axis=1)
        uncertain = float((most[most.notna()] < 1).mean()) if most.notna().any() else 0.0
    cells = rows[feature.name]
    names = (*feature.groups, *((NOT_RECORDED,) if (cells == NOT_RECORDED).any() else ()))
    return FeatureCheck(
        name=feature.name, known_by=feature.known_by, source=feature.source, ordered=feature.ordered,
        exploratory=feature.exploratory, uncertain=uncertain,
        groups=tuple(_group(rows[cells == name], name) for name in names),
        comparisons=tuple(one.at(alpha) for one in plans),
    )  # fmt: skip


def _income(rows: pd.DataFrame, plans: Sequence[Planned], alpha: float) -> FeatureCheck:
    """Return income as the audit has it: no groups, but an order without steps."""
    known = (rows[INCOME] > 0).to_numpy()
    groups = [_group(rows[known], "recorded")] + ([_group(rows[~known], NOT_RECORDED)] if not known.all() else [])
    return FeatureCheck(
        name=INCOME, known_by="annotated", source="USD per month, as recorded", ordered=True, exploratory=False,
        uncertain=0.0, groups=tuple(groups), comparisons=tuple(one.at(alpha) for one in plans),
    )  # fmt: skip


def _group(rows: pd.DataFrame, name: str) -> GroupCount:
    return GroupCount(name, len(rows), int(rows["cluster_id"].nunique()), _counts(rows["label"]))


def _counts(cells: pd.Series) -> dict[str, int]:
    """Return how often each text occurs that is not empty, the most frequent first."""
    counts = cells.value_counts()
    return {str(text): int(n) for text, n in sorted(counts.items(), key=lambda one: (-one[1], str(one[0]))) if text}


def _reasons(rows: Iterable[tuple[str, str]]) -> tuple[Reason, ...]:
    """Return how many files were left out for each reason, the most frequent first."""
    found: dict[str, list[str]] = {}
    for file, reason in rows:
        found.setdefault(_QUOTED.sub("'...'", reason), []).append(str(file))
    made = [Reason(reason, len(files), tuple(files[:EXAMPLES])) for reason, files in found.items()]
    return tuple(sorted(made, key=lambda one: (-one.n, one.reason)))


def _unreadable(table: pd.DataFrame, opened: OpenedImages) -> Iterator[tuple[str, str]]:
    yield from opened.problems.items()
    if BOX_COLUMNS[0] in table:
        for path, right, bottom in table[["path", *BOX_COLUMNS[2:]]].itertuples(index=False):
            width, height = opened.sizes.get(path, (np.inf, np.inf))
            if right > width or bottom > height:
                yield path, "its box reaches beyond the image"


def _copies(digests: Mapping[str, str]) -> Reason | None:
    """Return how many files have the bytes of another one that comes before them."""
    seen: set[str] = set()
    again = [file for file, digest in digests.items() if digest in seen or seen.add(digest)]  # type: ignore[func-returns-value]
    return Reason("the same bytes as another file", len(again), tuple(again[:EXAMPLES])) if again else None


def _overlaps(samples: Samples, digests: Mapping[str, str]) -> Iterator[Overlap]:
    """Yield what two splits share: what was learned from must not be tested on."""
    skipped = samples.skipped
    twice = skipped.loc[skipped["reason"] == IN_ANOTHER_SPLIT, "file"].astype(str).tolist()
    if twice:
        yield Overlap("", "", "id", len(twice), tuple(twice[:EXAMPLES]))
    table = samples.table
    keys = {"file": table["path"], "bytes": table["path"].map(digests)}
    if samples.cluster != "image":
        keys[samples.cluster] = table["cluster_id"]
    if samples.subject == "memes":
        keys["text"] = table["text"].str.casefold().str.split().str.join(" ")
    present = [one for one in dict.fromkeys([*_SPLITS, *sorted(set(table["split"]))]) if (table["split"] == one).any()]
    for first, second in itertools.combinations(filter(None, present), 2):
        mine, theirs = table["split"] == first, table["split"] == second
        same_file = table["path"].isin(table.loc[mine, "path"])
        for by, key in keys.items():
            known = key.notna() & (key != "")
            shared = theirs & known & key.isin(key[mine & known])
            if by == "bytes":
                shared &= ~same_file
            if shared.any():
                examples = table.loc[shared, "sample_id"].astype(str)[:EXAMPLES]
                yield Overlap(first, second, by, int(shared.sum()), tuple(examples))
