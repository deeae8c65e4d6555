"""CelebA: lists with and without a count, as text or CSV; attributes stay what they are called, and no is not a sex."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import celeba

PUBLISHED = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair "
    "Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male "
    "Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
    "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace "
    "Wearing_Necktie Young"
)
NAMES = PUBLISHED.split()
FACES = {"000001.jpg": ("Male", "Smiling"), "000002.jpg": ("Young",), "000003.jpg": ("Male", "Young", "Bald")}
WHERE = (
    "CelebA is available at http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (as that page states (non-commercial "
    "research)); fairaudit downloads nothing."
)
LAYOUT = (
    "Check the folder against the layout of the reader 'celeba': list_attr_celeba.txt or .csv, perhaps "
    f"list_eval_partition and identity_CelebA, and img_align_celeba/. {WHERE}"
)


def line(image: str, yes: tuple[str, ...]) -> str:
    """Return a line as the list has it: two spaces before a positive number, one before a negative."""
    return image + "".join("  1" if name in yes else " -1" for name in NAMES)


LINES = ("3", " ".join(NAMES) + " ", *(line(image, yes) for image, yes in FACES.items()))
CSV = (
    ",".join(["image_id", *NAMES]),
    *(",".join([image, *("1" if name in yes else "-1" for name in NAMES)]) for image, yes in FACES.items()),
)


def put(root: Path, file: str, lines: tuple[str, ...]) -> Path:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write(root: Path, lines: tuple[str, ...] = LINES, *, folder: str = "", images: str = "img_align_celeba") -> Path:
    put(root, f"{folder}list_attr_celeba.txt", lines)
    for image in FACES:
        (root / images).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(root / images / image)
    return root


def refused(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        celeba.samples(root, name="x")
    return str(caught.value)


def test_rows_become_samples(tmp_path: Path) -> None:
    put(write(tmp_path), "list_eval_partition.txt", ("000001.jpg 0", "000002.jpg 1", "000003.jpg 2"))
    put(tmp_path, "identity_CelebA.txt", ("000001.jpg 2880", "000002.jpg 2937", "000003.jpg 2880"))
    found = celeba.samples(tmp_path, name="faces")
    rows = found.table
    assert rows["sample_id"].tolist() == ["000001.jpg", "000002.jpg", "000003.jpg"]
    assert rows["path"].tolist()[0] == "img_align_celeba/000001.jpg"
    assert rows["cluster_id"].tolist() == ["2880", "2937", "2880"]
    assert rows["split"].tolist() == ["train", "val", "test"]
    assert rows["Male"].tolist() == ["Male", "not Male", "Male"]
    assert rows["Young"].tolist() == ["not Young", "Young", "Young"]
    assert rows["Smiling"].tolist() == [1, -1, -1]
    assert rows["Bald"].tolist() == [-1, -1, 1]
    assert len(rows.columns) == 6 + 40
    assert (found.reader, found.subject, found.cluster) == ("celeba", "people", "person")
    assert found.show_images is False
    assert found.licence == "CelebA: as that page states (non-commercial research)"
    assert (found.notes, len(found.skipped)) == ((), 0)


def test_attributes_are_no_genders(tmp_path: Path) -> None:
    features = celeba.samples(write(tmp_path), name="x").features
    assert [(one.name, one.groups, one.known_by, one.ordered) for one in features] == [
        ("Male", ("Male", "not Male"), "annotated", False),
        ("Young", ("Young", "not Young"), "annotated", False),
    ]
    assert features[0].source.endswith("the attribute is disputed, and no is not the opposite of yes")


def test_without_identities_images_count_as_independent(tmp_path: Path) -> None:
    found = celeba.samples(write(tmp_path), name="x")
    assert found.cluster == "image"
    assert found.table["cluster_id"].tolist() == ["000001.jpg", "000002.jpg", "000003.jpg"]
    assert found.table["split"].tolist() == ["", "", ""]
    assert found.notes == ("identity_CelebA is not there, so persons are not known: images count as independent.",)


def test_an_image_without_identity_or_split_stands_for_itself(tmp_path: Path) -> None:
    put(write(tmp_path), "identity_CelebA.txt", ("000001.jpg 2880", "999999.jpg 1"))
    put(tmp_path, "list_eval_partition.txt", ("000003.jpg 2",))
    rows = celeba.samples(tmp_path, name="x").table
    assert rows["cluster_id"].tolist() == ["2880", "000002.jpg", "000003.jpg"]
    assert rows["split"].tolist() == ["", "", "test"]


def test_copies_without_the_count(tmp_path: Path) -> None:
    rows = celeba.samples(write(tmp_path, LINES[1:]), name="x").table
    assert rows["Male"].tolist() == ["Male", "not Male", "Male"]


def test_a_list_that_ends_too_early_is_told(tmp_path: Path) -> None:
    found = celeba.samples(write(tmp_path, ("202599", *LINES[1:])), name="x")
    assert found.notes[0] == "list_attr_celeba.txt has 3 images, and its first line says 202599."


@pytest.mark.parametrize("header", ["image_id,partition", "id,partition"])
def test_the_tables_of_kaggle(tmp_path: Path, header: str) -> None:
    write(tmp_path, images="img_align_celeba/img_align_celeba")
    (tmp_path / "list_attr_celeba.txt").unlink()
    put(tmp_path, "list_attr_celeba.csv", CSV)
    put(tmp_path, "list_eval_partition.csv", (header, "000001.jpg,0", "000002.jpg,1", "000003.jpg,2"))
    rows = celeba.samples(tmp_path, name="x").table
    assert rows["path"].tolist()[0] == "img_align_celeba/img_align_celeba/000001.jpg"
    assert rows["split"].tolist() == ["train", "val", "test"]
    assert rows["Male"].tolist() == ["Male", "not Male", "Male"]
    assert rows["Bald"].tolist() == [-1, -1, 1]


@pytest.mark.parametrize("images", ["img_align_celeba", "Img/img_align_celeba", "."])
def test_folders_of_the_original_archive(tmp_path: Path, images: str) -> None:
    put(write(tmp_path, folder="Anno/", images=images), "Eval/list_eval_partition.txt", ("000002.jpg 1",))
    rows = celeba.samples(tmp_path, name="x").table
    assert rows["split"].tolist() == ["", "val", ""]
    assert all((tmp_path / path).is_file() for path in rows["path"])


def test_wrong_folders(tmp_path: Path) -> None:
    assert refused(tmp_path) == (
        f"data folder {tmp_path} must contain list_attr_celeba.txt or list_attr_celeba.csv; got none. {LAYOUT}"
    )
    put(tmp_path, "list_attr_celeba.txt", LINES)
    assert refused(tmp_path) == (
        f"data folder {tmp_path} must contain the images that list_attr_celeba.txt names; got none among 3 rows, the "
        f"first 'img_align_celeba/000001.jpg'. {LAYOUT}"
    )
    assert refused(tmp_path / "list_attr_celeba.txt") == (
        f"data folder {tmp_path / 'list_attr_celeba.txt'} must be a folder for the reader 'celeba'; got a file. Check "
        f"its path. {WHERE}"
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            (*LINES[:3], "000002.jpg  1 -1"),
            "line 4 of {} (000002.jpg) must have 1 or -1 for each of 40 attributes; got 2 cells, '1 -1'. Get the file "
            "again.",
        ),
        (
            (*LINES[1:3], "", LINES[3].replace("  1", "  0")),
            "line 4 of {} (000002.jpg) must have 1 or -1 for each of 40 attributes; got 40 cells, '-1 -1",
        ),
        (
            (*LINES[:2], LINES[2].replace("  1", "  __import__('os')")),
            "line 3 of {} (000001.jpg) must have 1 or -1 for",
        ),
        (
            tuple(one.replace(" Male ", " Mail ") for one in LINES),
            "file {} must have the attribute Male; got none. Did you mean 'Mail'?",
        ),
        (
            tuple(one.replace("Young", "Age") for one in LINES),
            "file {} must have the attribute Young; got none. Get the file again.",
        ),
        (
            tuple(one.replace(" Bald ", " Male ") for one in LINES),
            "file {} must name each attribute once; got Male twice. Get the file again.",
        ),
        (("202599",), "file {} must have the attribute Male; got none. Get the file again."),
        (("",), "file {} must have the attribute Male; got none. Get the file again."),
    ],
)
def test_a_damaged_list_is_refused(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    write(tmp_path, lines)
    assert refused(tmp_path).startswith(said.format(tmp_path / "list_attr_celeba.txt"))


def test_a_list_of_one_line_without_its_end(tmp_path: Path) -> None:
    (tmp_path / "list_attr_celeba.txt").write_text("202599", encoding="utf-8")
    assert "must have the attribute Male; got none. Get the file again." in refused(tmp_path)


def test_a_damaged_csv_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "list_attr_celeba.csv", (*CSV[:2], CSV[2].replace(",1", ",0")))
    assert refused(tmp_path).startswith(f"line 3 of {path} (000002.jpg) must have 1 or -1 for each of 40 attributes; g")
    put(tmp_path, "list_attr_celeba.csv", (CSV[0].replace("image_id", "image"), *CSV[1:]))
    got = refused(tmp_path)
    assert got.startswith(f"table {path} must have the columns image_id; 'image_id' is missing. Did you mean 'image'?")


def test_one_image_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, (*LINES, line("000001.jpg", ("Young",))))
    assert refused(tmp_path).startswith("data set 'x' must have one row per sample_id; got '000001.jpg' 2 times.")


@pytest.mark.parametrize(
    ("file", "bad", "said"),
    [
        ("list_eval_partition.txt", "000002.jpg", "must have an image and 0, 1 or 2; got '000002.jpg'. Correct it."),
        ("list_eval_partition.txt", "000002.jpg test", "must have an image and 0, 1 or 2; got '000002.jpg test'. Corr"),
        (
            "list_eval_partition.txt",
            "000002.jpg 3",
            "must have an image and 0, 1 or 2; got '000002.jpg 3'. Correct it.",
        ),
        ("identity_CelebA.txt", "000002.jpg ²", "must have an image and a number; got '000002.jpg ²'. Correct it."),
        ("identity_CelebA.txt", "000002.jpg 1 2", "must have an image and a number; got '000002.jpg 1 2'. Correct it."),
    ],
)
def test_a_damaged_list_of_pairs_is_refused(tmp_path: Path, file: str, bad: str, said: str) -> None:
    path = put(write(tmp_path), file, ("000001.jpg 0", bad))
    assert refused(tmp_path).startswith(f"line 2 of {path} {said}")


def test_images_that_are_not_there_and_names_that_lead_out(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.jpg")
    bad = ("../outside.jpg", "../../outside.jpg", "000009.jpg")
    found = celeba.samples(write(tmp_path / "data", (*LINES[1:], *(line(one, ()) for one in bad))), name="x")
    assert len(found) == 3
    assert found.skipped.values.tolist() == [
        ["img_align_celeba/../outside.jpg", "the name leads out of the data folder"],
        ["img_align_celeba/../../outside.jpg", "the name leads out of the data folder"],
        ["img_align_celeba/000009.jpg", "the file is missing"],
    ]
    assert found.notes[1] == "3 of 6 rows were left out: the image is not there."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_other_encodings_and_line_ends(tmp_path: Path, encoding: str) -> None:
    put(write(tmp_path), "list_eval_partition.txt", ("000001.jpg 0",))
    for file in ("list_attr_celeba.txt", "list_eval_partition.txt"):
        text = (tmp_path / file).read_text(encoding="utf-8")
        (tmp_path / file).write_bytes(text.replace("\n", "\r\n").encode(encoding))
    rows = celeba.samples(tmp_path, name="x").table
    assert rows["Young"].tolist() == ["not Young", "Young", "Young"]
    assert rows["split"].tolist() == ["train", "", ""]


def test_bytes_of_windows_are_refused_with_their_line(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "list_attr_celeba.txt"
    path.write_bytes(path.read_bytes() + line("é.jpg", ()).encode("cp1252"))
    assert refused(tmp_path) == (
        f"file {path} must be text in UTF-8; got other bytes, the first 0xe9 in line 6. Save it again as UTF-8."
    )
