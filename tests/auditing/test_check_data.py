"""``check_data`` and ``fairaudit data check``: real samples, and the exit codes that an audit would have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fairaudit

Run = Callable[..., tuple[int, str, str]]


def faces(root: Path, *, women: int, men: int) -> Path:
    """Write images in UTKFace's form that all differ."""
    root.mkdir()
    for i in range(women + men):
        name = f"{20 + i % 50}_{int(i < women)}_{i % 5}_{20170116184024662 + i}.jpg"
        Image.new("RGB", (4, 4), (i % 256, i // 256 * 40, 99)).save(root / name)
    return root


def test_indicators_of_its_subject_share_the_error_level(tmp_path: Path) -> None:
    found = fairaudit.check_data("utkface", faces(tmp_path / "faces", women=40, men=40), name="ours")
    assert (found.name, found.reader, found.n_rows) == ("ours", "utkface", 80)
    assert found.indicators == ("label_association", "representation_disparity")
    # gender is one comparison, and age one slope and three large groups; five races of 16 images are too few.
    (age,) = (one for one in found.features if one.name == "age_group")
    assert [one.kind for one in age.comparisons if one.status == "ok"] == ["slope", *["one_vs_rest"] * 3]
    assert found.n_planned == 2 * (1 + 4)
    assert found.can_compare


def test_an_indicator_that_needs_another_feature_takes_no_share(tmp_path: Path) -> None:
    """Retrieval matches gender unless an option says otherwise, and MIAP records gender presentation."""
    root = faces(tmp_path / "faces", women=30, men=30)
    boxes = "\n".join(
        f"{path.stem},0.0,1.0,0.0,1.0,0,0,Predominantly {'Feminine' if at % 2 else 'Masculine'},Young"
        for at, path in enumerate(sorted(root.iterdir()))
    )
    for path in root.iterdir():
        Image.new("RGB", (120, 120), (len(path.name), hash(path.name) % 256, 9)).save(path)
    header = "ImageID,XMin,XMax,YMin,YMax,IsGroupOf,IsDepictionOf,GenderPresentation,AgePresentation"
    (root / "open_images_extended_miap_boxes_test.csv").write_text(f"{header}\n{boxes}\n")
    assert fairaudit.check_data("openimages_miap", root).indicators == ("label_association",)


def test_what_an_error_repeats_of_data_does_not_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\n\x1b]0;owned\x07.png,x\n")
    code, _, error = run("data", "check", "labelled_images", tmp_path)
    assert code == 2
    assert "owned" in error
    assert not {"\x1b", "\x07"} & set(error)


def test_a_screen_and_exit_0(run: Run, tmp_path: Path) -> None:
    code, out, error = run("data", "check", "utkface", faces(tmp_path / "faces", women=40, men=40))
    assert code == 0
    assert out.splitlines()[0] == "utkface: 80 images, read by utkface"
    assert "utkface: images" in error


def test_json_and_exit_3_where_nothing_can_be_compared(run: Run, tmp_path: Path) -> None:
    code, out, error = run("data", "check", "utkface", faces(tmp_path / "faces", women=9, men=9), "--json")
    assert (code, error) == (3, "")
    found = json.loads(out)
    assert (found["can_compare"], found["n_rows"], found["schema_version"]) == (False, 18, "2.0")


def test_exit_2_where_an_audit_would_refuse_the_images(run: Run, tmp_path: Path) -> None:
    root = faces(tmp_path / "faces", women=40, men=40)
    for path in sorted(root.iterdir())[:2]:
        path.write_bytes(path.read_bytes()[:200])
    code, out, _ = run("data", "check", "utkface", root)
    assert code == 2
    assert "The images of 2 of 80 rows cannot be read, and an audit refuses data with" in " ".join(out.split())


def test_headers_only_decodes_nothing(run: Run, tmp_path: Path) -> None:
    root = faces(tmp_path / "faces", women=40, men=40)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for path in sorted(root.iterdir())[:2]:
        noise.save(path)
        path.write_bytes(path.read_bytes()[:-900])
    assert run("data", "check", "utkface", root)[0] == 2
    code, out, _ = run("data", "check", "utkface", root, "--headers-only", "--expected", "0.1")
    assert code == 0
    assert "with probability 80 %, of a share that is 0.1 in the other groups" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("utkfaces", "{root}"), "reader must be one of: "),
        (("utkfaces", "{root}"), "got 'utkfaces'. Did you mean 'utkface'?"),
        (("fairface", "{root}"), "must contain fairface_label_train.csv or fairface_label_val.csv; got none."),
        (("fairface", "{root}"), "FairFace is available at https://github.com/joojs/fairface (CC BY 4.0)"),
        (("utkface", "{root}/none"), "must be a folder for the reader 'utkface'; got no such folder."),
        (
            ("utkface", "{root}", "--expected", "2"),
            "--expected must be between 0 and 1; got 2. Leave it out for the hardest share.",
        ),
    ],
)
def test_wrong_input_is_one_sentence(run: Run, tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    root = faces(tmp_path / "faces", women=1, men=1)
    code, out, error = run("data", "check", *(one.format(root=root) for one in arguments))
    assert (code, out) == (2, "")
    assert error.strip().splitlines()[-1].startswith("fairaudit: ")
    assert text in error


@pytest.mark.parametrize(
    ("reader", "folder", "code", "lines"),
    [
        ("utkface", "utkface-sample", 0, (
            "utkface: 2,564 images, read by utkface",
            "left out: the name must have 4 fields (age,",
            "female 1,312", "male 1,252",
        )),
        ("dollar_street", "dollar-street-sample", 0, (
            "dollar_street: 43 images, 29 clusters (household), read by dollar_street",
            "Africa 10 5 3 4 3 too few", "for each doubling: 0.101 to 0.123",
        )),
        ("hateful_memes", "memes-sample", 3, (
            "hateful_memes: 1,308 images, read by hateful_memes", "Splits train 915, test 197, dev 196",
            "in test and in train, too: the same bytes under another name",
            "No groups are recorded here: an audit gives overall values, and nothing is compared.",
        )),
    ],
)  # fmt: skip
def test_real_samples(run: Run, sample_data: Path, reader: str, folder: str, code: int, lines: tuple[str, ...]) -> None:
    found, out, _ = run("data", "check", reader, sample_data / folder)
    assert found == code
    for line in lines:
        assert line in " ".join(out.split())
