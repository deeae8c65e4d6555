"""Any table of images: the mapping says what columns hold, and everything that it cannot mean is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fairaudit.core.errors import ConfigError, DataError, InputError
from fairaudit.core.samples import Samples
from fairaudit.datasets import image_table
from fairaudit.datasets.parts.table_mapping import GroupMapping, TableMapping, read_mapping

TOML = """
table = "people.csv"
subject = "people"
file = "img"
id = "uid"
cluster = "person"
cluster_is = "person"
label = "job"
split = "fold"
splits = { valid = "dev" }
title = "Our survey"
licence = "internal"
version = "3"

[features.gender]
known_by = "self-reported"
source = "survey of 2024"
rename = { F = "woman", M = "man" }
missing = ["N/A"]

[features.age_group]
column = "age"
bins = { "<18" = 0, "18-30" = 18, "30+" = 30 }
ordered = true

[features.tone]
votes = { light = "n_light", dark = "n_dark" }
known_by = "perceived"
exploratory = true
"""
ROWS = {
    "uid": ["u1", "u2", "u3", "u4"],
    "img": ["a.png", "b.png", "c.png", "d.png"],
    "person": ["p1", "p1", "", "p2"],
    "job": ["nurse", "guard", "nurse", ""],
    "fold": ["train", "valid", "test", "test"],
    "gender": ["F", "N/A", "M", "non-binary"],
    "age": ["17", "18", "", "71.5"],
    "n_light": [2, 1, 0, 3],
    "n_dark": [1, 1, 0, 0],
    "unused": ["=1+1", "x", "y", "z"],
}


def write(root: Path, toml: str = TOML, rows: dict[str, Any] | None = None, name: str = "people.csv") -> Path:
    frame = pd.DataFrame(ROWS if rows is None else rows)
    if name.endswith(".csv"):
        frame.to_csv(root / name, index=False)
    else:
        frame.to_parquet(root / name)
    for image in "abcd":
        Image.new("RGB", (40, 30)).save(root / f"{image}.png")
    (root / "image_table.toml").write_text(toml, encoding="utf-8")
    return root


def read(root: Path) -> Samples:
    return image_table.samples(root, name="own")


@pytest.mark.parametrize("name", ["people.csv", "people.parquet"])
def test_columns_become_what_the_mapping_says(tmp_path: Path, name: str) -> None:
    found = read(write(tmp_path, TOML.replace("people.csv", name), name=name))
    table = found.table
    assert table["sample_id"].tolist() == ["u1", "u2", "u3", "u4"]
    assert table["path"].tolist() == ["a.png", "b.png", "c.png", "d.png"]
    assert table["cluster_id"].tolist() == ["p1", "p1", "u3", "p2"], "who is not known stands for himself"
    assert table["label"].tolist() == ["nurse", "guard", "nurse", ""]
    assert table["split"].tolist() == ["train", "dev", "test", "test"]
    assert table["gender"].tolist() == ["woman", "not recorded", "man", "non-binary"]
    assert table["age_group"].tolist() == ["<18", "18-30", "not recorded", "30+"]
    assert table["tone"].tolist() == ["light", "light", "not recorded", "light"]
    assert "unused" not in table
    assert (found.subject, found.cluster, found.version, found.licence) == (
        "people", "person", "3", "Our survey: internal",
    )  # fmt: skip
    gender, age, tone = found.features
    assert (gender.groups, gender.known_by, gender.source) == (
        ("man", "non-binary", "woman"), "self-reported", "survey of 2024",
    )  # fmt: skip
    assert (age.groups, age.ordered, age.source) == (
        ("<18", "18-30", "30+"),
        True,
        "column age of people.csv".replace("people.csv", name),
    )
    assert (tone.groups, tone.exploratory, tone.known_by) == (("light", "dark"), True, "perceived")
    np.testing.assert_allclose(found.uncertain["tone"].to_numpy()[:2], [[2 / 3, 1 / 3], [0.5, 0.5]])


def test_a_mapping_may_have_any_name_and_the_least_of_keys(tmp_path: Path) -> None:
    write(tmp_path, 'table = "people.csv"\nsubject = "objects"\nfile = "img"\n')
    (tmp_path / "image_table.toml").rename(tmp_path / "mine.toml")
    found = read(tmp_path / "mine.toml")
    assert found.sample_ids == ("a.png", "b.png", "c.png", "d.png")
    assert (found.cluster, found.features, found.subject) == ("image", (), "objects")


def test_income_and_boxes(tmp_path: Path) -> None:
    rows = {**ROWS, "usd": ["98.5", "0", "-3", "x"], "x": [0, 0, 5, 50], "y": 0, "w": [30, 20, 10, 5], "h": 30}
    toml = (
        'table = "people.csv"\nsubject = "objects"\nfile = "img"\nincome_usd_per_month = "usd"\n'
        'box = ["x", "y", "w", "h"]\nbox_form = "left top width height"\n'
    )
    found = read(write(tmp_path, toml, rows))
    assert found.boxes == [(0, 0, 30, 30), (0, 0, 20, 20), (5, 0, 15, 10)]
    assert found.skipped.to_dict("records") == [{"file": "d.png", "reason": "the box lies outside its image"}]
    assert found.table["income_usd_per_month"].tolist()[0] == 98.5
    assert found.table["income_usd_per_month"].isna().tolist() == [False, True, True]
    shares = {**rows, "x": 0.25, "y": 0.0, "w": 0.75, "h": 1.0}
    toml = toml.replace("left top width height", "left top right bottom") + 'box_unit = "shares"\n'
    assert read(write(tmp_path, toml, shares)).boxes[0] == (10, 0, 30, 20)


def test_groups_that_are_listed_are_a_closed_list(tmp_path: Path) -> None:
    toml = (
        'table = "people.csv"\nsubject = "people"\nfile = "img"\n[features.gender]\ngroups = ["F", "M"]\n'
        'missing = ["N/A"]\nordered = true\nreference = "M"\n'
    )
    rows = {**ROWS, "gender": ["F", "N/A", "M", "F"]}
    (gender,) = read(write(tmp_path, toml, rows)).features
    assert (gender.groups, gender.reference) == (("F", "M"), "M")
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, toml))
    assert str(caught.value) == (
        "column 'gender' of table people.csv must be one of F, M; got 'non-binary' in row 4. Correct the cell."
    )


MAPPING = "mapping image_table.toml"
WRONG = [
    ('file = "img"', 'file = "photo"', DataError, "table people.csv must have the columns that image_table.toml names; "
     "'photo' is missing. It has uid, img, person, job, fold, gender, age, n_light, n_dark, unused. Correct the name "),
    ('file = "img"', 'file = "imgg"', DataError, "'imgg' is missing. Did you mean 'img'? Correct the name there"),
    ('"n_dark"', '"dark"', DataError, "'dark' is missing. Did you mean 'n_dark'? Correct the name there"),
    ('subject = "people"', 'subject = "persons"', ConfigError,
     f"{MAPPING}: subject must be one of: labelled, memes, objects, people; got 'persons'. Choose one of them."),
    ('subject = "people"', "", ConfigError,
     f"{MAPPING}: subject must be one of: people, objects, memes, labelled; it is missing. Add it."),
    ('licence = "internal"', 'license = "internal"', ConfigError, "got 'license'. Did you mean 'licence'?"),
    ('"self-reported"', '"self reported"', ConfigError, "got 'self reported'. Did you mean 'self-reported'?"),
    ('file = "img"', "file = 3", ConfigError, f"{MAPPING}: file must be text in quotation marks; got 3."),
    ('missing = ["N/A"]', 'missing = "N/A"', ConfigError,
     "features.gender.missing must be a list in square brackets; got 'N/A'. Correct it."),
    ("ordered = true", 'ordered = "yes"', ConfigError,
     "features.age_group.ordered must be true or false; got 'yes'. Correct it."),
    ('"18-30" = 18', '"18-30" = "18"', ConfigError,
     "features.age_group.bins.18-30 must be a number; got '18'. Correct it."),
    ('"18-30" = 18', '"18-30" = 40', ConfigError, "must have rising bounds; got [0.0, 40.0, 30.0]. Sort the bins by"),
    ('{ F = "woman", M = "man" }', "{ F = 1 }", ConfigError,
     "gender.rename.F must be text in quotation marks; got 1. Correct it."),
    ('column = "age"', 'groups = ["x"]', ConfigError, "must have groups, bins or votes; got several."),
    ('source = "survey of 2024"', "ordered = true", ConfigError, "must list its groups in order since it is ordered"),
    ('{ F = "woman", M = "man" }', '{ F = "womn" }\ngroups = ["woman"]', ConfigError,
     "must lead to its groups; got 'womn'. Did you mean 'woman'?"),
    ('version = "3"', 'box = ["a"]', ConfigError, "must name four columns; got 1. Name left top right bottom, in"),
    ('version = "3"', 'box_unit = "percent"', ConfigError, f"{MAPPING}: box_unit must be one of: pixels, shares"),
    ('table = "people.csv"', "table = ", ConfigError, "image_table.toml must be TOML in UTF-8; got: "),
    ('"people.csv"', '"people.xlsx"', DataError, "must be a .csv or .parquet file; got no such file."),
    ("[features.gender]", '[features.label]\ncolumn = "gender"', ConfigError,
     f"{MAPPING}: features.label must have another name than sample_id, path, cluster_id, split, label, text,"),
    ('label = "job"', 'label = "path"', ConfigError, f"{MAPPING}: column 'path' must be the file; got another use."),
    ('img"', 'job"', DataError, "must contain the images that 'job' of people.csv names; got none among 4 rows"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "error", "message"), WRONG)
def test_what_a_mapping_cannot_mean_is_one_sentence(
    tmp_path: Path, old: str, new: str, error: type[InputError], message: str
) -> None:
    assert old in TOML
    with pytest.raises(error) as caught:
        read(write(tmp_path, TOML.replace(old, new, 1)))
    assert message in str(caught.value)


def test_a_mapping_is_read_as_it_stands(tmp_path: Path) -> None:
    assert read_mapping(write(tmp_path, TOML) / "image_table.toml") == TableMapping(
        table="people.csv", subject="people", file="img", id="uid", cluster="person", cluster_is="person", label="job",
        split="fold", splits={"valid": "dev"}, title="Our survey", licence="internal", version="3",
        features={
            "gender": GroupMapping(rename={"F": "woman", "M": "man"}, missing=("N/A",), known_by="self-reported",
                                   source="survey of 2024"),
            "age_group": GroupMapping("age", bins={"<18": 0.0, "18-30": 18.0, "30+": 30.0}, ordered=True),
            "tone": GroupMapping(votes={"light": "n_light", "dark": "n_dark"}, known_by="perceived", exploratory=True),
        },
    )  # fmt: skip


def test_memes_are_hateful_or_not_and_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    toml = (
        'table = "people.csv"\nsubject = "memes"\nfile = "img"\nlabel = "job"\ntext = "uid"\nsplit = "fold"\n'
        'labels = { nurse = "1", guard = "0" }\n'
    )
    found = read(write(tmp_path, toml))
    assert found.table["label"].tolist() == ["1", "0", "1"]
    assert found.skipped.to_dict("records") == [{"file": "d.png", "reason": "the row has no label"}]
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, toml.replace(', guard = "0"', "")))
    assert str(caught.value) == (
        "label (column 'job' of table people.csv) must be one of 1, 0; got 'guard' in row 2. Correct the cell."
    )
    with pytest.raises(
        ConfigError, match=r"text must name a column if subject is 'memes'; got none\. Add text = COLUMN\."
    ):
        read(write(tmp_path, toml.replace('text = "uid"\n', "")))
    with pytest.raises(ConfigError, match=r"label must name a column if subject is 'labelled'; got none\. Add label"):
        read(write(tmp_path, 'table = "people.csv"\nsubject = "labelled"\nfile = "img"\n'))


def test_a_column_of_names_is_no_feature(tmp_path: Path) -> None:
    n = 301
    rows = {"img": ["a.png"] * n, "uid": [str(i) for i in range(n)], "name": [f"person {i}" for i in range(n)]}
    toml = 'table = "people.csv"\nsubject = "people"\nfile = "img"\nid = "uid"\n[features.name]\n'
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, toml, rows))
    assert str(caught.value) == (
        "column 'name' of table people.csv must hold groups; got 301 different values, more than 300. Name another "
        "column, or put its values into groups with rename or bins."
    )


def test_features_are_tables(tmp_path: Path) -> None:
    toml = 'table = "people.csv"\nsubject = "people"\nfile = "img"\nfeatures = ["gender"]\n'
    with pytest.raises(ConfigError, match=r"features must be a table, its keys below \[features\]; got \['gender'\]\."):
        read(write(tmp_path, toml))


def test_a_folder_without_a_mapping(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"must contain image_table\.toml; got none\. Check the folder .* with the keys"
    ):
        read(tmp_path)
    with pytest.raises(DataError, match="must be a folder for the reader 'image_table'; got no such folder"):
        read(tmp_path / "x.toml")


def test_a_row_twice_is_refused_and_a_path_cannot_lead_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must have one row per sample_id; got 'u1' 2 times"):
        read(write(tmp_path, rows={**ROWS, "uid": ["u1", "u1", "u3", "u4"]}))
    toml = TOML.replace('id = "uid"\n', "")
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, toml, {**ROWS, "img": ["a.png", "b.png", "a.png", "a.png"]}))
    assert str(caught.value) == (
        "rows of table people.csv must have an id each if they share an image; got 'a.png' in 3 rows. Name a column of "
        "ids in image_table.toml: id = ..."
    )
    found = read(write(tmp_path, rows={**ROWS, "img": ["a.png", "../b.png", "/etc/hostname", "d.png"]}))
    assert found.skipped["reason"].tolist() == ["the name leads out of the data folder"] * 2


def test_a_column_can_weigh_the_rows(tmp_path: Path) -> None:
    rows = {**ROWS, "w": ["2", "0", "1.5", "0.5"], "img": ["a.png", "gone.png", "c.png", "d.png"]}
    for column in ("w", "sample_weight"):
        named = {column if name == "w" else name: cells for name, cells in rows.items()}
        found = read(write(tmp_path, f'sample_weight = "{column}"' + TOML, named))
        assert found.weights is not None
        assert found.weights.tolist() == [2.0, 1.5, 0.5]  # of a mean of 1 in the whole table
        assert f"Rows are weighted by the column '{column}' of people.csv." in found.notes
    assert read(write(tmp_path)).weights is None


def test_weights_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    for cells, text in (
        (["1", "x", "", "1"], "must be a finite number of 0 or more in every row; got 'x' in row 2 (2 such rows). "
         "Correct it, or write 0 for rows that must not count."),
        (["0"] * 4, "must be above 0 in at least one row; got 0 in all 4. Leave it out."),
    ):  # fmt: skip
        with pytest.raises(DataError) as caught:
            read(write(tmp_path, 'sample_weight = "w"' + TOML, {**ROWS, "w": cells}))
        assert str(caught.value) == f"sample_weight (column 'w' of table people.csv) {text}"
    with pytest.raises(
        ConfigError, match=r"sample_weight must be left out if subject is 'memes'; got a column\. The AUROC"
    ):
        TableMapping("t.csv", "memes", "img", label="l", text="t", split="s", sample_weight="w")
    with pytest.raises(
        ConfigError, match=r"column 'sample_weight' must be the sample_weight; got another use\. Rename"
    ):
        TableMapping("t.csv", "people", "img", label="sample_weight", sample_weight="w")
    with pytest.raises(ConfigError, match=r"features\.sample_weight must have another name than"):
        TableMapping("t.csv", "people", "img", features={"sample_weight": GroupMapping(column="w")})


@pytest.mark.slow
def test_rows_cost_a_third_of_a_kilobyte_each(tmp_path: Path) -> None:
    """Ten million rows fit into 10 GB with room to spare (``benchmarks.image_table`` reads them all)."""
    n = 600_000
    rows = pd.DataFrame({"uid": [f"row-{i:08}" for i in range(n)], "img": "a.png"})
    rows["person"] = [f"p{i // 3}" for i in range(n)]
    rows["gender"] = ["F", "M"] * (n // 2)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    rows.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "image_table.toml").write_text(
        'table = "people.csv"\nsubject = "people"\nfile = "img"\nid = "uid"\ncluster = "person"\n[features.gender]\n'
    )
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom fairaudit.datasets import image_table\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "before = peak()\nsamples = image_table.samples(Path(sys.argv[1]), name='x')\n"
        "print(len(samples), peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    found, used = map(int, done.stdout.split())
    assert found == n
    assert used / n < 700, "bytes for each row: ten million take less than 7 GB"
