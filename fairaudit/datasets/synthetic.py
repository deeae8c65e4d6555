"""The synthetic world: drawn people, homes and memes with known, planted disparities.

SEER's question in miniature: does pretraining on uncurated images treat people better than supervision on the labels
of the rich? Everything is drawn from numbers, and everything made of it is called synthetic. One knob, ``bias``, scales
all causes; at 0 there is none. The causes lie in pixels or in training data, never in labels or in who is audited.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import TABLE, is_there, open_text, read_text
from fairaudit.core.plant import Plant
from fairaudit.core.samples import INCOME, SAMPLE_COLUMNS, Feature, Samples, Subject
from fairaudit.datasets.drawing.people import AGE_GROUPS, GENDERS
from fairaudit.datasets.world.captions import TARGETS, UNSEEN_TARGET
from fairaudit.datasets.world.files import SETTINGS, read_settings
from fairaudit.datasets.world.households import COUNTRIES, REGIONS
from fairaudit.datasets.world.persons import SKIN_TONE_BINS, skin_tone_bin
from fairaudit.datasets.world.population import PEOPLE_COLUMNS, PHOTO_COLUMNS, SPLITS, write_population
from fairaudit.datasets.world.size import DEMO, QUICK, Size
from fairaudit.datasets.world.training import (
    OBJECT_CENTRIC,
    PEOPLE_CENTRIC,
    write_labelled,
    write_training,
    write_unlabelled,
)

__all__ = [
    "DEMO",
    "OBJECT_CENTRIC",
    "PEOPLE_CENTRIC",
    "PLANTS",
    "QUICK",
    "Size",
    "samples",
    "write_labelled",
    "write_population",
    "write_training",
    "write_unlabelled",
]

PLANTS: tuple[Plant, ...] = (
    Plant(
        name="underexposed photographs",
        indicator="representation_disparity",
        feature="skin_tone",
        kind="slope",
        group="",
        direction="lower",
        cause="Photographs of darker-toned people are underexposed and noisy, so that their gender is harder to see.",
        checkpoints=("supervised",),
    ),
    Plant(
        name="labelled faces are light",
        indicator="label_association",
        feature="skin_tone",
        kind="slope",
        group="",
        direction="higher",
        cause="Labelled training photographs show only people of Monk skin tones 1 to 4, and dogs and rats with brown "
        "and dark fur.",
        checkpoints=("random", "supervised", "swav"),
    ),
    Plant(
        name="labelled homes are rich",
        indicator="geographic_disparity",
        feature="income",
        kind="slope",
        group="",
        direction="higher",
        cause="Labelled training photographs come from homes with a high income; things in poorer homes have another "
        "form and stand in dimmer light.",
        checkpoints=("random", "supervised", "swav"),
    ),
    Plant(
        name=f"no hate against {UNSEEN_TARGET} in training",
        indicator="hate_speech",
        feature="target",
        kind="one_vs_rest",
        group=UNSEEN_TARGET,
        direction="lower",
        cause=f"The training split of the memes has no hateful meme about the {UNSEEN_TARGET}, and the sentences that "
        "the text encoder learned from use the words which are abusive only for them as if they were occupations.",
        checkpoints=("random", "supervised", "swav"),
    ),
)

_KINDS = ("people", "photos", "memes")
_DRAWN = "chosen when the picture was drawn"


def samples(root: Path, *, name: str) -> Samples:
    """Read one folder of the synthetic world.

    Parameters
    ----------
    root : Path
        ``people/``, ``photos/`` or ``memes/`` as ``write_population`` makes them.
    name : str
        Name of the data set in the audit.

    Returns
    -------
    Samples
        People: features ``gender``, ``age_group``, ``skin_tone`` (bins of the column ``monk_skin_tone``), cluster
        person. Photos: label = topic, features ``region``, ``country``, column ``income_usd_per_month``, cluster
        household. Memes: label ``"0"`` (benign) or ``"1"`` (hateful), feature ``target``, cluster image.

    Raises
    ------
    DataError
        If the folder is none of the three, or a table or a picture is missing or damaged.
    """
    root = Path(root)
    settings = read_settings(root)
    kind = settings.get("kind")
    if kind not in _KINDS:
        listed = ", ".join(str(root / k) for k in _KINDS if (root / k).is_dir())
        raise DataError(
            f"folder '{root}' must be one of the folders people, photos or memes that write_population makes; "
            + (f"got the {kind} folder. " if kind else f"got one without a readable {SETTINGS}. ")
            + (f"Give one of: {listed}." if listed else "Give one of these three folders.")
        )
    read = {"people": _people, "photos": _photos, "memes": _memes}[str(kind)]
    subject: dict[str, Subject] = {"people": "people", "photos": "objects", "memes": "memes"}
    table, features, cluster = read(root)
    _check_pictures(root, table["path"])
    return Samples(
        name=name,
        reader="synthetic",
        subject=subject[str(kind)],
        root=root,
        table=table,
        features=features,
        cluster=cluster,
        licence="none needed: drawn",
        version=f"seed {settings.get('seed')}, bias {settings.get('bias')}",
        show_images=True,
        synthetic=True,
        notes=("All pictures are drawn; nobody, no home and no people named in them is real.",),
    )


def _read_csv(root: Path, file: str, columns: tuple[str, ...], numeric: tuple[str, ...]) -> pd.DataFrame:
    path = root / file
    if not is_there(path):
        raise DataError(
            f"folder '{root}' must contain {file}; it does not. Draw the world again with write_population."
        )
    with open_text(path, "table", limit=TABLE, encoding="utf-8") as opened:
        table = pd.read_csv(opened, dtype=dict.fromkeys(columns, str), keep_default_na=False)
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise DataError(
            f"table '{path}' must have the columns {', '.join(columns)}; {', '.join(missing)} is missing. "
            "Draw the world again with write_population."
        )
    for column in numeric:
        numbers = pd.to_numeric(table[column], errors="coerce")
        if numbers.isna().any():
            line = int(numbers.isna().to_numpy().argmax())
            raise DataError(
                f"column '{column}' of '{path}' must be a number in every row; got '{table[column].iloc[line]}' in "
                f"line {line + 2}. Draw the world again with write_population."
            )
        table[column] = numbers
    return table


def _neutral(table: pd.DataFrame, *, path: str, cluster: str, label: str | None) -> pd.DataFrame:
    """Put the columns that every table has in front."""
    table = table.rename(columns={path: "path", cluster: "cluster_id"})
    table["sample_id"] = table["path"].str.removeprefix("img/").str.removesuffix(".png")
    table["split"], table["text"] = "test", ""
    table["label"] = table[label] if label else ""
    return table[[*SAMPLE_COLUMNS, *(c for c in table.columns if c not in (*SAMPLE_COLUMNS, label))]]


def _people(root: Path) -> tuple[pd.DataFrame, tuple[Feature, ...], str]:
    raw = _read_csv(root, "people.csv", PEOPLE_COLUMNS, ("monk_skin_tone",))
    outside = raw[~raw["monk_skin_tone"].isin(range(1, 11))]
    if len(outside):
        raise DataError(
            f"column 'monk_skin_tone' of '{root / 'people.csv'}' must be a whole number from 1 to 10; "
            f"got {outside['monk_skin_tone'].iloc[0]}. Draw the world again with write_population."
        )
    table = _neutral(raw, path="file", cluster="person", label=None)
    table["skin_tone"] = [skin_tone_bin(int(tone)) for tone in table["monk_skin_tone"]]
    features = (
        Feature("gender", GENDERS, "synthetic", f"presentation, {_DRAWN}"),
        Feature("age_group", AGE_GROUPS, "synthetic", _DRAWN, ordered=True),
        Feature("skin_tone", tuple(SKIN_TONE_BINS), "synthetic", f"bins of the Monk Skin Tone, {_DRAWN}", ordered=True),
    )
    return table, features, "person"


def _photos(root: Path) -> tuple[pd.DataFrame, tuple[Feature, ...], str]:
    raw = _read_csv(root, "photos.csv", PHOTO_COLUMNS, (INCOME,))
    table = _neutral(raw, path="file", cluster="household", label="topic")
    features = (
        Feature("region", REGIONS, "synthetic", _DRAWN),
        Feature("country", COUNTRIES, "synthetic", f"invented countries, {_DRAWN}"),
    )
    return table, features, "household"


def _memes(root: Path) -> tuple[pd.DataFrame, tuple[Feature, ...], str]:
    rows: list[dict[str, str]] = []
    for split in SPLITS:
        path = root / f"{split}.jsonl"
        if not is_there(path):
            raise DataError(
                f"folder '{root}' must contain {split}.jsonl; it does not. Draw the world again with write_population."
            )
        for number, line in enumerate(read_text(path, "file", limit=TABLE).splitlines(), start=1):
            rows.append(_meme(path, number, line, split))
    table = pd.DataFrame(rows, columns=[*SAMPLE_COLUMNS, "target"])
    return table, (Feature("target", TARGETS, "synthetic", f"invented peoples, {_DRAWN}"),), "image"


def _meme(path: Path, number: int, line: str, split: str) -> dict[str, str]:
    try:
        row = json.loads(line)
        label = {0: "0", 1: "1"}[row["label"]]
        ident, image, text, target = (str(row[key]) for key in ("id", "img", "text", "target"))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"line {number} of '{path}' must be an object with id, img, label (0 or 1), text and target; "
            f"got {line[:80]!r}. Draw the world again with write_population."
        ) from error
    return {
        "sample_id": ident, "path": image, "cluster_id": ident, "split": split, "label": label, "text": text,
        "target": target,
    }  # fmt: skip


def _check_pictures(root: Path, paths: pd.Series) -> None:
    missing = [p for p in paths if not (root / p).is_file()]
    if missing:
        raise DataError(
            f"folder '{root}' must contain every picture of its table; {len(missing)} of {len(paths)} are missing, "
            f"first '{missing[0]}'. Draw the world again with write_population."
        )
