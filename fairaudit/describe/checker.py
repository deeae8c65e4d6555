"""``check_samples``: from ``Samples`` to a ``SampleCheck``. Images are opened once and not kept; no model runs."""

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
from fairaudit.core.samples import BOX_COLUMNS, IN_ANOTHER_SPLIT, INCOME, NOT_RECORDED, Feature, Samples
from fairaudit.describe.check import FeatureCheck, GroupCount, Overlap, Reason, SampleCheck
from fairaudit.describe.planned_comparisons import Planned, planned, planned_income
from fairaudit.images.decode import EncodedImage, ImageError, image_size, read_image, unnamed_images

EXAMPLES = 3
#: What differs between files that are left out for one reason: texts in quotation marks.
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
    """Return what is in a data set, what is missing, and the least disparities that it could show.

    Parameters
    ----------
    samples : Samples
    decode : bool
        Whether images are decoded as a whole; else only their headers are read, and truncated files are not found.
    expected : float, optional
        Share that a measure is expected to have, in (0, 1). Default: the one for which it takes most.
    indicators : sequence of str
        Names of those that would measure this data: each plans the same comparisons, and all share one error level.
    progress : callable, optional
        Called with what is done and what there is in all.

    Raises
    ------
    ConfigError
        If ``expected`` is not in (0, 1).
    """
    if expected is not None and not 0 < expected < 1:
        raise ConfigError(f"--expected must be between 0 and 1; got {expected:g}. Leave it out for the hardest share.")
    table = samples.table
    files = list(dict.fromkeys(table["path"]))
    with_boxes = BOX_COLUMNS[0] in table
    opened = open_images(samples.root, files, decode=decode, with_sizes=with_boxes, progress=progress)
    rows = table[table["split"] == "test"] if samples.subject == "memes" else table
    clusters = pd.factorize(rows["cluster_id"])[0].astype(np.int64)
    plans = {f.name: planned(rows, clusters, f, subject=samples.subject, expected=expected) for f in samples.features}
    income = planned_income(rows, clusters, expected=expected)
    exploratory_features = samples.exploratory_features
    mine = [
        *income,
        *(one for name, of_feature in plans.items() if name not in exploratory_features for one in of_feature),
    ]
    n_planned = max(len(indicators), 1) * sum(one.status == "ok" for one in mine)
    alpha = ALPHA / max(n_planned, 1)
    features = [_feature(samples, rows, f, plans[f.name], alpha, exploratory_features) for f in samples.features]
    if income:
        features.append(_income(rows, income, alpha))
    return SampleCheck(
        name=samples.name, reader=samples.reader, subject=samples.subject, cluster=samples.cluster,
        licence=samples.licence, version=samples.version, show_images=samples.show_images, n_rows=len(samples),
        n_images=len(files), n_clusters=int(table["cluster_id"].nunique()), n_measured=len(rows),
        splits=_counts(table["split"]), labels=_counts(table["label"]),
        left_out=_reasons(zip(samples.skipped["file"], samples.skipped["reason"], strict=True)),
        unlisted=_unlisted(samples),
        unreadable=_reasons(_unreadable(table, opened), numbers=True), decoded=decode,
        n_rows_unreadable=int(_is_unreadable(table, opened).sum()), copies=_copies(opened.digests),
        overlaps=tuple(_overlaps(samples, opened.digests)), features=tuple(features), n_planned=n_planned,
        indicators=tuple(indicators), alpha=alpha, expected=expected, notes=samples.notes,
    )  # fmt: skip


def _feature(
    samples: Samples,
    rows: pd.DataFrame,
    feature: Feature,
    plans: Sequence[Planned],
    alpha: float,
    exploratory_features: frozenset[str],
) -> FeatureCheck:
    shares = samples.uncertain.get(feature.name)
    uncertain = 0.0
    if shares is not None:
        most = shares.loc[rows.index].max(axis=1)
        uncertain = float((most[most.notna()] < 1).mean()) if most.notna().any() else 0.0
    names = (*feature.groups, *((NOT_RECORDED,) if (rows[feature.name] == NOT_RECORDED).any() else ()))
    return FeatureCheck(
        name=feature.name, known_by=feature.known_by, source=feature.source, ordered=feature.ordered,
        exploratory=feature.name in exploratory_features, uncertain=uncertain,
        groups=_groups(rows, rows[feature.name], names),
        comparisons=tuple(one.at(alpha) for one in plans),
    )  # fmt: skip


def _income(rows: pd.DataFrame, plans: Sequence[Planned], alpha: float) -> FeatureCheck:
    """Return income as the audit has it: no groups, but an order without steps."""
    cells = pd.Series(np.where(rows[INCOME] > 0, "recorded", NOT_RECORDED), index=rows.index)
    names = ("recorded", *((NOT_RECORDED,) if (cells == NOT_RECORDED).any() else ()))
    return FeatureCheck(
        name=INCOME, known_by="annotated", source="USD per month, as recorded", ordered=True, exploratory=False,
        uncertain=0.0, groups=_groups(rows, cells, names), comparisons=tuple(one.at(alpha) for one in plans),
    )  # fmt: skip


def _groups(rows: pd.DataFrame, cells: pd.Series, names: Sequence[str]) -> tuple[GroupCount, ...]:
    """Return how often each group occurs, in one pass over the rows."""
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
        for name in names
    )


def _counts(cells: pd.Series) -> dict[str, int]:
    """Return how often each text occurs that is not empty."""
    return _most_first({str(text): int(n) for text, n in cells.value_counts().items() if text})


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _reasons(rows: Iterable[tuple[str, str]], *, numbers: bool = False) -> tuple[Reason, ...]:
    """Return how many files there are for each reason, the most frequent first.

    What differs from file to file is left out: texts in quotation marks and, if asked for, ``numbers``.
    """
    found: dict[str, list[str]] = {}
    for file, reason in rows:
        kind = _QUOTED.sub("'...'", reason)
        found.setdefault(_DIGITS.sub("...", kind) if numbers else kind, []).append(str(file))
    made = [Reason(reason, len(files), tuple(files[:EXAMPLES])) for reason, files in found.items()]
    return tuple(sorted(made, key=lambda one: (-one.n, one.reason)))


def _unreadable(table: pd.DataFrame, opened: OpenedImages) -> Iterator[tuple[str, str]]:
    for file, problem in opened.problems.items():
        yield file, problem.removeprefix("must be readable; got ").removesuffix(" Replace or remove it.")
    beyond = _is_beyond(table, opened)
    yield from ((path, "its box reaches beyond the image") for path in table["path"][beyond])


def _is_unreadable(table: pd.DataFrame, opened: OpenedImages) -> pd.Series:
    """Return the rows that an audit could not use: of an image that cannot be read, or with a box beyond it."""
    return table["path"].isin(list(opened.problems)) | _is_beyond(table, opened)


def _is_beyond(table: pd.DataFrame, opened: OpenedImages) -> pd.Series:
    if BOX_COLUMNS[0] not in table:
        return pd.Series(False, index=table.index)
    widths, heights = (table["path"].map({file: size[at] for file, size in opened.sizes.items()}) for at in (0, 1))
    return (table[BOX_COLUMNS[2]] > widths) | (table[BOX_COLUMNS[3]] > heights)


def _unlisted(samples: Samples) -> Reason | None:
    """Return the images below the folder that no row names, and that were not left out with a reason."""
    named = (*samples.table["path"].unique(), *samples.skipped["file"].astype(str))
    unlisted, _ = unnamed_images(samples.root, named)
    return Reason("an image that no row names", len(unlisted), tuple(unlisted[:EXAMPLES])) if unlisted else None


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


_THREADS = 4
_AHEAD = 64  # images that may wait for their turn: memory stays bounded


@dataclass(frozen=True)
class OpenedImages:
    """What came of each image.

    Parameters
    ----------
    sizes : mapping of str to (int, int)
        Width and height of those that could be read, upright; empty unless asked for.
    problems : mapping of str to str
        Why the others could not.
    digests : mapping of str to str
        SHA-256 of files that share their number of bytes with another one; others have no copy.
    """

    sizes: Mapping[str, tuple[int, int]]
    problems: Mapping[str, str]
    digests: Mapping[str, str]


def open_images(
    root: Path, files: Sequence[str], *, decode: bool, with_sizes: bool = True, progress: Advance | None = None
) -> OpenedImages:
    """Open each image, several at a time.

    Parameters
    ----------
    root : Path
    files : sequence of str
        Paths from ``root``, each once.
    decode : bool
        Whether pixels are decoded; else only headers are read (of other files than JPEG also the pixels behind them),
        and files that may have a copy.
    with_sizes : bool
        Whether sizes are kept.
    progress : callable, optional
        Called with what is done and what there is in all.
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
    return OpenedImages(sizes, problems, digests)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
