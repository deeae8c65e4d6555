"""GeoDE: photographs of 40 kinds of objects, contributed by people in six regions.

Layout: ``index.csv`` (or ``metadata.csv``) with the columns ``file_path``, ``object``, ``ip_country`` and optionally
``region``; the images in ``images/`` or beside the table. The default of ``region`` is the first part of the path or
name (``Africa/Nigeria/Nigeria_bag_011.jpg``, ``Africa_Nigeria_Nigeria_bag_1.jpg``).
"""

from __future__ import annotations

import re
from pathlib import Path

from fairaudit.core.samples import Feature, Samples
from fairaudit.datasets.parts.cells import country_names, groups_of, open_feature
from fairaudit.datasets.parts.csv_table import read_csv
from fairaudit.datasets.parts.rows import LeftOut, in_folders, located, to_samples, with_images
from fairaudit.datasets.parts.source import Source

SOURCE = Source(
    reader="geode",
    title="GeoDE",
    available="https://geodiverse-data-collection.cs.princeton.edu/",
    terms="as that page states",
    layout="index.csv (file_path, object, ip_country, perhaps region) and images/",
)
TABLES = ("index.csv", "metadata.csv")
REQUIRED = ("file_path", "object", "ip_country")
REGIONS = ("Africa", "Americas", "EastAsia", "Europe", "SouthEastAsia", "WestAsia")

_FIRST = re.compile(r"[/_]")
_HOW = "of the contributor"


def samples(root: Path, *, name: str) -> Samples:
    """Return the photographs with region and country, and the object (with its underscores) as label.

    Countries in ``fairaudit``'s table get one spelling. Contributors are unknown: the cluster is the image, and
    intervals are too narrow if one person took several photographs.

    Raises
    ------
    DataError
        If the table, a column or all images are missing, or a region is not one of the six.
    """
    root = SOURCE.folder(root)
    file = SOURCE.file(root, TABLES)
    # Place, time and camera of a photograph could identify the contributor: they are not read.
    raw = read_csv(file, required=REQUIRED, optional=("region",))
    first = raw["file_path"].map(lambda path: _FIRST.split(path.removeprefix("images/"))[0])
    region = raw.assign(region=raw.get("region", ""))["region"]
    rows = raw[["object"]].rename(columns={"object": "label"})
    rows["path"] = located(root, in_folders(raw["file_path"], ("", "images")))
    rows["sample_id"] = raw["file_path"]
    rows["region"] = groups_of(region.where(region != "", first), REGIONS, what=f"region in table {file}")
    rows["country"], spelling = country_names(raw["ip_country"])
    left = LeftOut()
    rows, notes = with_images(rows, root, left, source=SOURCE, named_by=f"the column 'file_path' of {file.name}")
    return to_samples(
        SOURCE, rows, name=name, root=root, subject="objects", cluster="image", left=left,
        features=(
            Feature("region", REGIONS, "annotated", f"region {_HOW}, as recorded"),
            open_feature(rows, "country", "derived", f"country {_HOW}, by the address of the upload", exploratory=True),
        ),
        notes=("Who took a photograph is not known: each counts as independent of all others.", spelling, *notes),
    )  # fmt: skip
