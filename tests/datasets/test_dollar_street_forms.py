"""Dollar Street as MLCommons and Gapminder give it: households that names or ids stand for, and hostile cells."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import dollar_street

HEADER = ["id", "country.name", "country.id", "region.id", "type", "imageRelPath", "topics", "place", "income",
          "imagenet_synonyms", "imagenet_sysnet_id"]  # fmt: skip
TABLE = "images_v2_imagenet_test.csv"
JSON = "metadata_full_dollar_street.json"


def image(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(root / name, format="JPEG")


def row(name: str, place: str = "wang", country: str = "China", income: str = "240", **more: str) -> dict[str, str]:
    return {
        "id": name, "country.name": country, "country.id": "cn", "region.id": "as", "type": "image",
        "imageRelPath": f"assets/{name}/{name}.jpg", "topics": "['cooking utensils']", "place": place, "income": income,
        "imagenet_synonyms": "['spatula']", "imagenet_sysnet_id": "[813]", **more,
    }  # fmt: skip


def mlcommons(root: Path, rows: list[dict[str, str]], *, name: str = TABLE, header: list[str] | None = None) -> Path:
    with (root / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header or HEADER, *([one[column] for column in HEADER] for one in rows)])
    for one in rows:
        if one["imageRelPath"].startswith("assets/"):
            image(root, one["imageRelPath"])
    return root


def photograph(number: str, label: str = "kitchen_sinks", **more: object) -> dict[str, Any]:
    return {
        "_id": f"home{number}", "id": f"photo{number}", "label": label, "country": "Kenya", "region": "Africa",
        "income": "98.5", "url": f"https://x.org/480x480-abc{number}.jpg", "lat": 1, "lng": 2, **more,
    }  # fmt: skip


def gapminder(root: Path, value: object, *, images: list[str], name: str = JSON) -> Path:
    (root / name).write_text(json.dumps(value), encoding="utf-8")
    for one in images:
        image(root, one)
    return root


def test_the_release_of_mlcommons(tmp_path: Path) -> None:
    capital = row("b", "ogira", "Kenya", "98.5", **{"region.id": "af", "imageRelPath": "assets/b/b.JPG"})
    rows = [row("a"), capital, row("c", "silva", "Brazil", "0", **{"region.id": "am"}), row("d", **{"region.id": "xx"})]
    rows[3]["country.name"], rows[3]["place"] = "Atlantis", "nemo"
    found = dollar_street.samples(mlcommons(tmp_path, rows), name="homes")
    table = found.table
    assert table["path"].tolist() == ["assets/a/a.jpg", "assets/b/b.JPG", "assets/c/c.jpg", "assets/d/d.jpg"]
    assert table["region"].tolist() == ["Asia", "Africa", "The Americas", "xx"]
    assert table["country"].tolist() == ["China", "Kenya", "Brazil", "Atlantis"]
    assert table["cluster_id"].tolist() == ["wang", "ogira", "silva", "nemo"]
    assert table["label"].tolist() == ["cooking utensils"] * 4
    assert table["labels"].tolist() == [["spatula"]] * 4
    assert table["income_usd_per_month"].tolist()[:2] == [240, 98.5]
    assert math.isnan(table["income_usd_per_month"][2])
    assert {f.name: (f.groups, f.known_by, f.ordered, f.exploratory) for f in found.features} == {
        "region": (("Africa", "Asia", "The Americas", "xx"), "annotated", False, False),
        "country": (("Atlantis", "Brazil", "China", "Kenya"), "annotated", False, True),
    }
    assert (found.subject, found.cluster, found.show_images) == ("objects", "household", False)
    assert found.boxes == [None] * 4
    assert found.licence == "Dollar Street (Gapminder): CC BY 4.0; photographers in the column credit"


def test_the_part_with_classes_is_read_rather_than_all_of_it(tmp_path: Path) -> None:
    mlcommons(tmp_path, [row("a"), row("b")], name="images_v2.csv")
    assert len(dollar_street.samples(tmp_path, name="x")) == 2
    mlcommons(tmp_path, [row("a")])
    assert len(dollar_street.samples(tmp_path, name="x")) == 1


def test_one_name_for_several_homes_is_told_apart(tmp_path: Path) -> None:
    rows = [row("a"), row("b"), row("c", income="1000"), row("d", country="Taiwan"), row("e", "ogira", "Kenya", "98.5")]
    found = dollar_street.samples(mlcommons(tmp_path, rows), name="x")
    assert found.table["cluster_id"].tolist() == [
        "wang, China, 240 USD per month",
        "wang, China, 240 USD per month",
        "wang, China, 1000 USD per month",
        "wang, Taiwan, 240 USD per month",
        "ogira",
    ]
    assert found.notes == ("1 names of households stand for several homes, which country and income tell apart.",)


def test_one_name_in_two_countries_is_told_apart_without_incomes_too(tmp_path: Path) -> None:
    rows = [row("a", income=""), row("b", country="Nepal", income="0"), row("c", country="Nepal", income="99")]
    found = dollar_street.samples(mlcommons(tmp_path, rows), name="x")
    assert found.table["cluster_id"].tolist() == ["wang, China", "wang, Nepal", "wang, Nepal, 99 USD per month"]


def test_what_is_not_recorded_does_not_make_another_home(tmp_path: Path) -> None:
    rows = [row("a"), row("b", income=""), row("c", country="")]
    assert set(dollar_street.samples(mlcommons(tmp_path, rows), name="x").table["cluster_id"]) == {"wang"}


def test_homes_without_a_name_are_derived(tmp_path: Path) -> None:
    rows = [row("a", ""), row("b", ""), row("c", "", income="7"), row("d", "", income="?")]
    found = dollar_street.samples(mlcommons(tmp_path, rows), name="x")
    assert found.table["cluster_id"].tolist() == [
        "China, 240 USD per month", "China, 240 USD per month", "China, 7 USD per month", "home of assets/d/d.jpg",
    ]  # fmt: skip
    assert found.notes[0].startswith("The household of 4 of 4 photographs is not recorded:")


def test_one_country_in_two_regions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"household 'wang' of table .* must have one region; got Africa and Asia"):
        dollar_street.samples(mlcommons(tmp_path, [row("a"), row("b", **{"region.id": "af"})]), name="x")


CELLS = ["Beds", "[1]", "{'Beds'}", "__import__('os').getcwd()", "[" * 5000, "['Beds'", "[['Beds']]", "[None]",
         "{'x':" * 50_000, "-" * 100_000]  # fmt: skip


@pytest.mark.parametrize("column", ["topics", "imagenet_synonyms"])
@pytest.mark.parametrize("cell", CELLS, ids=range(len(CELLS)))
def test_a_cell_that_is_no_list_is_refused_and_never_evaluated(tmp_path: Path, column: str, cell: str) -> None:
    with pytest.raises(DataError) as caught:
        dollar_street.samples(mlcommons(tmp_path, [row("a"), row("b", **{column: cell})]), name="x")
    assert str(caught.value) == (
        f"column '{column}' of table {tmp_path / TABLE} must hold lists of texts such as ['stove']; got {cell[:60]!r} "
        "in the row of assets/b/b.jpg. Correct the cell, or leave the column out."
    )


def test_a_renamed_column_of_mlcommons_is_named_with_the_nearest(tmp_path: Path) -> None:
    header = [name.replace("country.name", "country_name") for name in HEADER]
    with pytest.raises(DataError) as caught:
        dollar_street.samples(mlcommons(tmp_path, [row("a")], header=header), name="x")
    assert str(caught.value) == (
        f"table {tmp_path / TABLE} must have the columns imageRelPath, country.name, region.id, income, topics, place; "
        "'country.name' is missing. Did you mean 'country_name'? Add or rename the column."
    )


def test_the_json_of_gapminder(tmp_path: Path) -> None:
    value = [
        photograph("1"),
        photograph("2", "beds", income=3000, country="France", region="Europe", url="https://x.org/whole.jpg"),
        photograph("3", "beds", income=None, country=None, region="", url=None),
        photograph("4", "beds", income="about 40", _id="home1", region="Africa"),
    ]
    images = ["kitchen_sinks/home1.jpg", "beds/home2.png", "photo3.jpeg", "beds/home1.JPG"]
    found = dollar_street.samples(gapminder(tmp_path, value, images=images), name="homes")
    table = found.table
    assert table["sample_id"].tolist() == images
    assert table["path"].tolist() == images
    assert table["cluster_id"].tolist() == ["home1", "home2", "home3", "home1"]
    assert table["label"].tolist() == ["kitchen_sinks", "beds", "beds", "beds"]
    assert table["country"].tolist() == ["Kenya", "France", "not recorded", "Kenya"]
    assert table["region"].tolist() == ["Africa", "Europe", "not recorded", "Africa"]
    assert table["income_usd_per_month"].tolist()[:2] == [98.5, 3000]
    assert table["income_usd_per_month"].isna().tolist() == [False, False, True, True]
    assert table["image_key"].tolist() == ["abc1.jpg", "https://x.org/whole.jpg", "", "abc4.jpg"]
    assert found.feature("region").groups == ("Africa", "Europe")
    assert (found.subject, found.cluster, found.show_images) == ("objects", "household", False)
    assert found.notes == (
        "The household is the field _id, as in the code that Goyal et al. (2022) published.",
        "2 of 4 photographs have no income above zero on record (photo3.jpeg: ''; beds/home1.JPG: 'about 40'); they "
        "count wherever income does not matter.",
    )


@pytest.mark.parametrize("place", ["kitchen_sinks/home1.jpg", "images/kitchen_sinks/home1.jpg", "photo1.jpg",
                                   "images/photo1.jpg"])  # fmt: skip
@pytest.mark.parametrize("name", [JSON, "dollar_street.json", "metadata.json"])
def test_the_json_and_its_images_lie_in_one_of_several_places(tmp_path: Path, place: str, name: str) -> None:
    gapminder(tmp_path, [photograph("1")], images=[place], name=name)
    assert dollar_street.samples(tmp_path, name="x").table["path"].tolist() == [place]


def test_a_home_of_gapminder_in_two_countries_is_refused(tmp_path: Path) -> None:
    value = [photograph("1"), photograph("1", "beds", country="Uganda")]
    with pytest.raises(DataError) as caught:
        dollar_street.samples(
            gapminder(tmp_path, value, images=["kitchen_sinks/home1.jpg", "beds/home1.jpg"]), name="x"
        )
    assert str(caught.value) == (
        f"household 'home1' of table {tmp_path / JSON} must have one country; got Kenya and Uganda. Correct the rows, "
        "or give each home a name of its own."
    )


@pytest.mark.parametrize("key", ["_id", "label", "country", "region", "income"])
def test_a_photograph_without_a_field_is_named(tmp_path: Path, key: str) -> None:
    broken = {name: cell for name, cell in photograph("2").items() if name != key}
    with pytest.raises(DataError) as caught:
        dollar_street.samples(gapminder(tmp_path, [photograph("1"), broken], images=[]), name="x")
    assert str(caught.value) == (
        f"photograph 2 of {tmp_path / JSON} must have _id, label, country, region, income; {key} is missing. Get the "
        "file again."
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'[{"_id": "a",\r\n "x": 1},\r\n {"_id', "must be JSON; got 'Unterminated string starting at' in line 3"),
        (b"[" * 200_000, "must be JSON; got values nested too deeply."),
        (b"{}", "must hold a list of photographs; got an object."),
        (b'[{"_id": "a"},\n {"x": "C\xf4te"}]', "must be text in UTF-8; got other bytes, the first 0xf4 in line 2"),
    ],
    ids=range(4),
)  # fmt: skip
def test_a_damaged_json_is_named_with_the_line(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / JSON).write_bytes(content)
    with pytest.raises(DataError) as caught:
        dollar_street.samples(tmp_path, name="x")
    assert str(caught.value).startswith(f"file {tmp_path / JSON} {problem}")


@pytest.mark.parametrize(
    "broken",
    [
        {"label": ".."},
        {"label": "../.."},
        {"_id": "../../secret"},
        {"label": "/etc", "_id": "hostname"},
        {"label": None},
        {"_id": {"a": 1}},
        {"id": "../secret", "label": "no"},
        {"label": "__import__('os')"},
    ],
)
def test_a_field_never_leads_out_of_the_folder(tmp_path: Path, broken: dict[str, object]) -> None:
    for name in ("secret.jpg", "home1.jpg"):
        image(tmp_path, name)
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    value = [{**photograph("1"), **broken}, photograph("2")]
    found = dollar_street.samples(gapminder(root, value, images=["kitchen_sinks/home2.jpg"]), name="x")
    assert found.table["path"].tolist() == ["kitchen_sinks/home2.jpg"]
    assert len(found.skipped) == 1
    assert "1 of 2 rows were left out: the image is not there." in found.notes


WHERE = (
    "is available at https://www.gapminder.org/dollar-street and https://mlcommons.org/datasets/dollar-street (CC BY"
)


@pytest.mark.parametrize("value", [[], [photograph("1")]])
def test_a_list_without_images_says_where_they_are_to_be_had(tmp_path: Path, value: list[object]) -> None:
    with pytest.raises(DataError) as caught:
        dollar_street.samples(gapminder(tmp_path, value, images=[]), name="x")
    by = f"{JSON} in the fields 'label' and '_id'"
    named = f"the images that {by} names; got none among 1 rows, the first 'kitchen_sinks/home1.jpg'"
    missing = named if value else f"a row of {by} that can be used; got none"
    assert str(caught.value).startswith(f"data folder {tmp_path} must contain {missing}. Check the folder against")
    assert WHERE in str(caught.value)


def test_a_byte_order_mark_and_other_line_ends_make_no_difference(tmp_path: Path) -> None:
    text = json.dumps([photograph("1", country="Côte d'Ivoire")], indent=1, ensure_ascii=False).replace("\n", "\r\n")
    (tmp_path / JSON).write_bytes(b"\xef\xbb\xbf" + text.encode())
    image(tmp_path, "photo1.jpg")
    assert dollar_street.samples(tmp_path, name="x").table["country"].tolist() == ["Côte d'Ivoire"]
    mlcommons(tmp_path, [row("a", country="Côte d'Ivoire")])
    (tmp_path / TABLE).write_bytes(b"\xef\xbb\xbf" + (tmp_path / TABLE).read_bytes())
    assert dollar_street.samples(tmp_path, name="x").table["country"].tolist() == ["Côte d'Ivoire"]
