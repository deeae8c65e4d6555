from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.heads.linear_probe import read_probe_table


def write(folder: Path, text: str, *, files: tuple[str, ...] = ("a.png", "b.png", "c.png", "d.png")) -> Path:
    for name in files:
        (folder / name).write_bytes(b"an image")
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_read_with_resolved_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    path = write(tmp_path, "\ufeffname,file, label\nx,a.png,cat\ny,in/../b.png, dog \nz,c.png,cat\n")
    monkeypatch.chdir(tmp_path)
    table = read_probe_table(Path("labels.csv"))
    assert table.files == tuple(tmp_path.resolve() / n for n in ("a.png", "b.png", "c.png"))
    assert table.names == ("a.png", "in/../b.png", "c.png")
    assert table.labels == ("cat", "dog", "cat")
    assert table.classes == ("cat", "dog")
    assert table.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert table.path == path.resolve()


def test_words_that_pandas_takes_for_missing_are_labels(tmp_path: Path) -> None:
    table = read_probe_table(write(tmp_path, "file,label\na.png,NA\nb.png,null\n"))
    assert table.classes == ("NA", "null")


def test_a_quoted_line_break_does_not_shift_rows(tmp_path: Path) -> None:
    table = read_probe_table(write(tmp_path, 'file,label,note\na.png,x,"two\nlines"\nb.png,y,\n'))
    assert table.labels == ("x", "y")


def test_samples_have_one_row_per_image(tmp_path: Path) -> None:
    table = read_probe_table(write(tmp_path, "file,label\na.png,x\nb.png,y\n"))
    samples = table.samples()
    assert samples.paths == list(table.files)
    assert samples.sample_ids == ("a.png", "b.png")
    assert samples.table["label"].tolist() == ["x", "y"]
    assert not samples.show_images


def test_a_column_cluster_is_read(tmp_path: Path) -> None:
    table = read_probe_table(write(tmp_path, "cluster,file,label\np1,a.png,x\n p1 ,b.png,y\np2,c.png,x\n"))
    assert table.clusters == ("p1", "p1", "p2")
    samples = table.samples()
    assert samples.table["cluster_id"].tolist() == ["p1", "p1", "p2"]
    assert samples.cluster == "cluster"
    assert read_probe_table(write(tmp_path, "file,label\na.png,x\nb.png,y\n")).clusters == ()


def test_some_labels_only(tmp_path: Path) -> None:
    rows = "file,label,cluster\na.png,x,1\nb.png,y,2\nc.png,z,3\nd.png,x,4\n"
    whole = read_probe_table(write(tmp_path, rows))
    table = whole.only(["x", "z"])
    assert table.names == ("a.png", "c.png", "d.png")
    assert table.labels == ("x", "z", "x")
    assert table.clusters == ("1", "3", "4")
    assert [path.name for path in table.files] == ["a.png", "c.png", "d.png"]
    assert table.digest == whole.digest
    assert table.notes[0] == "1 images of labels.csv have other labels than those that were asked for."
    with pytest.raises(
        ConfigError, match=r"^label of labels.csv must be one of: x, y, z; got 'w'\. Choose one of them"
    ):
        whole.only(["x", "w"])
    with pytest.raises(
        ConfigError, match=r"^classes must be at least two labels of labels.csv; got x\. Add a label\.$"
    ):
        whole.only(["x"])


def test_small_classes_are_noted(tmp_path: Path) -> None:
    files = tuple(f"{i}.png" for i in range(6))
    rows = "".join(f"{i}.png,{label}\n" for i, label in enumerate(["a", "a", "a", "b", "b", "c"]))
    table = read_probe_table(write(tmp_path, "file,label\n" + rows, files=files))
    assert table.notes == (
        "2 of 3 labels of labels.csv have fewer than 3 images: b (2), c (1). The probe knows them poorly, and a label "
        "with one image has no part in the held-out accuracy.",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,labels\na.png,x\n",
            "probe table labels.csv must have the columns file, label; 'label' is missing, got: file, labels. "
            "Did you mean 'labels'? Rename or add the column.",
        ),
        (
            "image,label\na.png,x\n",
            "probe table labels.csv must have the columns file, label; 'file' is missing, got: image, label. "
            "Rename or add the column.",
        ),
        (
            "",
            "probe table labels.csv must have the columns file, label; 'file' is missing, got: nothing. "
            "Rename or add the column.",
        ),
        (
            "file,label,label\na.png,x,y\n",
            "probe table labels.csv must have one column 'label'; got 2. Rename the others.",
        ),
        (
            "file,label,cluster\na.png,x,1\nb.png,y,\n",
            "probe table labels.csv must have a cluster in every row; line 3 has none. Fill it in or remove the row.",
        ),
        (
            "file,cluster,label,cluster\na.png,1,x,1\n",
            "probe table labels.csv must have one column 'cluster'; got 2. Rename the others.",
        ),
        ("file,label\n", "probe table labels.csv must have at least one row; got only the header. Add images."),
        (
            "file,label\na.png,x\nb.png, \n",
            "probe table labels.csv must have a label in every row; line 3 has none. Fill it in or remove the row.",
        ),
        (
            "file,label\na.png,x\nb.png\n",
            "probe table labels.csv must have a label in every row; line 3 has none. Fill it in or remove the row.",
        ),
        (
            "file,label\n,x\n",
            "probe table labels.csv must have a file in every row; line 2 has none. Fill it in or remove the row.",
        ),
        (
            "file,label\na.png,x\nb.png,x\n",
            "probe table labels.csv must have at least two labels; got only 'x'. Add images with another label.",
        ),
        (
            "file,label\na.png,x\n./a.png,y\n",
            "probe table labels.csv must name a file once; './a.png' is in the lines 2 and 3. Keep one of them: an "
            "image must not be learned and held out at the same time.",
        ),
    ],
)
def test_a_defect_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_probe_table(write(tmp_path, text))
    assert str(caught.value) == message


def test_missing_files_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, "file,label\na.png,x\nnone.png,y\nalso-none.png,y\n")
    with pytest.raises(DataError) as caught:
        read_probe_table(path)
    assert str(caught.value) == (
        f"probe table labels.csv must name files that exist, relative to {tmp_path.resolve()}; 2 of 3 are not there, "
        "the first is 'none.png' in line 3 (no such file). Correct the paths or move the table."
    )


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must be a readable file; got no such file\. Check its path\.$"):
        read_probe_table(tmp_path / "labels.csv")
    with pytest.raises(DataError, match=r"probe table .* must be a readable file; got a folder"):
        read_probe_table(tmp_path)


def test_a_table_that_is_not_utf8(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes("file,label\na.png,Löwe\n".encode("utf-16"))
    with pytest.raises(
        DataError, match=r"^probe table labels.csv must be a CSV in UTF-8; got something else .*as UTF-8\.$"
    ):
        read_probe_table(path)


def test_the_real_label_set(sample_data: Path) -> None:
    table = read_probe_table(sample_data / "label-probe.csv")
    assert len(table.files) == 1150
    assert sum(label == "face" for label in table.labels) == 150
    assert table.notes == ()
