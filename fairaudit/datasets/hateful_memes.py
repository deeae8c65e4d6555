"""Memes with their text and a label, in the layout of Hateful Memes.

Layout: ``train.jsonl``, ``dev.jsonl`` or ``dev_seen.jsonl`` and ``dev_unseen.jsonl``, ``test.jsonl`` or
``test_seen.jsonl`` and ``test_unseen.jsonl``; one JSON object a line with ``id``, ``img`` (path from the folder),
``text``, ``label`` (1 hateful or offensive, 0 not), and optionally ``target``: who is attacked, a text or a list.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.files import file_problem
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.datasets.parts.files import existing_folder, skipped_table

READER = "hateful_memes"
#: File (without ``.jsonl``) and the split that its rows belong to, in reading order.
SPLITS = {
    "train": "train",
    "dev": "dev",
    "dev_seen": "dev",
    "dev_unseen": "dev",
    "test": "test",
    "test_seen": "test",
    "test_unseen": "test",
}
NO_LABEL = "the row has no label"


def samples(root: Path, *, name: str) -> Samples:
    """Return the labelled memes of all splits.

    ``label`` is ``"1"`` or ``"0"``, ``split`` is train, dev or test, ``text`` is the text on the image. The only
    feature is ``target``, and only where some row names one. Rows without a label are listed in ``skipped``.

    Parameters
    ----------
    root : Path
        Folder with the ``.jsonl`` files and the images they name.
    name : str
        Name of the data set in the audit.

    Raises
    ------
    DataError
        If there is no file of a split, a line is not the JSON object described above, two different rows have
        one id, or no labelled row has an image.
    """
    root = existing_folder(root, reader=READER)
    files = [root / f"{stem}.jsonl" for stem in SPLITS if (root / f"{stem}.jsonl").is_file()]
    if not files:
        raise DataError(
            f"data folder {root} must contain {', '.join(f'{stem}.jsonl' for stem in SPLITS)} or some of them; "
            f"got none. Check the folder against the layout of the reader '{READER}'."
        )
    table = pd.DataFrame([{**row, "file": file.name} for file in files for row in _rows(file)])
    # The original repeats memes of dev_seen in dev_unseen. Rows that differ in anything, and two in one file, stay
    # and are refused.
    repeated = pd.Series(dtype=bool)
    if len(table):
        repeated = table.drop(columns="file").duplicated() & ~table.duplicated(["sample_id", "file"])
        table = table[~repeated].drop(columns="file").reset_index(drop=True)
    problems = [
        NO_LABEL if row.label == "" else file_problem(root, str(row.path)) for row in table.itertuples(index=False)
    ]
    skipped = [(str(p), problem) for p, problem in zip(table.get("path", []), problems, strict=True) if problem]
    table = table[[not problem for problem in problems]].reset_index(drop=True)
    if table.empty:
        raise DataError(
            f"data folder {root} must contain a labelled meme with its image; got none in {len(skipped)} rows. "
            "Check that the images are where the field 'img' says."
        )
    targets = tuple(sorted(set(table["target"]) - {NOT_RECORDED}))
    source = "named by the annotators of the data; several targets of one meme are joined by +"
    return Samples(
        name=name,
        reader=READER,
        subject="memes",
        root=root,
        table=table if targets else table.drop(columns="target"),
        features=(Feature("target", targets, "annotated", source),) if targets else (),
        cluster="image",
        licence="as its source states; Hateful Memes itself is for research only. The content is abusive",
        show_images=False,
        notes=_notes(len(table), int(repeated.sum()), [reason for _, reason in skipped]),
        skipped=skipped_table(skipped),
    )


def _notes(n: int, repeated: int, reasons: list[str]) -> tuple[str, ...]:
    notes = ["Memes made from one template are not known as such: each image counts as its own cluster."]
    if repeated:
        notes.append(f"{repeated} rows stand in two files of one split word for word and count once.")
    unlabelled = reasons.count(NO_LABEL)
    if unlabelled:
        notes.append(f"{unlabelled} of {n + len(reasons)} memes have no label and were left out.")
    if len(reasons) > unlabelled:
        notes.append(f"{len(reasons) - unlabelled} of {n + len(reasons)} memes were left out: the image is not there.")
    return tuple(notes)


def _rows(file: Path) -> list[dict[str, str]]:
    rows = []
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except ValueError as error:
        raise DataError(f"file {file} must be text in UTF-8; got other bytes. Save it again as UTF-8.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                rows.append(_row(json.loads(line), SPLITS[file.stem]))
            except (ValueError, RecursionError) as error:
                reason = "a line that is no JSON" if isinstance(error, json.JSONDecodeError) else str(error)
                raise DataError(
                    f"line {number} of {file} must be a JSON object with id, img, text and label; got {reason}. "
                    "Correct or remove the line."
                ) from error
    return rows


def _row(value: Any, split: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__}")
    for key in ("id", "img", "text"):
        if key not in value:
            raise ValueError(f"an object without '{key}'")
        if isinstance(value[key], bool) or not isinstance(value[key], (str, int) if key == "id" else str):
            raise ValueError(f"an object whose '{key}' is no text")
    label = value.get("label")
    if label not in (None, "", 0, 1, "0", "1") or isinstance(label, (bool, float)):
        raise ValueError(f"the label {json.dumps(label)} instead of 0 or 1")
    sample_id = str(value["id"])
    return {
        "sample_id": sample_id,
        "path": value["img"],
        "cluster_id": sample_id,
        "split": split,
        "label": "" if label is None else str(label),
        "text": value["text"],
        "target": _target(value.get("target")),
    }


def _target(value: Any) -> str:
    named = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) or one is None for one in named):
        raise ValueError("a 'target' that is neither a text nor a list of texts")
    texts = sorted({one.strip() for one in named if one and one.strip()})
    return " + ".join(texts) if texts else NOT_RECORDED
