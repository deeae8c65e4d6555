from __future__ import annotations

import gc
import io
import os
import tarfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.core.errors import DataError
from fairaudit.images.decode import ImageError
from fairaudit.images.shard import Shard
from tests.images.shards import jpeg, write_shard


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_images_are_read_where_they_stand_and_other_members_passed_over(tmp_path: Path, form: int) -> None:
    # The long name does not fit into a header: each format has its own way to say it.
    long = "/".join(["a" * 60, "b" * 60, "c" * 30 + ".JPEG"])
    images = {"0001.jpg": jpeg(1), "x/0002.png": b"a png", long: jpeg(3), "0004.webp": b"w" * 1024}
    others = {"0001.json": b"{}", "0001.cls": b"7", "x/.hidden.jpg": b"h", "__MACOSX/0001.jpg": b"m", "0004": b""}
    members = {name: content for pair in zip(images.items(), others.items(), strict=False) for name, content in pair}
    shard = Shard(write_shard(tmp_path / "a.tar", members, form=form))
    assert list(shard.names) == list(images)
    assert [shard.source(at) for at in range(len(shard))] == list(images.values())
    assert [shard.size(at) for at in range(len(shard))] == [len(content) for content in images.values()]
    assert shard.refused == ()
    with ThreadPoolExecutor(4) as pool:
        order = [2, 0, 3, 1] * 20
        assert list(pool.map(shard.source, order)) == [list(images.values())[at] for at in order]


@given(st.dictionaries(st.from_regex(r"[a-z]{1,120}\.jpg", fullmatch=True), st.binary(min_size=1, max_size=1500)))
def test_any_members_come_back(tmp_path_factory: pytest.TempPathFactory, members: dict[str, bytes]) -> None:
    shard = Shard(write_shard(tmp_path_factory.mktemp("any") / "a.tar", members))
    assert {name: shard.source(at) for at, name in enumerate(shard.names)} == members


def test_links_devices_and_absurd_sizes_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"of this computer")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in (("s.jpg", tarfile.SYMTYPE), ("h.jpg", tarfile.LNKTYPE), ("d.jpg", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, str(tmp_path / "secret.jpg")
            tar.addfile(member)
        for name, content in (("empty.jpg", b""), ("large.jpg", b"x" * 501), ("../../out.jpg", b"fine")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    monkeypatch.setattr("fairaudit.images.shard.MAX_BYTES", 500)
    shard = Shard(tmp_path / "a.tar")
    assert list(shard.names) == ["../../out.jpg"]  # a name, no path: nothing is ever unpacked
    assert shard.source(0) == b"fine"
    assert shard.refused == (
        ("s.jpg", "a member must be a plain file; got a link."),
        ("h.jpg", "a member must be a plain file; got a link."),
        ("d.jpg", "a member must be a plain file; got a device or another special file."),
        ("empty.jpg", "a member must have 1 to 500 bytes; got 0."),
        ("large.jpg", "a member must have 1 to 500 bytes; got 501."),
    )


@pytest.mark.parametrize(
    ("length", "reason"),
    [
        (3 * 512 + 100, "unexpected end of data"),  # within an image
        (4 * 512, "an end without the mark of one at byte 2,048"),  # between two members
        (4 * 512 + 200, "an end without the mark of one at byte 2,048"),  # within a header
    ],
)
def test_a_truncated_shard_is_named(tmp_path: Path, length: int, reason: str) -> None:
    path = write_shard(tmp_path / "a.tar", {f"{i}.jpg": b"x" * 300 for i in range(8)}, form=tarfile.USTAR_FORMAT)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError) as error:
        Shard(path)
    assert str(error.value) == (
        f"shard {path} must be a whole, uncompressed tar file; got: {reason}. Copy it again, or write it anew."
    )


def test_a_damaged_header_does_not_pass_for_the_end(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.tar", {f"{i}.jpg": b"x" * 300 for i in range(8)}, form=tarfile.USTAR_FORMAT)
    content = bytearray(path.read_bytes())
    content[4 * 512 : 4 * 512 + 20] = b"?" * 20
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"got: a damaged header at byte 2,048\. Copy it again"):
        Shard(path)


@pytest.mark.parametrize(("name", "mode"), [("a.tar.gz", "w:gz"), ("a.TGZ", "w:gz"), ("a.tar.xz", "w:xz")])
def test_a_compressed_shard_is_refused_with_what_to_do(tmp_path: Path, name: str, mode: str) -> None:
    path = write_shard(tmp_path / name, {"a.jpg": jpeg(0)}, mode=mode)
    with pytest.raises(DataError) as error:
        Shard(path)
    assert str(error.value) == (
        f"shard {path} must be an uncompressed .tar, so that each image can be read by itself; got a compressed one. "
        "Undo that (gunzip, unxz, zstd -d): the images in it are compressed already."
    )
    path.rename(tmp_path / "b.tar")
    with pytest.raises(DataError, match="must be a whole, uncompressed tar file; got: "):
        Shard(tmp_path / "b.tar")


def test_what_is_no_shard(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must be a readable file; got no such file"):
        Shard(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes(b"text " * 400)
    with pytest.raises(DataError, match="must be a whole, uncompressed tar file; got: "):
        Shard(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes(b"")
    with pytest.raises(DataError, match="must be a whole, uncompressed tar file; got: empty file"):
        Shard(tmp_path / "a.tar")


def test_a_shard_that_changes_under_the_run_is_an_unreadable_image(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.tar", {"a.jpg": b"x" * 3000})
    shard = Shard(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ImageError, match=r"must stay as it was; got fewer bytes than before\. Copy it again\."):
        shard.source(0)
    path.unlink()
    with pytest.raises(ImageError, match="must be a readable file; got no such file"):
        shard.source(0)
    os.mkfifo(path)
    with pytest.raises(ImageError, match="must be a readable file; got a named pipe"):
        shard.source(0)


def test_an_image_takes_some_tens_of_bytes_of_memory(tmp_path: Path) -> None:
    names = [f"{i:08d}.jpg" for i in range(4000)]
    path = write_shard(tmp_path / "a.tar", dict.fromkeys(names, b"x"), form=tarfile.USTAR_FORMAT)
    Shard(path)
    tracemalloc.start()
    try:
        shard = Shard(path)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(shard) == 4000
    assert held / 4000 < 24 + 12 + 8  # what the docstring says, twelve letters of name, and some for the rest
