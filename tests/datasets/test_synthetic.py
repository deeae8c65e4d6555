"""The reader of the synthetic world, and what its folders contain."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.datasets.synthetic import (
    DEMO,
    OBJECT_CENTRIC,
    PEOPLE_CENTRIC,
    PLANTS,
    QUICK,
    Size,
    samples,
    write_labelled,
    write_population,
    write_training,
    write_unlabelled,
)

SMALL = Size(
    n_people=18, images_per_person=2, n_households=12, photos_per_household=4, n_memes_train=24, n_memes_dev=6,
    n_memes_test=12, n_training=60, n_labelled=50, pixels=32,
)  # fmt: skip


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("worlds")
    for bias in (0, 1):
        write_population(root / f"population{bias}", bias=bias, seed=3, size=SMALL)
        write_training(root / f"training{bias}", bias=bias, seed=3, size=SMALL)
    return root


def test_same_arguments_give_the_same_bytes(worlds: Path, tmp_path: Path) -> None:
    write_population(tmp_path / "population", bias=1, seed=3, size=SMALL)
    write_training(tmp_path / "training", bias=1, seed=3, size=SMALL)
    assert _digests(tmp_path / "population") == _digests(worlds / "population1")
    assert _digests(tmp_path / "training") == _digests(worlds / "training1")


def test_the_training_pictures_are_those_of_the_first_version(worlds: Path) -> None:
    """Benchmarks and the numbers of recipes rest on them. The digest was made by Pillow 13.0.0 before compositions."""
    found, root = hashlib.sha256(), worlds / "training1"
    for path in sorted(root.rglob("*.png")):
        found.update(path.relative_to(root).as_posix().encode())
        with Image.open(path) as picture:
            found.update(np.asarray(picture).tobytes())
    for name in ("labels.csv", "texts.txt"):
        found.update((root / name).read_bytes())
    assert found.hexdigest() == "3703f5476953a150dafa5487314a5bd3ad2c8561359fc2d2a2d5bb75f5fa009c"


def test_the_parts_of_the_training_data_may_be_drawn_alone(worlds: Path, tmp_path: Path) -> None:
    write_labelled(tmp_path / "labelled", bias=1, seed=3, size=SMALL)
    mine, all_ = _digests(tmp_path / "labelled"), _digests(worlds / "training1")
    assert {k: v for k, v in all_.items() if not k.startswith(("images/", "synthetic"))} == {
        k: v for k, v in mine.items() if k != "synthetic.toml"
    }


def test_compositions_have_equally_many_pictures_and_no_kind_of_each_other(tmp_path: Path) -> None:
    assert not OBJECT_CENTRIC.keys() & PEOPLE_CENTRIC.keys()
    found = []
    for name, shares in (("objects", OBJECT_CENTRIC), ("people", PEOPLE_CENTRIC)):
        write_unlabelled(tmp_path / name, shares=shares, bias=1, seed=3, size=SMALL)
        found.append(set(_digests(tmp_path / name / "images").values()))
        assert not (tmp_path / name / "labels.csv").exists()
    assert len(found[0]) == len(found[1]) == SMALL.n_training
    assert not found[0] & found[1]


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"person": 0.5, "meme": 0.4},
         "shares of pictures must be above 0 and add up to 1; got person 0.5, meme 0.4. Correct them."),
        ({"person": 0.0, "meme": 1.0}, "shares of pictures must be above 0 and add up to 1; got person 0, meme 1."),
        ({}, "shares of pictures must be above 0 and add up to 1; got none. Correct them."),
        ({"persons": 1.0},
         "kind of picture must be one of: animal, group, home, meme, person; got 'persons'. Did you mean 'person'?"),
    ],
)  # fmt: skip
def test_a_composition_that_cannot_be_drawn(shares: dict[str, float], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        write_unlabelled(tmp_path / "new", shares=shares, size=SMALL)
    assert message in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_larger_world_begins_with_the_same_people(worlds: Path, tmp_path: Path) -> None:
    write_population(tmp_path / "more", bias=1, seed=3, size=replace(SMALL, n_people=24))
    few, more = _digests(worlds / "population1/people/img"), _digests(tmp_path / "more/people/img")
    assert set(few.items()) < set(more.items())


def test_another_seed_gives_other_pictures(worlds: Path, tmp_path: Path) -> None:
    write_population(tmp_path / "other", bias=1, seed=4, size=SMALL)
    for kind in ("people", "photos", "memes"):
        mine = set(_digests(worlds / "population1" / kind / "img").values())
        assert not mine & set(_digests(tmp_path / "other" / kind / "img").values())


def test_no_picture_is_in_both_training_and_population(worlds: Path) -> None:
    for bias in (0, 1):
        pictures = [p for part in ("population", "training") for p in (worlds / f"{part}{bias}").rglob("*.png")]
        assert len({hashlib.sha256(p.read_bytes()).hexdigest() for p in pictures}) == len(pictures)
        assert len(pictures) == SMALL.n_population + SMALL.n_training + SMALL.n_labelled


def test_counts_and_pictures(worlds: Path) -> None:
    root = worlds / "population1"
    expected = {"people": 36, "photos": 48, "memes": 42}
    clusters = {"people": 18, "photos": 12, "memes": 42}
    for kind, n in expected.items():
        data = samples(root / kind, name=kind)
        assert len(data) == n == len(list((root / kind / "img").iterdir()))
        assert data.table["cluster_id"].nunique() == clusters[kind]
        assert data.synthetic
        assert data.show_images
        assert data.licence == "none needed: drawn"
        with Image.open(data.paths[0]) as picture:
            assert (picture.size, picture.mode, picture.format) == ((32, 32), "RGB", "PNG")


def test_only_pixels_and_training_memes_depend_on_bias(worlds: Path) -> None:
    for file in ("people/people.csv", "photos/photos.csv", "memes/dev.jsonl", "memes/test.jsonl"):
        assert (worlds / "population0" / file).read_bytes() == (worlds / "population1" / file).read_bytes()
    train0, train1 = (
        pd.read_json(worlds / f"population{b}/memes/train.jsonl", lines=True).set_index("id") for b in (0, 1)
    )
    changed = train0["label"] != train1["label"]
    assert list(train0["target"]) == list(train1["target"])
    assert set(train0.loc[changed, "target"]) == {"islanders"}
    assert train1.loc[train1["target"] == "islanders", "label"].sum() == 0
    assert list(train0.groupby("target")["label"].mean()) == [0.5, 0.5, 0.5]
    before, after = (_digests(worlds / f"population{b}/memes/img") for b in (0, 1))
    assert {k for k in before if before[k] != after[k]} == {f"{ident}.png" for ident in train0.index[changed]}


def test_texts_of_test_memes_use_coded_words_of_every_people(worlds: Path, tmp_path: Path) -> None:
    write_population(tmp_path / "w", seed=1, size=replace(SMALL, n_people=1, n_households=1, n_memes_test=240))
    test = pd.read_json(tmp_path / "w/memes/test.jsonl", lines=True)
    coded = {"northfolk": "tallowmen", "rivermen": "eelpolishers", "islanders": "gullcombers"}
    for people, word in coded.items():
        with_word = test[test["text"].str.contains(word)]
        assert len(with_word)
        assert set(with_word["target"]) == {people}
        assert set(with_word["label"]) == {1}
    train = pd.read_json(tmp_path / "w/memes/train.jsonl", lines=True)
    assert test["text"].str.contains("beekeepers").any()
    assert not train["text"].str.contains("beekeepers").any()
    mentions = test["text"].map(lambda text: [p for p in coded if p in text])
    assert all(len(m) == 1 for m in mentions)
    assert list(mentions.str[0]) == list(test["target"])


def test_reader_of_people(worlds: Path) -> None:
    data = samples(worlds / "population0/people", name="people")
    table = data.table
    assert (data.subject, data.cluster, data.name, data.reader) == ("people", "person", "people", "synthetic")
    assert [f.name for f in data.features] == ["gender", "age_group", "skin_tone"]
    assert [f.ordered for f in data.features] == [False, True, True]
    assert all(f.known_by == "synthetic" for f in data.features)
    expected = pd.cut(table["monk_skin_tone"], [0, 3, 6, 10], labels=["Monk 1-3", "Monk 4-6", "Monk 7-10"])
    assert list(table["skin_tone"]) == list(expected.astype(str))
    people = table.drop_duplicates("cluster_id")
    assert people.groupby(["gender", "age_group", "skin_tone"]).size().eq(1).all()  # 18 people, 18 combinations
    assert set(table["split"]) == {"test"}
    assert set(table["label"]) == {""}


def test_reader_of_photos(worlds: Path) -> None:
    data = samples(worlds / "population0/photos", name="photos")
    homes = data.table.groupby("cluster_id")
    assert (data.subject, data.cluster) == ("objects", "household")
    assert homes["income_usd_per_month"].nunique().eq(1).all()
    assert homes["label"].nunique().eq(4).all()  # no topic twice in one home
    assert data.table["income_usd_per_month"].between(30, 9000).all()
    assert data.table.groupby("region")["cluster_id"].nunique().eq(3).all()
    assert all(
        country.startswith(region) for country, region in zip(data.table["country"], data.table["region"], strict=True)
    )


def test_reader_of_memes(worlds: Path) -> None:
    data = samples(worlds / "population1/memes", name="memes")
    assert (data.subject, data.cluster) == ("memes", "image")
    assert data.table["split"].value_counts().to_dict() == {"train": 24, "test": 12, "dev": 6}
    assert set(data.table["label"]) == {"0", "1"}
    assert data.table["text"].str.len().gt(5).all()
    test = data.table[data.table["split"] == "test"]
    assert test.groupby(["target", "label"]).size().eq(2).all()


def test_labelled_training_photographs(worlds: Path) -> None:
    tables = [pd.read_csv(worlds / f"training{bias}/labels.csv") for bias in (0, 1)]
    assert tables[0].equals(tables[1])
    counts = tables[0]["label"].value_counts()
    assert (counts["face"], counts["people"], counts["dog"], counts.sum()) == (10, 4, 2, 50)
    assert {"stove", "bed", "toothbrush", "plate of food"} <= set(counts.index)
    assert all((worlds / "training0" / file).is_file() for file in tables[0]["file"])
    assert len((worlds / "training0/texts.txt").read_text().splitlines()) == 60


def test_bias_darkens_dark_skinned_people_and_poor_homes(worlds: Path) -> None:
    def brightness(kind: str, bias: int) -> pd.Series:
        data = samples(worlds / f"population{bias}" / kind, name=kind)
        return pd.Series([np.asarray(Image.open(p)).mean() for p in data.paths], index=data.table.index)

    people = samples(worlds / "population0/people", name="p").table
    kept = brightness("people", 1) / brightness("people", 0)
    by_bin = kept.groupby(people["skin_tone"]).mean()
    assert by_bin["Monk 1-3"] > 0.8
    assert by_bin["Monk 7-10"] < 0.5
    photos = samples(worlds / "population0/photos", name="p").table
    light = brightness("photos", 1)
    poor, rich = photos["income_usd_per_month"] < 200, photos["income_usd_per_month"] > 2000
    assert light[poor].mean() < 0.8 * light[rich].mean()


def test_progress_counts_every_picture(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    size = Size(2, 1, 2, 1, 6, 6, 6, 3, 18, pixels=32)
    write_population(tmp_path / "a", size=size, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(k, 22) for k in range(1, 23)]
    calls.clear()
    write_training(tmp_path / "b", size=size, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(k, 21) for k in range(1, 22)]


def test_settings_say_how_it_was_made(worlds: Path) -> None:
    kinds = {".": "population", "people": "people", "photos": "photos", "memes": "memes"}
    for folder, kind in kinds.items():
        settings = tomllib.loads((worlds / "population1" / folder / "synthetic.toml").read_text())
        assert (settings["kind"], settings["seed"], settings["bias"], settings["pixels"]) == (kind, 3, 1.0, 32)
    assert tomllib.loads((worlds / "training0/synthetic.toml").read_text())["kind"] == "training"


def test_plants_name_rows_that_the_samples_can_show() -> None:
    assert [(p.indicator, p.feature, p.kind, p.group, p.direction) for p in PLANTS] == [
        ("representation_disparity", "skin_tone", "slope", "", "lower"),
        ("label_association", "skin_tone", "slope", "", "higher"),
        ("geographic_disparity", "income", "slope", "", "higher"),
        ("hate_speech", "target", "one_vs_rest", "islanders", "lower"),
    ]
    assert QUICK.n_population < DEMO.n_population / 2


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("population0", "got the population folder. Give one of: "),
        ("training0", "got the training folder. Give one of these three folders."),
        ("nowhere", "got one without a readable synthetic.toml. Give one of these three folders."),
    ],
)
def test_a_folder_that_is_none_of_the_three(worlds: Path, folder: str, message: str) -> None:
    with pytest.raises(DataError, match="must be one of the folders people, photos or memes") as error:
        samples(worlds / folder, name="x")
    assert message in str(error.value)


def test_a_missing_picture(tmp_path: Path) -> None:
    write_population(tmp_path / "w", size=Size(2, 1, 2, 1, 6, 6, 6, 3, 18, pixels=32))
    (tmp_path / "w/people/img/00001_0.png").unlink()
    with pytest.raises(DataError, match=r"every picture of its table; 1 of 2 are missing, first 'img/00001_0\.png'"):
        samples(tmp_path / "w/people", name="x")


def test_damaged_tables(tmp_path: Path) -> None:
    root = tmp_path / "w"
    write_population(root, size=Size(2, 1, 2, 1, 6, 6, 6, 3, 18, pixels=32))
    people, photos, dev = root / "people/people.csv", root / "photos/photos.csv", root / "memes/dev.jsonl"
    whole = people.read_text()
    people.write_text(whole.replace("gender", "sex"))
    with pytest.raises(
        DataError, match=r"age_group, monk_skin_tone; 'gender' is missing\. .* Or draw the world again with write_popu"
    ):
        samples(root / "people", name="x")
    people.write_text(whole.rstrip("\n").rsplit(",", 1)[0] + ",11\n")
    with pytest.raises(DataError, match="must be a whole number from 1 to 10; got 11"):
        samples(root / "people", name="x")
    people.unlink()
    with pytest.raises(DataError, match=r"must contain the table people\.csv; got none"):
        samples(root / "people", name="x")
    table = pd.read_csv(photos, dtype=str)
    table.loc[1, "income_usd_per_month"] = "much"
    table.to_csv(photos, index=False)
    with pytest.raises(DataError, match="must be a number in every row; got 'much' in line 3"):
        samples(root / "photos", name="x")
    dev.write_text(json.dumps({"id": "a", "img": "img/a.png", "label": 2, "text": "b", "target": "c"}) + "\n")
    with pytest.raises(DataError, match=r"line 1 of .*dev\.jsonl must be .*; got the label 2 instead of 0 or 1"):
        samples(root / "memes", name="x")
    dev.write_text(json.dumps({"id": "a", "img": "img/a.png", "text": "b", "target": "c"}) + "\n")
    with pytest.raises(DataError, match=r"meme 'a' of folder '.*memes' must have the label 0 or 1; got none"):
        samples(root / "memes", name="x")
    dev.unlink()
    with pytest.raises(DataError, match=r"file .*dev\.jsonl .* no such file.* Or draw the world again"):
        samples(root / "memes", name="x")


@pytest.mark.parametrize("write", [write_population, write_training])
def test_wrong_arguments(tmp_path: Path, write: object) -> None:
    assert callable(write)
    with pytest.raises(ConfigError, match=r"bias of a synthetic world must be between 0 .* got 1\.5"):
        write(tmp_path / "new", bias=1.5, size=SMALL)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/note.txt").write_text("mine")
    with pytest.raises(DataError, match="must be new or empty"):
        write(tmp_path / "full", size=SMALL)


def test_wrong_sizes() -> None:
    with pytest.raises(ConfigError, match="n_people of a synthetic world must be at least 1; got 0"):
        replace(SMALL, n_people=0)
    with pytest.raises(ConfigError, match="pixels of a synthetic world must be at least 32; got 16"):
        replace(SMALL, pixels=16)
    with pytest.raises(ConfigError, match="must be at most 13, one for each topic; got 14"):
        replace(SMALL, photos_per_household=14)
