"""The synthetic world: drawn people, homes and memes with known, planted disparities.

SEER's question in miniature: does pretraining on uncurated images treat people better than supervision on the labels
of the rich? Everything is drawn from random numbers and marked as synthetic. One knob, ``bias``, scales all causes; at
0 there is none. The causes are in pixels or in training data, never in labels or in the choice of people.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.plant import Plant
from fairaudit.core.samples import INCOME, SAMPLE_COLUMNS, Feature, Samples, Subject
from fairaudit.datasets.drawing.people import AGE_GROUPS, GENDERS
from fairaudit.datasets.parts.csv_table import read_csv
from fairaudit.datasets.parts.meme_rows import read_memes
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
    """Return the samples of ``people/``, ``photos/`` or ``memes/`` as ``write_population`` draws them.

    Returns
    -------
    Samples
        People: features ``gender``, ``age_group``, ``skin_tone`` (bins of the column ``monk_skin_tone``), cluster
        person. Photos: label = topic, features ``region``, ``country``, column ``income_usd_per_month``, cluster
        household. Memes: label ``"0"`` (benign) or ``"1"`` (hateful), feature ``target``, cluster image.

    Raises
    ------
    DataError
        If the folder is none of the three, or a table or a picture is missing or malformed.
    """
    root = Path(root)
    settings = read_settings(root)
    kind = settings.get("kind")
    if kind not in _KINDS:
        listed = ", ".join(str(root / k) for k in _KINDS if (root / k).is_dir())
        raise DataError(
            f"folder '{root}' must be one of the folders people, photos or memes that write_population draws; "
            + (f"got the {kind} folder. " if kind else f"got one without a readable {SETTINGS}. ")
            + (f"Give one of: {listed}." if listed else "Give one of these three folders.")
        )
    read = {"people": _people, "photos": _photos, "memes": _memes}[str(kind)]
    subject: dict[str, Subject] = {"people": "people", "photos": "objects", "memes": "memes"}
    try:
        table, features, cluster = read(root)
        missing = [path for path in table["path"] if not (root / path).is_file()]
        if missing:
            raise DataError(
                f"folder '{root}' must contain every picture of its table; {len(missing)} of {len(table)} are missing, "
                f"first '{missing[0]}'."
            )
    except DataError as error:
        raise DataError(f"{error} Or draw the world again with write_population.") from error
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


def _read_csv(file: Path, columns: tuple[str, ...], numeric: str) -> pd.DataFrame:
    table = read_csv(file, required=columns)
    numbers = pd.to_numeric(table[numeric], errors="coerce")
    if numbers.isna().any():
        row = int(numbers.isna().to_numpy().argmax())
        raise DataError(
            f"column '{numeric}' of table {file} must be a number in every row; got '{table[numeric].iloc[row]}' in "
            f"line {row + 2}. Correct the cell."
        )
    return table.assign(**{numeric: numbers})


def _neutral(table: pd.DataFrame, *, path: str, cluster: str, label: str | None) -> pd.DataFrame:
    """Return the table with the columns of every table of samples first."""
    table = table.rename(columns={path: "path", cluster: "cluster_id"})
    table["sample_id"] = table["path"].str.removeprefix("img/").str.removesuffix(".png")
    table["split"], table["text"] = "test", ""
    table["label"] = table[label] if label else ""
    return table[[*SAMPLE_COLUMNS, *(c for c in table.columns if c not in (*SAMPLE_COLUMNS, label))]]


def _people(root: Path) -> tuple[pd.DataFrame, tuple[Feature, ...], str]:
    raw = _read_csv(root / "people.csv", PEOPLE_COLUMNS, "monk_skin_tone")
    outside = raw[~raw["monk_skin_tone"].isin(range(1, 11))]
    if len(outside):
        raise DataError(
            f"column 'monk_skin_tone' of table {root / 'people.csv'} must be a whole number from 1 to 10; "
            f"got {outside['monk_skin_tone'].iloc[0]}. Correct the cell."
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
    raw = _read_csv(root / "photos.csv", PHOTO_COLUMNS, INCOME)
    table = _neutral(raw, path="file", cluster="household", label="topic")
    features = (
        Feature("region", REGIONS, "synthetic", _DRAWN),
        Feature("country", COUNTRIES, "synthetic", f"invented countries, {_DRAWN}"),
    )
    return table, features, "household"


def _memes(root: Path) -> tuple[pd.DataFrame, tuple[Feature, ...], str]:
    rows = [
        {**meme, "cluster_id": meme["sample_id"], "split": split}
        for split in SPLITS
        for meme in read_memes(root / f"{split}.jsonl")
    ]
    table = pd.DataFrame(rows, columns=[*SAMPLE_COLUMNS, "target"])
    if unlabelled := table.loc[table["label"] == "", "sample_id"].tolist():
        raise DataError(f"meme '{unlabelled[0]}' of folder '{root}' must have the label 0 or 1; got none.")
    return table, (Feature("target", TARGETS, "synthetic", f"invented peoples, {_DRAWN}"),), "image"
