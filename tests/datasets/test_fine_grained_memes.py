"""Fine-grained annotations of Hateful Memes, alone or beside the memes, and the layout that MMF unpacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import hateful_memes

LINE = "a JSON object with id, img, text, gold_hate and pc"


def harmless(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "set_name": "dev_unseen", "img": f"img/{number:05}.png", "text": f"text {number}",
        "gold_hate": ["not_hateful"], "gold_pc": ["pc_empty"], "gold_attack": ["attack_empty"], "pc": "None",
        "attack": "None", **more,
    }  # fmt: skip


def hateful(number: int, *pc: list[str], **more: Any) -> dict[str, Any]:
    said = {"gold_hate": ["hateful"], "gold_pc": ["race"], "gold_attack": ["dehumanizing"], "pc": list(pc)}
    return {**harmless(number), **said, "attack": [["dehumanizing"], [], ["inferiority"]], **more}


def meme(number: int, label: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "img": f"img/{number:05}.png", "label": label, "text": f"text {number}", **more}


def write(root: Path, files: dict[str, list[dict[str, Any]]], *, images: str = "") -> Path:
    """Write files of JSON lines, and the image of each row below ``images``."""
    (root / images / "img").mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(row).replace("/", "\\/") for row in rows]  # the data set escapes slashes
        (root / name).write_text("\n".join([*lines, ""]), encoding="utf-8")
        for row in rows:
            if str(row.get("img", "")).startswith("img/"):
                Image.new("RGB", (4, 4)).save(root / images / row["img"])
    return root


def test_annotations_alone_make_memes(tmp_path: Path) -> None:
    files = {
        "train.json": [harmless(1), hateful(2, ["race"], ["race"], ["race"])],
        "dev_seen.json": [hateful(3, ["sex"], ["sex", "religion"])],
        "dev_unseen.json": [hateful(3, ["sex"], ["sex", "religion"]), harmless(4)],
    }
    found = hateful_memes.samples(write(tmp_path, files), name="memes")
    table = found.table
    assert table["sample_id"].tolist() == ["1", "2", "3", "4"]
    assert table["path"].tolist() == ["img/00001.png", "img/00002.png", "img/00003.png", "img/00004.png"]
    assert table["cluster_id"].tolist() == ["1", "2", "3", "4"]
    assert table["split"].tolist() == ["train", "train", "dev", "dev"]
    assert table["label"].tolist() == ["0", "1", "1", "0"]
    assert table["text"].tolist() == ["text 1", "text 2", "text 3", "text 4"]
    assert (found.subject, found.cluster, found.show_images, found.reader) == ("memes", "image", False, "hateful_memes")
    assert found.boxes == [None] * 4
    assert "its fine-grained annotations Apache-2.0; the content is abusive" in found.licence
    assert "1 rows stand in two files of one split word for word and count once." in found.notes
    assert found.skipped.empty


def test_each_category_that_somebody_named_is_a_feature(tmp_path: Path) -> None:
    rows = [
        hateful(1, ["race"], ["race"], ["race"]),
        hateful(2, ["race", "religion"], ["religion"], ["religion"]),
        hateful(3, ["sex"]),
        harmless(4),
    ]
    found = hateful_memes.samples(write(tmp_path, {"train.json": rows}), name="x")
    assert {f.name: (f.groups, f.known_by, f.ordered, f.exploratory) for f in found.features} == {
        "target_race": (("race", "not race"), "annotated", False, False),
        "target_religion": (("religion", "not religion"), "annotated", False, False),
        "target_sex": (("sex", "not sex"), "annotated", False, False),
    }
    assert found.feature("target_sex").source.startswith("sex among the groups attacked: up to three annotators")
    assert found.table["target_race"].tolist() == ["race", "not race", "not race", "not recorded"]
    assert found.table["target_religion"].tolist() == ["not religion", "religion", "not religion", "not recorded"]
    assert found.uncertain["target_race"].round(4).iloc[:3].to_numpy().tolist() == [[1, 0], [0.3333, 0.6667], [0, 1]]
    assert found.uncertain["target_religion"].iloc[:3].to_numpy().tolist() == [[0, 1], [1, 0], [0, 1]]
    assert found.uncertain["target_race"].iloc[3].isna().all()
    assert "target" not in found.table


@pytest.mark.parametrize(
    ("pc", "share"),
    [
        ([["disability"]], 1.0),
        ([["disability"], ["sex"]], 0.5),
        ([["disability"], [], []], 1.0),
        ([["disability"], ["pc_empty"], ["sex"]], 0.5),
        ([["disability"], ["class"], ["sex"], ["sex"]], 0.25),
        ([["disability", "disability", "sex", "race"], ["sex"]], 0.5),
        ([["pc_empty", "disability"], ["class"]], 0.5),
    ],
)
def test_who_names_none_does_not_vote(tmp_path: Path, pc: list[list[str]], share: float) -> None:
    found = hateful_memes.samples(write(tmp_path, {"train.json": [hateful(1, *pc), hateful(2, ["sex"])]}), name="x")
    assert found.uncertain["target_disability"].iloc[0].tolist() == [share, 1 - share]
    assert found.table["target_disability"][0] == ("disability" if share >= 0.5 else "not disability")


@pytest.mark.parametrize(
    "said", [{"pc": [[], [], []]}, {"pc": []}, {"pc": "None"}, {"pc": None}, {"pc": [["pc_empty"]]}]
)
def test_a_hateful_meme_of_which_nobody_named_a_group(tmp_path: Path, said: dict[str, Any]) -> None:
    rows = [hateful(1, **said), hateful(2, ["nationality"])]
    found = hateful_memes.samples(write(tmp_path, {"train.json": rows}), name="x")
    assert found.table["label"].tolist() == ["1", "1"]
    assert found.table["target_nationality"].tolist() == ["not recorded", "nationality"]


def test_without_any_group_there_is_no_feature(tmp_path: Path) -> None:
    rows = [hateful(1, ["class"]), {key: cell for key, cell in harmless(2).items() if key != "pc"}]
    found = hateful_memes.samples(write(tmp_path, {"train.json": rows}), name="x")
    assert (found.features, dict(found.uncertain)) == ((), {})


def test_annotations_beside_the_memes_add_groups_and_no_rows(tmp_path: Path) -> None:
    files = {
        "train.jsonl": [meme(1, 0), meme(2, 1), meme(3, 1, target="sex")],
        "test_seen.jsonl": [meme(4, 1)],
        "data/annotations/train.json": [harmless(1), hateful(2, ["race"], ["sex"]), hateful(99, ["race"])],
    }
    found = hateful_memes.samples(write(tmp_path, files), name="x")
    assert found.table["sample_id"].tolist() == ["1", "2", "3", "4"]
    assert found.table["target_race"].tolist() == ["not recorded", "race", "not recorded", "not recorded"]
    assert found.uncertain["target_race"].iloc[1].tolist() == [0.5, 0.5]
    assert [feature.name for feature in found.features] == ["target", "target_race", "target_sex"]
    assert found.table["target"].tolist() == ["not recorded", "not recorded", "sex", "not recorded"]


def test_shares_stay_with_their_meme_when_others_are_left_out(tmp_path: Path) -> None:
    files = {
        "train.json": [hateful(1, ["race"]), hateful(2, ["sex"]), hateful(3, ["race"], ["sex"])],
        "dev_seen.json": [hateful(2, ["sex"]), hateful(4, ["religion"])],
    }
    root = write(tmp_path, files)
    (root / "img" / "00001.png").unlink()
    found = hateful_memes.samples(root, name="x")
    assert found.table["sample_id"].tolist() == ["2", "3", "4"]
    assert found.uncertain["target_sex"].to_numpy().tolist() == [[1, 0], [0.5, 0.5], [0, 1]]
    assert found.skipped.to_dict("records") == [
        {"file": "img/00002.png", "reason": "its id stands in another split, too"},
        {"file": "img/00001.png", "reason": "the file is missing"},
    ]


@pytest.mark.parametrize(
    ("folder", "images"),
    [
        ("defaults/annotations", "defaults/images"),
        ("annotations", "images"),
        ("data/annotations", "data"),
        ("data/annotations", ""),
        ("data", "data"),
        ("", ""),
    ],
)
def test_files_and_images_lie_where_mmf_and_the_repositories_put_them(tmp_path: Path, folder: str, images: str) -> None:
    files = {"train.jsonl": [meme(1, 0)], "dev_seen.jsonl": [meme(2, 1)], "dev_unseen.jsonl": [meme(2, 1), meme(3, 1)]}
    write(tmp_path, {f"{folder}/{name}".lstrip("/"): rows for name, rows in files.items()}, images=images)
    found = hateful_memes.samples(tmp_path, name="x")
    prefix = f"{images}/" if images else ""
    assert found.table["path"].tolist() == [f"{prefix}img/0000{number}.png" for number in (1, 2, 3)]
    assert found.table["split"].tolist() == ["train", "dev", "dev"]
    assert "1 rows stand in two files of one split word for word and count once." in found.notes


@pytest.mark.parametrize("image", ["../secret.png", "../../secret.png", "/etc/hostname", "", "__import__('os')"])
def test_a_path_never_leads_out_of_the_folder(tmp_path: Path, image: str) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    root = write(tmp_path / "data", {"train.json": [hateful(1, ["race"], img=image), harmless(2)]})
    found = hateful_memes.samples(root, name="x")
    assert found.table["sample_id"].tolist() == ["2"]
    assert found.skipped["file"].tolist() == [image]


def without(key: str) -> str:
    return json.dumps({name: cell for name, cell in harmless(2).items() if name != key})


@pytest.mark.parametrize(
    ("line", "got"),
    [
        ('{"id": 14270, "img": "img/1', "a line that is no JSON"),
        ("[" * 100_000, "a line that is no JSON"),
        ("['race']", "a line that is no JSON"),
        ("__import__('os')", "a line that is no JSON"),
        ("[]", "a list"),
        (without("gold_hate"), "an object without 'gold_hate'"),
        (without("id"), "an object without 'id'"),
        (without("img"), "an object without 'img'"),
        (without("text"), "an object without 'text'"),
        (json.dumps(harmless(2, img=None)), "an object whose 'img' is no text"),
        (json.dumps(harmless(2, id=[2])), "an object whose 'id' is no text"),
        (json.dumps(harmless(2, text=5)), "an object whose 'text' is no text"),
        (json.dumps(harmless(2, gold_hate="hateful")), "the field gold_hate in another form"),
        (json.dumps(harmless(2, gold_hate=["hateful", "not_hateful"])), "the field gold_hate in another form"),
        (json.dumps(harmless(2, gold_hate=["1"])), "the field gold_hate in another form"),
        (json.dumps(harmless(2, pc="race")), "the field pc in another form"),
        (json.dumps(harmless(2, pc=["race", "sex"])), "the field pc in another form"),
        (json.dumps(harmless(2, pc={"race": 3})), "the field pc in another form"),
    ],
    ids=range(18),
)
def test_a_wrong_line_is_named_by_file_and_number(tmp_path: Path, line: str, got: str) -> None:
    write(tmp_path, {"dev_seen.json": [harmless(1)]})
    with (tmp_path / "dev_seen.json").open("a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(DataError) as caught:
        hateful_memes.samples(tmp_path, name="x")
    assert str(caught.value) == (
        f"line 3 of {tmp_path / 'dev_seen.json'} must be {LINE}; got {got}. Correct or remove the line."
    )


def test_one_id_with_two_meanings_is_refused(tmp_path: Path) -> None:
    files = {"dev_seen.json": [harmless(1)], "dev_unseen.json": [hateful(1, ["race"])]}
    with pytest.raises(DataError, match="must have one row per sample_id; got '1' 2 times"):
        hateful_memes.samples(write(tmp_path, files), name="x")


WHERE = (
    "Check the folder against the layout of the reader 'hateful_memes': train.jsonl, dev_seen.jsonl, test_seen.jsonl "
    "(id, img, text, label) and img/. Hateful Memes is available at "
    "https://www.drivendata.org/competitions/70/hateful-memes-phase-2/ (annotations of groups: "
    "https://github.com/facebookresearch/fine_grained_hateful_memes) (as its source states; Hateful Memes itself is "
    "for research only, its fine-grained annotations Apache-2.0; the content is abusive); fairaudit downloads nothing."
)


def test_annotations_without_images_say_where_they_are_to_be_had(tmp_path: Path) -> None:
    root = write(tmp_path, {"data/annotations/train.json": [harmless(46971), harmless(2)]})
    for image in (root / "img").iterdir():
        image.unlink()
    with pytest.raises(DataError) as caught:
        hateful_memes.samples(root, name="x")
    assert str(caught.value) == (
        f"data folder {tmp_path} must contain the images that the field 'img' names; got none among 2 rows, the first "
        f"'img/46971.png'. {WHERE}"
    )


def test_a_byte_order_mark_and_other_line_ends_make_no_difference(tmp_path: Path) -> None:
    root = write(tmp_path, {"train.json": [hateful(1, ["race"]), harmless(2)]})
    text = (root / "train.json").read_bytes()
    (root / "train.json").write_bytes(
        b"\xef\xbb\xbf" + text.replace(b"text 2", "é\u2028è".encode()).replace(b"\n", b"\r\n")
    )
    assert hateful_memes.samples(root, name="x").table["text"].tolist() == ["text 1", "é\u2028è"]
    (root / "train.json").write_bytes(text.replace(b"\n", b"\r\n").replace(b"text 2", b"caf\xe9"))
    with pytest.raises(DataError) as caught:
        hateful_memes.samples(root, name="x")
    problem = "must be text in UTF-8; got other bytes, the first 0xe9 in line 2. Save it again as UTF-8."
    assert str(caught.value) == f"file {root / 'train.json'} {problem}"
