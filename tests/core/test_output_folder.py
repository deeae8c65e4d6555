"""Nothing of the user's is replaced: foreign files, edited files, other results, half-done work, full and odd disks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fairaudit._version import __version__
from fairaudit.core import output_folder
from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.marker import (
    MARKER,
    clear,
    fingerprint,
    is_complete,
    read_marker,
    refuse_half_replaced,
    settle,
)
from fairaudit.core.output_folder import OutputFolder, begun, check_file

NAMES = ("a.txt", "sub/b.txt")


def folder_at(path: Path, *, overwrite: bool | None = False, kind: str = "audit") -> OutputFolder:
    return OutputFolder(path, kind, NAMES, overwrite=overwrite)


def fill(path: Path, text: str = "1", *, overwrite: bool = False, files: tuple[str, ...] = NAMES) -> None:
    output = folder_at(path, overwrite=overwrite)
    output.check({"text": text})
    with output.replaced() as new:
        for name in files:
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(text)


def there(path: Path) -> dict[str, str]:
    """Every file below, but for the marker."""
    found = {p.relative_to(path).as_posix(): p.read_text() for p in sorted(path.rglob("*")) if p.is_file()}
    found.pop(MARKER, None)
    return found


def refused(path: Path, asked: dict[str, str] | None = None, *, overwrite: bool | None = False) -> str:
    before = there(path)
    with pytest.raises(ConfigError) as caught:
        folder_at(path, overwrite=overwrite).check(asked or {"text": "1"})
    assert there(path) == before
    return str(caught.value)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_new_folder_is_filled_and_lists_its_files_with_digests(out: Path) -> None:
    fill(out)
    assert there(out) == {"a.txt": "1", "sub/b.txt": "1"}
    document = json.loads((out / MARKER).read_text())
    sha256_of_1 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b 1"
    assert document["files"] == {"a.txt": sha256_of_1, "sub/b.txt": sha256_of_1}
    assert (document["kind"], document["version"], document["asked"]) == ("audit", __version__, {"text": "1"})
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_the_same_again_is_known_and_another_is_refused_until_overwritten(out: Path) -> None:
    fill(out)
    assert folder_at(out).check({"text": "1"})
    assert folder_at(out, overwrite=True).check({"text": "1"})
    assert refused(out, {"text": "2"}) == (
        f'output {out} must be a new folder or hold the same audit; got one that differs in \'text\' ("1", now "2"). '
        "Choose another folder, or add --overwrite: it replaces the files of that one and leaves all others."
    )
    assert "--overwrite" not in refused(out, {"text": "2"}, overwrite=None)
    (out / "notes.txt").write_text("mine")
    (out / "sub" / "notes.txt").write_text("mine too")
    fill(out, "2", overwrite=True, files=("a.txt",))
    assert there(out) == {"a.txt": "2", "notes.txt": "mine", "sub/notes.txt": "mine too"}


def test_a_file_that_is_gone_is_written_again(out: Path) -> None:
    fill(out)
    (out / "a.txt").unlink()
    assert not folder_at(out).check({"text": "1"})
    fill(out)
    assert there(out) == {"a.txt": "1", "sub/b.txt": "1"}


def test_another_version_is_refused_and_not_cleared(out: Path) -> None:
    fill(out)
    marker = json.loads((out / MARKER).read_text())
    (out / MARKER).write_text(json.dumps({**marker, "version": "0.0.1"}))
    assert f"got one that version 0.0.1 of fairaudit wrote, where this is {__version__}. Choose" in refused(out)
    fill(out, "2", overwrite=True)
    assert there(out) == {"a.txt": "2", "sub/b.txt": "2"}


def test_another_kind_is_refused_also_with_overwrite(out: Path) -> None:
    fill(out)
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match="earlier probe; got a folder that holds another kind, 'audit'"):
            folder_at(out, kind="probe", overwrite=overwrite).check({"text": "1"})
    assert there(out) == {"a.txt": "1", "sub/b.txt": "1"}


def test_a_folder_without_marker_is_foreign(out: Path) -> None:
    out.mkdir()
    (out / "thesis.txt").write_text("years")
    assert refused(out) == (
        f"output {out} must be a new folder, an empty one or an earlier audit; got a folder with other files "
        f"('thesis.txt') and no list of ours ({MARKER}). Choose another folder, or add --overwrite: it writes beside "
        "them and replaces none."
    )
    fill(out, overwrite=True)
    assert there(out) == {"a.txt": "1", "sub/b.txt": "1", "thesis.txt": "years"}


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1, "program": "fairaudit"}', "\0", "[" * 200_000,
                                     '{"format": 2, "program": "fairaudit", "kind": "audit"}'])  # fmt: skip
def test_a_marker_that_is_not_ours_is_a_foreign_file(out: Path, content: str) -> None:
    out.mkdir()
    (out / MARKER).write_text(content)
    for overwrite in (False, True):
        assert MARKER in refused(out, overwrite=overwrite)
        assert (out / MARKER).read_text() == content


@pytest.mark.parametrize("name", ["../thesis.txt", "/thesis.txt", "sub/../../thesis.txt"])
def test_a_marker_cannot_name_a_file_outside(out: Path, name: str) -> None:
    fill(out)
    (out.parent / "thesis.txt").write_text("years")
    marker = json.loads((out / MARKER).read_text())
    marker["files"][name] = fingerprint(out.parent / "thesis.txt")
    (out / MARKER).write_text(json.dumps(marker))
    assert read_marker(out) is None
    clear(out)
    assert (out.parent / "thesis.txt").read_text() == "years"


def test_a_foreign_file_where_one_must_be_written_is_refused_also_with_overwrite(out: Path) -> None:
    (out / "sub").mkdir(parents=True)
    (out / "sub" / "b.txt").write_text("mine")
    assert refused(out, overwrite=True) == (
        f"output {out} must leave room for sub/b.txt; got a 'sub/b.txt' that is not as fairaudit wrote it and is never "
        "replaced. Move it away, or choose another folder."
    )
    shutil.rmtree(out / "sub")
    (out / "sub").write_text("mine")
    assert "must leave room for sub/b.txt; got a 'sub' that is not as fairaudit wrote it" in refused(
        out, overwrite=True
    )
    (out / "sub").unlink()
    (out / "a.txt").mkdir()
    assert "must leave room for a.txt; got a 'a.txt' that is not as fairaudit wrote it" in refused(out, overwrite=True)


def test_a_link_is_not_followed_and_not_replaced(out: Path, tmp_path: Path) -> None:
    fill(out)
    shutil.move(out / "a.txt", tmp_path / "elsewhere.txt")
    (out / "a.txt").symlink_to(tmp_path / "elsewhere.txt")
    assert "must leave room for a.txt" in refused(out, overwrite=True)
    (out / "a.txt").unlink()
    (out / "a.txt").symlink_to(tmp_path / "nowhere.txt")
    assert "must leave room for a.txt" in refused(out, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_edited_file_is_never_replaced(out: Path, overwrite: bool) -> None:
    fill(out)
    (out / "a.txt").write_text("edited")
    for text in ("1", "2") if overwrite else ("1",):
        assert "got a 'a.txt' that was changed since it was written" in refused(
            out, {"text": text}, overwrite=overwrite
        )


def test_a_foreign_file_that_appears_meanwhile_stops_the_replacing(out: Path) -> None:
    output = folder_at(out)
    output.check({"text": "1"})

    def write_both() -> None:
        with output.replaced() as new:
            (new / "a.txt").write_text("ours")
            (out / "a.txt").write_text("mine")

    with pytest.raises(ConfigError, match=r"leave room for a\.txt"):
        write_both()
    assert there(out) == {"a.txt": "mine"}


def test_a_block_that_fails_leaves_the_folder_as_it_was(out: Path) -> None:
    def write_half() -> None:
        with folder_at(out).replaced() as new:
            (new / "a.txt").write_text("half")
            raise RuntimeError("half")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="half"):
            write_half()
        if out.exists():
            assert there(out) == {"a.txt": "1", "sub/b.txt": "1"}
        else:
            fill(out)


def test_nothing_is_made_by_a_check(out: Path) -> None:
    folder_at(out / "x" / "y").check({"text": "1"})
    assert not out.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from fairaudit.core import output_folder
from fairaudit.core.output_folder import OutputFolder
out, moment = Path(sys.argv[1]), int(sys.argv[2])
calls = 0
def counted(real):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return call
folder = OutputFolder(out, "audit", ("a.txt", "sub/b.txt", "c.txt"), overwrite=True)
folder.check({"text": "2"})
for name in ("write_marker", "remove_ours"):
    setattr(output_folder, name, counted(getattr(output_folder, name)))
os.replace = counted(os.replace)
with folder.replaced() as new:
    (new / "a.txt").write_text("2")
    (new / "c.txt").write_text("2")
print(calls)
"""


def killed_at(out: Path, moment: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(out), str(moment)], capture_output=True, text=True, check=False
    )


def test_a_kill_at_any_moment_leaves_a_set_that_the_next_command_completes(tmp_path: Path) -> None:
    old, new = {"a.txt": "1", "sub/b.txt": "1", "notes.txt": "mine"}, {"a.txt": "2", "c.txt": "2", "notes.txt": "mine"}
    fill(tmp_path / "whole")
    moments = int(killed_at(tmp_path / "whole", 0).stdout)
    assert moments >= 7  # two markers, each with its own rename, two files, one that is removed
    outcomes = []
    for moment in range(1, moments + 1):
        out = tmp_path / str(moment)
        fill(out)
        (out / "notes.txt").write_text("mine")
        assert killed_at(out, moment).returncode == -9
        assert (out / "notes.txt").read_text() == "mine"
        folder = folder_at(out, overwrite=True)
        outcomes.append(folder.check({"text": "2"}))
        assert there(out) == (new if outcomes[-1] else old)
        fill(out, "3", overwrite=True)
        assert there(out) == {"a.txt": "3", "sub/b.txt": "3", "notes.txt": "mine"}
        assert sorted(p.name for p in out.iterdir()) == [MARKER, "a.txt", "notes.txt", "sub"]
    assert outcomes == sorted(outcomes)  # old at first, new from some moment on
    assert set(outcomes) == {False, True}


def test_an_edit_between_a_kill_and_the_next_command_stays(tmp_path: Path) -> None:
    moments = range(1, 9)
    for moment in moments:
        out = tmp_path / str(moment)
        fill(out)
        killed_at(out, moment)
        (out / "a.txt").write_text("edited")
        with pytest.raises(ConfigError, match="leave room for a"):
            folder_at(out, overwrite=True).check({"text": "2"})
        assert (out / "a.txt").read_text() == "edited"


def test_what_another_process_writes_just_now_is_left_alone(out: Path) -> None:
    with folder_at(out).replaced() as new:
        (new / "a.txt").write_text("1")
        child = (
            "import sys; from fairaudit.core.output_folder import OutputFolder\n"
            "try: OutputFolder(sys.argv[1], 'audit', ()).check()\n"
            "except ValueError as error: print(error)"
        )
        done = subprocess.run([sys.executable, "-c", child, str(out)], capture_output=True, text=True, check=True)
    assert f"output {out} must be written by one command at a time; got another" in done.stdout
    assert there(out) == {"a.txt": "1"}


def test_leftovers_of_single_files_are_cleaned(out: Path) -> None:
    fill(out)
    (out / ".0123456789ab.a.txt").write_text("half")
    (out / ".0123456789ab.other.txt").write_text("mine")
    (out / f".0123456789ab.{MARKER}").write_text("{")
    folder_at(out).check({"text": "1"})
    assert sorted(p.name for p in out.iterdir()) == [".0123456789ab.other.txt", MARKER, "a.txt", "sub"]


def test_clear_removes_ours_and_nothing_else(out: Path) -> None:
    fill(out)
    (out / "sub" / "notes.txt").write_text("mine")
    (out / "a.txt").write_text("edited")
    clear(out)
    assert there(out) == {"a.txt": "edited", "sub/notes.txt": "mine"}
    assert not is_complete(out)
    assert "got one that differs in 'text' (null, now \"1\")" in refused(out)
    assert "got a 'a.txt' that is not as fairaudit wrote it" in refused(out, overwrite=True)
    other = out.with_name("other")
    fill(other)
    clear(other)
    assert not other.exists()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("t.csv/b", "got 'Not a directory'"),
        ("t.csv", "must be a folder; got a file of that name"),
        ("x" * 300, "got 'File name too long'"),
        ("new/" + "x" * 300, "got 'File name too long'"),
        (".", "got one that holds the working folder"),
        ("..", "got one that holds the working folder"),
        ("/proc/x", "got 'No such file or directory'"),
        ("/proc/self/x", "got 'No such file or directory'"),
    ],
)
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, why: str) -> None:
    (tmp_path / "t.csv").write_text("a,b")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        folder_at(Path(path), overwrite=True).check({"text": "1"})
    assert why in str(caught.value)
    assert str(caught.value).startswith(f"output {path} must be ")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"t.csv": "a,b"}


def test_names_inside_that_cannot_be_are_refused(out: Path) -> None:
    with pytest.raises(ConfigError, match="got 'File name too long'"):
        OutputFolder(out, "audit", (f"tables/{'x' * 256}/a.txt",)).check()
    assert not out.exists()


def test_the_home_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(ConfigError, match="got one that holds the home folder"):
        folder_at(tmp_path / "home").check()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a quarter of a megabyte, or a skip where this process may not mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this process may not mount a disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_becomes_full_is_one_sentence_and_the_old_set_stays(small_disk: Path) -> None:
    out = small_disk / "out"
    fill(out)
    (out / "notes.txt").write_text("mine")
    output = folder_at(out, overwrite=True)
    output.check({"text": "2"})

    def write_too_much() -> None:
        with output.replaced() as new:
            (new / "a.txt").write_text("2")
            (new / "big.bin").write_bytes(bytes(500_000))

    with pytest.raises(ConfigError) as caught:
        write_too_much()
    assert str(caught.value) == (
        f"output {out} must be written whole; got 'No space left on device'. What was there before is kept. Free space "
        "on its disk, or choose another folder."
    )
    assert there(out) == {"a.txt": "1", "sub/b.txt": "1", "notes.txt": "mine"}
    assert folder_at(out).check({"text": "1"})


def test_a_full_disk_is_refused_before_the_work(small_disk: Path) -> None:
    (small_disk / "big.bin").write_bytes(bytes(240_000))
    with pytest.raises(ConfigError, match="got 'No space left on device'"):
        folder_at(small_disk / "out").check()
    assert [p.name for p in small_disk.iterdir()] == ["big.bin"]


def test_a_disk_that_is_read_only_is_refused_before_the_work(small_disk: Path) -> None:
    fill(small_disk / "old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for name in ("new", "old"):
        with pytest.raises(ConfigError, match="got 'Read-only file system'"):
            folder_at(small_disk / name, overwrite=True).check({"text": "2"})
    with pytest.raises(ConfigError, match="got 'Read-only file system'"):
        check_file(small_disk / "page.html", "run")


def test_a_folder_that_is_a_disk_of_its_own_is_filled(small_disk: Path) -> None:
    fill(small_disk)
    assert there(small_disk) == {"a.txt": "1", "sub/b.txt": "1"}


def test_a_file_whose_name_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b")
    for name, why in ((f"{'x' * 300}.html", "File name too long"), ("t.csv/b.html", "Not a directory")):
        with pytest.raises(ConfigError, match=f"got '{why}'"):
            check_file(tmp_path / name, "run")
    check_file(tmp_path / f"{'x' * 250}.html", "run")
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_the_lock_is_free_after_the_block(out: Path) -> None:
    fill(out)
    fill(out, "2", overwrite=True)
    assert not (out / output_folder.STAGING).exists()


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "file"])
def test_a_staging_folder_of_the_user_is_never_removed(out: Path, tmp_path: Path, marked: bool, kind: str) -> None:
    out.mkdir()
    if marked:
        fill(out)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    staging = out / output_folder.STAGING
    if kind == "folder":
        shutil.move(tmp_path / "mine", staging)
    elif kind == "link":
        staging.symlink_to(tmp_path / "mine")
    elif kind == "pipe":
        os.mkfifo(staging)
    else:
        staging.write_text("mine")
    for overwrite in (False, True):
        assert refused(out, overwrite=overwrite) == (
            f"output {out} must leave room for .fairaudit.new; got a '.fairaudit.new' that fairaudit did not write. "
            "Move it away, or choose another folder."
        )
    with pytest.raises(ConfigError, match=r"got a '\.fairaudit\.new'"), folder_at(out).replaced():
        pass
    assert os.path.lexists(staging)
    assert {"folder": staging, "link": tmp_path / "mine"}.get(kind, out).is_dir()
    if kind in ("folder", "link"):
        assert (staging / "thesis.txt").read_text() == "years"


def test_a_refused_command_removes_nothing(out: Path) -> None:
    fill(out)
    killed_at(out, 1)
    staged = there(out / output_folder.STAGING)
    (out / ".0123456789ab.a.txt").write_text("half")
    assert "differs in 'text'" in refused(out, {"text": "3"})
    assert there(out / output_folder.STAGING) == staged
    assert staged.keys() == {"files/a.txt", "files/c.txt", output_folder.STAMP}
    assert (out / ".0123456789ab.a.txt").exists()


def test_a_file_that_looks_like_a_leftover_stays_without_a_marker(out: Path) -> None:
    out.mkdir()
    (out / f".0123456789ab.{MARKER}").write_text("mine")
    (out / "mine").write_text("mine")
    refused(out)
    fill(out, overwrite=True, files=("a.txt",))
    assert there(out) == {f".0123456789ab.{MARKER}": "mine", "mine": "mine", "a.txt": "1"}


def marked(out: Path, **values: object) -> None:
    """Edit the marker by hand."""
    document = json.loads((out / MARKER).read_text())
    (out / MARKER).write_text(json.dumps({**document, **values}))


def test_a_linked_folder_is_not_followed(out: Path, tmp_path: Path) -> None:
    fill(out)
    shutil.move(out / "sub", tmp_path / "elsewhere")
    (out / "sub").symlink_to(tmp_path / "elsewhere")
    for overwrite in (False, True):
        assert "must leave room for sub/b.txt; got a 'sub' that" in refused(out, overwrite=overwrite)
    clear(out)
    (tmp_path / "elsewhere" / "b.txt").rename(tmp_path / "elsewhere" / "c.txt")
    assert "must leave room for sub/b.txt; got a 'sub' that" in refused(out, overwrite=True)
    assert (tmp_path / "elsewhere" / "c.txt").read_text() == "1"


@pytest.mark.parametrize("name", ["*", "**", "[a-z]*", "\udc80", "a\0b"])
def test_odd_names_in_a_marker_touch_nothing(out: Path, name: str) -> None:
    fill(out)
    (out / ".0123456789ab.thesis.txt").write_text("years")
    (out / MARKER).with_name("kept").write_text((out / MARKER).read_text())
    marked(out, files={**json.loads((out / MARKER).read_text())["files"], name: "0 1"})
    before = there(out)
    with suppress(ConfigError):
        folder_at(out, overwrite=True).check({"text": "1"})
    assert there(out) == before


def test_a_marker_alone_cannot_let_a_replacing_finish(out: Path) -> None:
    fill(out)
    (out / "thesis.txt").write_text("years")
    marked(out, state="replacing", earlier={"thesis.txt": fingerprint(out / "thesis.txt")})
    for overwrite in (False, True):
        assert "whose new files are no longer in '.fairaudit.new'" in refused(out, overwrite=overwrite)


def test_a_linked_or_huge_marker_is_foreign(out: Path, tmp_path: Path) -> None:
    fill(out)
    shutil.move(out / MARKER, tmp_path / "marker")
    (out / MARKER).symlink_to(tmp_path / "marker")
    assert f"leave room for {MARKER}" in refused(out, overwrite=True)
    (out / MARKER).unlink()
    with (out / MARKER).open("wb") as file:
        file.truncate(2**30)
    assert read_marker(out) is None
    assert f"leave room for {MARKER}" in refused(out, overwrite=True)


def test_a_file_of_another_size_is_refused_unread(out: Path) -> None:
    fill(out)
    with (out / "a.txt").open("wb") as file:
        file.truncate(50 * 2**30)  # sparse; its digest would take minutes
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match=r"a\.txt' that was changed"):
            folder_at(out, overwrite=overwrite).check({"text": "1"})


def test_half_a_set_is_not_read(tmp_path: Path) -> None:
    states = []
    for moment in range(1, 8):
        out = tmp_path / str(moment)
        fill(out)
        killed_at(out, moment)
        marker = read_marker(out)
        assert marker is not None
        states.append(marker.state)
        if marker.state == "replacing":
            with pytest.raises(DataError, match=r"whose files were replaced in part\. Repeat the command"):
                refuse_half_replaced(out)
        else:
            refuse_half_replaced(out)
    assert set(states) == {"replacing", "complete"}


def test_a_run_replaces_only_files_that_it_has_begun(out: Path) -> None:
    run = OutputFolder(out, "run", ("data.json", "profile.json"), overwrite=None)
    run.claim()
    begun(out, "data.json").write_text("1")
    (out / "profile.json").write_text("mine")
    with pytest.raises(ConfigError, match=r"leave room for profile\.json; got a 'profile\.json' that is not as"):
        run.check()
    with pytest.raises(ConfigError, match=r"leave room for profile\.json"):
        begun(out, "profile.json")
    (out / "profile.json").unlink()
    run.check()
    run.claim()
    assert begun(out, "data.json").read_text() == "1"
    settle(out)
    (out / "data.json").write_text("edited")
    with pytest.raises(ConfigError, match=r"'data\.json' that was changed since it was written"):
        begun(out, "data.json")
