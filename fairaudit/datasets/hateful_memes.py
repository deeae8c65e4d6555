"""Memes with their text and a label, in the layouts of Hateful Memes and of its fine-grained annotations.

Layout: ``train.jsonl``, ``dev.jsonl`` or ``dev_seen.jsonl`` and ``dev_unseen.jsonl``, ``test.jsonl`` or
``test_seen.jsonl`` and ``test_unseen.jsonl``; one JSON object a line with ``id``, ``img`` (path from the folder),
``text``, ``label`` (1 hateful or offensive, 0 not) and optionally ``target``: the attacked groups, a text or a list. In
the folder or, as MMF unpacks it, in ``defaults/annotations/`` with the images in ``defaults/images/``. Fine-grained
annotations (``train.json``, ``dev_seen.json``, ``dev_unseen.json``) may accompany or replace the JSON lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fairaudit.core.open_file import is_there
from fairaudit.core.samples import Feature, Samples
from fairaudit.datasets.parts.cells import open_feature
from fairaudit.datasets.parts.meme_rows import read_memes
from fairaudit.datasets.parts.meme_votes import read_votes, target_features
from fairaudit.datasets.parts.rows import LeftOut, in_folders, located, once_per_id, to_samples, with_images
from fairaudit.datasets.parts.source import Source

#: Split of each file (without its suffix), in reading order.
SPLITS = {
    "train": "train",
    "dev": "dev",
    "dev_seen": "dev",
    "dev_unseen": "dev",
    "test": "test",
    "test_seen": "test",
    "test_unseen": "test",
}
SOURCE = Source(
    reader="hateful_memes",
    title="Hateful Memes",
    available="https://www.drivendata.org/competitions/70/hateful-memes-phase-2/ (annotations of groups: "
    "https://github.com/facebookresearch/fine_grained_hateful_memes)",
    terms="as its source states; Hateful Memes itself is for research only, its fine-grained annotations Apache-2.0; "
    "the content is abusive",
    layout="train.jsonl, dev_seen.jsonl, test_seen.jsonl (id, img, text, label) and img/",
)
FOLDERS = ("", "defaults/annotations", "annotations", "data", "data/annotations")
IMAGES = ("", "defaults/images", "images", "data")
NO_LABEL = "the row has no label"


def samples(root: Path, *, name: str) -> Samples:
    """Return the labelled memes of all splits.

    ``label`` is ``"1"`` or ``"0"``, ``split`` is train, dev or test, ``text`` is the text on the image. Features are
    ``target``, if a row names one, and from fine-grained annotations ``target_race`` and so on, with the shares of
    annotators. ``skipped`` lists rows without a label and rows whose id occurs in an earlier split.

    Raises
    ------
    DataError
        If all files are missing, a line is not the JSON object described above, two different rows of a split have
        one id, or no labelled row has an image.
    """
    root = SOURCE.folder(root)
    listed, votes = _listed(root)
    rows = pd.DataFrame(listed, columns=["sample_id", "path", "split", "label", "text", "target", "file"])
    left = LeftOut()
    # The original repeats memes of dev_seen in dev_unseen. Rows that differ, and two in one file, stay and are refused.
    repeated = rows.drop(columns="file").duplicated() & ~rows.duplicated(["sample_id", "file"])
    rows = once_per_id(rows[~repeated].drop(columns="file"), left, splits=("train", "dev", "test"))
    n_labelled, n = len(left), len(rows)
    rows = left.keep(rows, [NO_LABEL if label == "" else "" for label in rows["label"]])
    unlabelled = len(left) - n_labelled
    rows["path"] = located(root, in_folders(rows["path"], IMAGES))
    rows, missing = with_images(rows, root, left, source=SOURCE, named_by="the field 'img'", what="memes")
    rows, features, uncertain = _targets(rows, votes)
    twice = int(repeated.sum())
    notes = [
        "Memes made from one template are not known as such: each image counts as its own cluster.",
        f"{twice} rows stand in two files of one split word for word and count once." if twice else "",
        f"{unlabelled} of {n} memes have no label and were left out." if unlabelled else "",
    ]
    return to_samples(
        SOURCE, rows, name=name, root=root, subject="memes", cluster="image", features=features, left=left,
        notes=(*notes, *missing), uncertain=uncertain,
    )  # fmt: skip


def _listed(root: Path) -> tuple[list[dict[str, str]], dict[str, tuple[frozenset[str], ...]]]:
    """Return the rows of all files, and the votes of annotators by id."""
    rows: list[dict[str, str]] = []
    votes: dict[str, tuple[frozenset[str], ...]] = {}
    read: list[str] = []
    for stem, split in SPLITS.items():
        plain = _find(root, f"{stem}.jsonl")
        fine = _find(root, f"{stem}.json")
        if fine is not None:
            memes = list(read_votes(fine))
            votes |= {meme.row["sample_id"]: meme.votes for meme in memes}
            if plain is None:
                rows += [{**meme.row, "split": split, "file": fine.name} for meme in memes]
        if plain is not None:
            rows += [{**row, "split": split, "file": plain.name} for row in read_memes(plain)]
        read += [path.name for path in (plain, fine) if path is not None]
    if not read:
        raise SOURCE.missing(root, f"{', '.join(f'{stem}.jsonl' for stem in SPLITS)} or some of them")
    return rows, votes


def _find(root: Path, name: str) -> Path | None:
    return next((root / folder / name for folder in FOLDERS if is_there(root / folder / name)), None)


def _targets(
    rows: pd.DataFrame, votes: dict[str, tuple[frozenset[str], ...]]
) -> tuple[pd.DataFrame, Sequence[Feature], dict[str, pd.DataFrame]]:
    columns, uncertain, features = target_features(rows["sample_id"].tolist(), votes)
    source = "named by the annotators of the data; several targets of one meme are joined by +"
    target = open_feature(rows, "target", "annotated", source)
    if target.groups:
        features = (target, *features)
    else:
        rows = rows.drop(columns="target")
    return rows.assign(**columns), features, uncertain
