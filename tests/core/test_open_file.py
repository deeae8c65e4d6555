"""The guard of files: what it refuses and in which words, and that it never waits, reads on or leaves a file open."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairaudit.core import open_file as guard
from fairaudit.core.errors import ConfigError, DataError

pytestmark = pytest.mark.timeout(30)
KINDS = {
    "pipe": "a named pipe", "zero": "a device", "random": "a device", "full": "a device", "socket": "a socket",
    "folder": "a folder", "nothing": "no such file", "loop": "no such file",
}  # fmt: skip
READERS: dict[str, Callable[[Path], Any]] = {
    "read_bytes": lambda path: guard.read_bytes(path, "plan", limit=100),
    "read_text": lambda path: guard.read_text(path, "plan"),
    "read_toml": lambda path: guard.read_toml(path, "plan"),
    "read_at": lambda path: guard.read_at(path, "plan", start=0, size=3),
    "open_file": lambda path: guard.open_file(path, "plan"),
    "open_text": lambda path: guard.open_text(path, "plan"),
    "check_file": lambda path: guard.check_file(path, "plan"),
}


def make(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = folder / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(folder)  # a name of a socket may have some hundred letters, and that of the folder has
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(kind)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind != "nothing":
        path.symlink_to(f"/dev/{kind}")
    return path


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, reader: str) -> None:
    path = make(tmp_path, kind, monkeypatch)
    link = tmp_path / "link"
    link.symlink_to(path)
    before = descriptors()
    for one in (path, link):
        assert guard.kind_of(one) == KINDS[kind]
        assert guard.is_there(one) == (kind not in ("folder", "nothing", "loop"))
        with pytest.raises(DataError) as caught:
            READERS[reader](one)
        assert str(caught.value) == f"plan {one} must be a readable file; got {KINDS[kind]}. Check its path."
    assert descriptors() == before


def test_a_pipe_that_somebody_holds_open_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    held = os.open(tmp_path / "pipe", os.O_RDWR)
    os.write(held, b"[primary]")
    with pytest.raises(DataError, match="got a named pipe"):
        guard.read_text(tmp_path / "pipe", "plan")
    assert os.read(held, 100) == b"[primary]"
    os.close(held)


@pytest.mark.parametrize("name", ["a\0b", 300 * "a", "file/below"])
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    assert guard.kind_of(tmp_path / name) == "no such file"
    with pytest.raises(ConfigError, match="must be a readable file; got no such file"):
        guard.check_file(tmp_path / name, "plan", error=ConfigError)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0)
    with pytest.raises(DataError, match="got no permission to read it"):
        guard.read_text(tmp_path / "file", "plan")


def test_a_file_at_its_limit_and_one_above(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert guard.read_bytes(path, "plan", limit=5) == b"12345"
    guard.check_file(path, "plan", limit=5)
    for call in (guard.read_bytes, guard.check_file, guard.open_file):
        with pytest.raises(ConfigError) as caught:
            call(path, "plan", limit=4, error=ConfigError)
        assert str(caught.value) == f"plan {path} must have at most 4 bytes; got 5. Make it smaller, or check its path."


def test_a_file_that_holds_more_than_its_size_says(tmp_path: Path) -> None:
    # The kernel says that it has no bytes, as it would say of a file that grows in this moment.
    path = Path("/proc/self/status")
    assert path.stat().st_size == 0
    assert guard.read_bytes(path, "status", limit=2**20).startswith(b"Name:")
    with pytest.raises(DataError, match=r"status /proc/self/status must have at most 10 bytes; got 11\."):
        guard.read_bytes(path, "status", limit=10)


def test_an_open_file_ends_where_it_ended_when_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(20_000 * b"a")
    with guard.open_file(path, "table") as file, path.open("ab") as more:
        more.write(20_000 * b"b")
        more.flush()
        assert file.read() == 20_000 * b"a"
        assert file.read(1) == b""
        assert file.seek(19_999) == 19_999
        assert file.read(10) == b"a"
        file.seek(30_000)
        assert file.read(10) == b""
        assert file.read() == b""
        file.seek(0)
        assert sum(len(block) for block in iter(lambda: file.read(4097), b"")) == 20_000
        assert not os.get_inheritable(file.fileno())
    with guard.open_file(path, "table") as file:
        path.write_bytes(b"cc")
        assert file.read() == b"cc"


def test_text_is_what_the_path_itself_reads(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content, encoding in (
        (b"a\r\nb\rc\n", "utf-8"), (b"\xef\xbb\xbfa", "utf-8-sig"), ("ä\r\n".encode("utf-16"), "utf-16"),
        (b"", "utf-8"),
    ):  # fmt: skip
        path.write_bytes(content)
        assert guard.read_text(path, "text", encoding=encoding) == path.read_text(encoding=encoding)
        with guard.open_text(path, "text", encoding=encoding) as file, path.open(encoding=encoding, newline="") as own:
            assert file.read() == own.read()
    path.write_bytes(b"\xff")
    assert guard.read_text(path, "text", errors="replace") == "\ufffd"
    with pytest.raises(UnicodeDecodeError):
        guard.read_text(path, "text")


def test_a_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert [guard.read_at(path, "shard", start=start, size=4) for start in (0, 8, 10, 99)] == [b"0123", b"89", b"", b""]


def test_toml_and_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(b"a = 1\r\nb = 'x'\r\n")
    assert guard.read_toml(path, "plan") == {"a": 1, "b": "x"}
    for content in (b"a = ", b"a = '\xff'"):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=rf"plan {path} must be TOML in UTF-8; got: .*\. Correct that line\.$"):
            guard.read_toml(path, "plan", error=ConfigError)
    os.truncate(path, guard.SETTINGS + 1)
    with pytest.raises(DataError, match=r"at most 16,777,216 bytes; got 16,777,217\."):
        guard.read_toml(path, "plan")


def test_a_folder_whose_files_a_library_reads(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "gone.json").symlink_to(tmp_path / "none")
    (tmp_path / "model.safetensors").touch()
    os.truncate(tmp_path / "model.safetensors", 2**36)  # it takes no room on the disk
    guard.check_folder(tmp_path, "checkpoint file")
    os.truncate(tmp_path / "config.json", guard.DOCUMENT + 1)
    with pytest.raises(DataError, match=r"checkpoint file .*config\.json must have at most 268,435,456 bytes"):
        guard.check_folder(tmp_path, "checkpoint file")
    (tmp_path / "config.json").unlink()
    (tmp_path / "tokenizer.json").symlink_to("/dev/zero")
    with pytest.raises(DataError, match=r"checkpoint file .*tokenizer\.json must be a readable file; got a device\."):
        guard.check_folder(tmp_path, "checkpoint file")


WRONG = {
    "TOML": ["a = " + 5_000 * "[", "a = " + 101 * "[" + 101 * "]", ".".join(5_000 * "a") + "=1", "a = " + 5_000 * "1"],
    "JSON": [100_000 * "[", 101 * "[" + "]" * 101, 950 * '{"a":' + "1" + 950 * "}", 5_000 * "1", "\xff", "{"],
}


@pytest.mark.parametrize(("form", "text"), [(form, text) for form, texts in WRONG.items() for text in texts])
def test_values_that_stop_a_parser_are_one_sentence(tmp_path: Path, form: str, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError) as caught:
        (guard.read_toml if form == "TOML" else guard.read_json)(path, "plan", error=ConfigError)
    start, reason = str(caught.value).split("; got: ")
    assert start == f"plan {path} must be {form}{' in UTF-8' * (form == 'TOML')}"
    expected = "an integer with too many digits" if text.endswith("11") else "values nested too deeply"
    if len(text) > 5:
        assert reason.startswith(expected)


def test_values_within_each_other_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(100 * "[" + 100 * "]")
    value = guard.read_json(path, "audit")
    for _ in range(99):
        (value,) = value
    assert value == []
    path.write_text("a = " + 99 * "[" + 99 * "]")
    assert list(guard.read_toml(path, "plan")) == ["a"]
