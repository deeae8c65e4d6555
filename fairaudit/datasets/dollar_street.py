"""Dollar Street: photographs of things and rooms in homes of known country and income.

Layout: ``metadata.csv`` with the columns ``file`` (path from the folder), ``country``, ``region``, ``income`` (USD
per month), ``topic`` and optionally ``household``, ``credit``, ``url``, ``imagenet_synonyms``; and the images. Or
MLCommons' release: ``images_v2_imagenet_test.csv``, else ``images_v2.csv``. Or Gapminder's JSON: a list of ``_id``,
``label``, ``country``, ``region``, ``income`` and ``url``, with images ``label/_id.jpg``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairaudit.core.samples import INCOME, Samples
from fairaudit.datasets.parts.cells import open_feature, recorded
from fairaudit.datasets.parts.csv_table import positive_numbers
from fairaudit.datasets.parts.dollar_street_forms import JSON, MLCOMMONS, PLAIN, read_photographs
from fairaudit.datasets.parts.homes import check_homes, households, income_note
from fairaudit.datasets.parts.rows import LeftOut, to_samples, with_images
from fairaudit.datasets.parts.source import Source
from fairaudit.measures.homes import IMAGE_KEY, LABELS

SOURCE = Source(
    reader="dollar_street",
    title="Dollar Street (Gapminder)",
    available="https://www.gapminder.org/dollar-street and https://mlcommons.org/datasets/dollar-street",
    terms="CC BY 4.0; photographers in the column credit",
    layout=f"{PLAIN} (file, country, region, income, topic), or {MLCOMMONS[0]}, or {JSON[0]}, and the images it names",
)


def samples(root: Path, *, name: str) -> Samples:
    """Return the photographs with region, country and income, and their topic as label.

    The table also has ``income_usd_per_month`` (float, NaN if no positive number is recorded), ``credit`` and, if
    recorded, ``image_key`` (the ``url``) and ``labels`` (the ImageNet classes in a photograph, from
    ``imagenet_synonyms``). The cluster is the household, since photographs of one home are dependent. A file listed
    under several topics has a row for each. Lists in cells are literals, never evaluated.

    Raises
    ------
    DataError
        If the table is missing, lacks a column, lists no existing file, lists a file twice under one topic, has a
        malformed list, or gives a household two countries, regions or incomes.
    """
    root = SOURCE.folder(root)
    photos = read_photographs(root)
    if photos is None:
        raise SOURCE.missing(root, f"the table {PLAIN}, {', '.join(MLCOMMONS)} or {JSON[0]}")
    left = LeftOut()
    raw, notes = with_images(
        photos.rows, root, left, source=SOURCE, named_by=f"{photos.file.name} in {photos.named_by}"
    )
    income = positive_numbers(raw["income"])
    homes, household_note = households(raw, income)
    check_homes(photos.file, raw, income, homes)
    rows = pd.DataFrame(
        {
            "sample_id": _ids(raw),
            "path": raw["path"],
            "cluster_id": homes,
            "label": raw["topic"],
            "region": recorded(raw["region"]),
            "country": recorded(raw["country"]),
            INCOME: income,
            "credit": raw["credit"] if "credit" in raw.columns else "",
        }
    )
    if "url" in raw.columns:
        rows[IMAGE_KEY] = raw["url"]
    if LABELS in raw.columns:
        rows[LABELS] = raw[LABELS]
    how = "of the home, recorded when it was photographed"
    features = (
        open_feature(rows, "region", "annotated", f"region {how}"),
        # A country lies in one region: planning both would ask the same question twice.
        open_feature(rows, "country", "annotated", f"country {how}", exploratory=True),
    )
    return to_samples(
        SOURCE, rows, name=name, root=root, subject="objects", cluster="household", features=features, left=left,
        notes=(household_note, photos.note, income_note(raw, income), *notes),
    )  # fmt: skip


def _ids(raw: pd.DataFrame) -> pd.Series:
    """Return the file of each row, with the topic appended if the file has several topics."""
    several = raw.groupby("path")["topic"].transform("nunique") > 1
    return raw["path"].where(~several, raw["path"] + "#" + raw["topic"])
