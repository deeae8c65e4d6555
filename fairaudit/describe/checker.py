"""``check_samples``: check ``Samples`` without a model. Images are opened once and not kept."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fairaudit.core.errors import ConfigError
from fairaudit.core.plan import ALPHA
from fairaudit.core.progress import Advance
from fairaudit.core.samples import (
    BOX_COLUMNS,
    IN_ANOTHER_SPLIT,
    INCOME,
    NOT_RECORDED,
    SAMPLE_WEIGHT,
    Feature,
    Samples,
)
from fairaudit.core.weights import effective_size
from fairaudit.describe.check import FeatureCheck, GroupCount, Overlap, Reason, SampleCheck, WeightCheck
from fairaudit.describe.planned_comparisons import Planned, planned, planned_income
from fairaudit.images.decode import EncodedImage, ImageError, image_size, read_image, unnamed_images

EXAMPLES = 3
#: Texts in quotation marks, which differ between files that are left out for one reason.
_QUOTED = re.compile(r"'[^']*'")
_DIGITS = re.compile(r"\d[\d,]*")
_SPLITS = ("train", "val", "dev", "test")


def check_samples(
    samples: Samples,
    *,
    decode: bool = True,
    expected: float | None = None,
    indicators: Sequence[str] = (),
    progress: Advance | None = None,
) -> SampleCheck:
    """Check the contents and defects of a data set, and its minimum detectable disparities.

    Parameters
    ----------
    samples : Samples
    decode : bool
        Whether images are decoded as a whole; otherwise only headers are read, and truncated files are not detected.
    expected : float, optional
        Expected share of a measure, in (0, 1). Default: the share that is hardest to compare.
    indicators : sequence of str
        Names of the indicators that would measure this data: each plans the same comparisons, and all share one level.
    progress : Advance, optional
        Called with the number of images done and of all images.

    Raises
    ------
    ConfigError
        If ``expected`` is not in (0, 1).
    """
    if expected is not None and not 0 < expected < 1:
        raise ConfigError(f"--expected must be between 0 and 1; got {expected:g}. Leave it out for the hardest share.")
    table = samples.table
    files = list(dict.fromkeys(table["path"]))
    opened = _open_images(samples.root, files, decode=decode, with_sizes=BOX_COLUMNS[0] in table, progress=progress)
    unreadable, n_rows_unreadable = _unreadable(table, opened)
    rows = table[table["split"] == "test"] if samples.subject == "memes" else table
    clusters = pd.factorize(rows["cluster_id"])[0].astype(np.int64)
    plans = {f.name: planned(rows, clusters, f, subject=samples.subject, expected=expected) for f in samples.features}
    income = planned_income(rows, clusters, expected=expected)
    exploratory = samples.exploratory_features
    tested = [*income, *(plan for name, of_feature in plans.items() if name not in exploratory for plan in of_feature)]
    n_planned = max(len(indicators), 1) * sum(plan.status == "ok" for plan in tested)
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
        unlisted=_unlisted(samples),
        unreadable=unreadable, n_rows_unreadable=n_rows_unreadable, decoded=decode, copies=_copies(opened.digests),
        overlaps=tuple(_overlaps(samples, opened.digests)), features=tuple(features), n_planned=n_planned,
        indicators=tuple(indicators), alpha=alpha, expected=expected, notes=samples.notes,
        weights=_weights(rows),
    )  # fmt: skip


def _weights(rows: pd.DataFrame) -> WeightCheck | None:
    if SAMPLE_WEIGHT not in rows:
        return None
    weights = rows[SAMPLE_WEIGHT].to_numpy(np.float64)
    used = weights[weights > 0]
    least, most = (float(used.min()), float(used.max())) if len(used) else (0.0, 0.0)
    return WeightCheck(least, most, len(weights) - len(used), effective_size(used))


def _feature(
    samples: Samples, rows: pd.DataFrame, feature: Feature, plans: Sequence[Planned], alpha: float
) -> FeatureCheck:
    shares = samples.uncertain.get(feature.name)
    uncertain = 0.0
    if shares is not None:
        most = shares.loc[rows.index].max(axis=1)
        uncertain = float((most[most.notna()] < 1).mean()) if most.notna().any() else 0.0
    return FeatureCheck(
        name=feature.name, known_by=feature.known_by, source=feature.source, ordered=feature.ordered,
        exploratory=feature.name in samples.exploratory_features, uncertain=uncertain,
        groups=_groups(rows, rows[feature.name], feature.groups),
        comparisons=tuple(plan.at(alpha) for plan in plans),
    )  # fmt: skip


def _income(rows: pd.DataFrame, plans: Sequence[Planned], alpha: float) -> FeatureCheck:
    """Return the check of income, which has no groups but a continuous order."""
    cells = pd.Series(np.where(rows[INCOME] > 0, "recorded", NOT_RECORDED), index=rows.index)
    return FeatureCheck(
        name=INCOME, known_by="annotated", source="USD per month, as recorded", ordered=True, exploratory=False,
        uncertain=0.0, groups=_groups(rows, cells, ("recorded",)), comparisons=tuple(plan.at(alpha) for plan in plans),
    )  # fmt: skip


def _groups(rows: pd.DataFrame, cells: pd.Series, names: Sequence[str]) -> tuple[GroupCount, ...]:
    """Count the rows of each group, and of ``not recorded`` if it occurs, in one pass over the rows."""
    table = pd.DataFrame({"group": cells, "cluster": rows["cluster_id"], "label": rows["label"]})
    n = table["group"].value_counts()
    clusters = table[["group", "cluster"]].drop_duplicates()["group"].value_counts()
    by_label: dict[str, dict[str, int]] = {}
    if (table["label"] != "").any():
        counts = table.groupby(["group", "label"], sort=True, as_index=False).size()
        for group, label, count in counts[counts["label"] != ""].itertuples(index=False):
            by_label.setdefault(group, {})[label] = int(count)
    return tuple(
        GroupCount(name, int(n.get(name, 0)), int(clusters.get(name, 0)), _most_first(by_label.get(name, {})))
        for name in (*names, *((NOT_RECORDED,) if NOT_RECORDED in n else ()))
    )


def _counts(cells: pd.Series) -> dict[str, int]:
    """Count each text that is not empty."""
    return _most_first({str(text): int(n) for text, n in cells.value_counts().items() if text})


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _reasons(rows: Iterable[tuple[str, str]], *, numbers: bool = False) -> tuple[Reason, ...]:
    """Count files by reason, the most frequent first; reasons may differ in quoted texts and, if set, ``numbers``."""
    files_by_reason: dict[str, list[str]] = {}
    for file, reason in rows:
        kind = _QUOTED.sub("'...'", reason)
        files_by_reason.setdefault(_DIGITS.sub("...", kind) if numbers else kind, []).append(str(file))
    reasons = [Reason(reason, len(files), tuple(files[:EXAMPLES])) for reason, files in files_by_reason.items()]
    return tuple(sorted(reasons, key=lambda counted: (-counted.n, counted.reason)))


def _unreadable(table: pd.DataFrame, opened: _OpenedImages) -> tuple[tuple[Reason, ...], int]:
    """Return why images cannot be used, or a box reaches beyond its image, and the number of rows concerned."""
    beyond = pd.Series(False, index=table.index)
    if BOX_COLUMNS[0] in table:
        widths, heights = (table["path"].map({file: size[at] for file, size in opened.sizes.items()}) for at in (0, 1))
        beyond = (table[BOX_COLUMNS[2]] > widths) | (table[BOX_COLUMNS[3]] > heights)
    problems = [
        (file, problem.removeprefix("must be readable; got ").removesuffix(" Replace or remove it."))
        for file, problem in opened.problems.items()
    ]
    problems += [(path, "its box reaches beyond the image") for path in table["path"][beyond]]
    unused = table["path"].isin(list(opened.problems)) | beyond
    return _reasons(problems, numbers=True), int(unused.sum())


def _unlisted(samples: Samples) -> Reason | None:
    """Return the images below the folder that no row names and no other reason leaves out."""
    named = (*samples.table["path"].unique(), *samples.skipped["file"].astype(str))
    unlisted, _ = unnamed_images(samples.root, named)
    return Reason("an image that no row names", len(unlisted), tuple(unlisted[:EXAMPLES])) if unlisted else None


def _copies(digests: Mapping[str, str]) -> Reason | None:
    """Return the files with the same bytes as an earlier file."""
    contents = pd.Series(dict(digests), dtype=object)
    copies = contents.index[contents.duplicated()].tolist()
    return Reason("the same bytes as another file", len(copies), tuple(copies[:EXAMPLES])) if copies else None


def _overlaps(samples: Samples, digests: Mapping[str, str]) -> Iterator[Overlap]:
    """Yield the rows that two splits share: a test must not use training rows."""
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
    present = set(table["split"]) - {""}
    splits = [*(split for split in _SPLITS if split in present), *sorted(present.difference(_SPLITS))]
    for first, second in itertools.combinations(splits, 2):
        in_first, in_second = table["split"] == first, table["split"] == second
        same_file = table["path"].isin(table.loc[in_first, "path"])
        for by, key in keys.items():
            known = key.notna() & (key != "")
            shared = in_second & known & key.isin(key[in_first & known])
            if by == "bytes":
                shared &= ~same_file
            if shared.any():
                examples = table.loc[shared, "sample_id"].astype(str)[:EXAMPLES]
                yield Overlap(first, second, by, int(shared.sum()), tuple(examples))


_THREADS = 4
_AHEAD = 64  # images that may wait for their turn: memory stays bounded


@dataclass(frozen=True)
class _OpenedImages:
    """By file: upright width and height if asked for, why it is unreadable, and SHA-256 if it may have a copy."""

    sizes: Mapping[str, tuple[int, int]]
    problems: Mapping[str, str]
    digests: Mapping[str, str]


def _open_images(
    root: Path, files: Sequence[str], *, decode: bool, with_sizes: bool, progress: Advance | None
) -> _OpenedImages:
    """Open each image of ``files`` (paths from ``root``, each once), several at a time.

    Without ``decode`` only headers are read (of other files than JPEG also the pixels), and files that share their
    number of bytes with another file; other files have no copy.
    """
    bytes_of = np.fromiter((_bytes(root / file) for file in files), dtype=np.int64, count=len(files))
    values, counts = np.unique(bytes_of, return_counts=True)
    may_be_copies = np.isin(bytes_of, values[(counts > 1) & (values >= 0)])
    sizes: dict[str, tuple[int, int]] = {}
    problems: dict[str, str] = {}
    digests: dict[str, str] = {}

    def look(file: str, hashed: bool) -> tuple[tuple[int, int], str]:
        path = root / file
        content = read_image(path) if decode or hashed else None
        digest = hashlib.sha256(content).hexdigest() if hashed and content is not None else ""
        if decode and content is not None:
            return EncodedImage(content, name=str(path)).decode().size, digest
        return image_size(path), digest

    waiting: deque[tuple[str, Future[tuple[tuple[int, int], str]]]] = deque()

    def take() -> None:
        file, future = waiting.popleft()
        try:
            size, digest = future.result()
        except ImageError as error:
            problems[file] = str(error).removeprefix(f"image {root / file} ")
        else:
            if with_sizes:
                sizes[file] = size
            if digest:
                digests[file] = digest

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="check") as pool:
        for done, (file, hashed) in enumerate(zip(files, may_be_copies.tolist(), strict=True), start=1):
            waiting.append((file, pool.submit(look, file, hashed)))
            if len(waiting) > _AHEAD:
                take()
            if progress:
                progress(done, len(files))
        while waiting:
            take()
    return _OpenedImages(sizes, problems, digests)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
