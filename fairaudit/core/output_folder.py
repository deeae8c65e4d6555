"""``OutputFolder``: a folder of results. A command replaces only files that fairaudit wrote and nobody has changed.

New files are written to ``.fairaudit.new/files`` in it. Then the marker lists both sets, the files are renamed,
and the marker lists the new set. If the process is killed before the marker lists both, the old set stays; if it is
killed later, the next command that may write here finishes the renaming.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairaudit._version import __version__
from fairaudit.core.errors import ConfigError, disk_error
from fairaudit.core.marker import (
    COMPLETE,
    GROWING,
    MARKER,
    REPLACING,
    Marker,
    fingerprint,
    is_ours,
    obstacle,
    own_kind,
    read_marker,
    remove_ours,
    write_marker,
)
from fairaudit.core.open_file import REGULAR, home_folder, kind_of, read_bytes

STAGING = ".fairaudit.new"
#: File in the staging folder, and its content: a folder without it is the user's.
STAMP = ".fairaudit.stamp"
#: Folder in the staging folder that holds the new files and nothing else.
_NEW = "files"
_STAMP = b"fairaudit writes new files to this folder, and removes it when they are at their place.\n"
#: Kind of the page in a folder; folders of other kinds hold a page of comparisons.
_PAGES = {"audit": "audit", "run": "run"}
_SIBLING = re.compile(r"\.[0-9a-f]{12}\.(.+)", re.DOTALL)  # of ``temporary_sibling``
#: Bytes that are written before the work begins, to find out whether the disk has room.
_TRIAL_BYTES = 1 << 16
_LONGEST_SHOWN = 60


class OutputFolder:
    """A folder that a command is about to fill.

    Parameters
    ----------
    path : Path
    kind : str
        Kind of result, e.g. ``"audit"``.
    files : collection of str
        Paths below the folder that the command may write: a foreign file at one of them is refused before the work.
    overwrite : bool or None
        Whether the files of another result of this kind may be replaced; others never are. None if the command has no
        such option.
    """

    def __init__(self, path: str | Path, kind: str, files: Collection[str], *, overwrite: bool | None = False) -> None:
        self.path, self.kind, self.asked = Path(path), kind, dict[str, Any]()
        self._files, self._overwrite = sorted(files), overwrite

    def check(self, asked: Mapping[str, Any] | None = None) -> bool:
        """Refuse, before the slow work, a folder that cannot be filled without a loss; remember the request ``asked``.

        Returns
        -------
        bool
            Whether the folder already holds the whole result of this request. Only the keys in ``asked`` are compared:
            a command may check early with few and later with all.

        Raises
        ------
        ConfigError
            If the path cannot be a folder or be written to; if the folder holds files but no marker, a result of
            another kind, or, without ``overwrite``, of another version or request; if a file would have to be replaced
            that is foreign or changed.
        """
        self.asked = json.loads(json.dumps(asked or {}, default=str))
        with _disk_errors(self.path):
            _check_place(self.path)
            marker = read_marker(self.path)
            _refuse_foreign_staging(self.path, marker)
            self._is_done(marker)
            _refuse_conflict(self.path, self.kind, marker, self._files)
            _try_to_write(self.path, self._files)
            _recover(self.path)
            return self._is_done(read_marker(self.path))

    @contextmanager
    def replaced(self) -> Iterator[Path]:
        """Give an empty folder to fill; its files replace the earlier set if the block ends without an error.

        Other files stay. If the block raises, the folder stays as it was.

        Raises
        ------
        ConfigError
            If the disk does not take a file, or a foreign file has appeared at the path of a new one.
        """
        staging = self.path / STAGING
        with _disk_errors(self.path), _removed_if_empty(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            _recover(self.path)
            staging.mkdir()
            try:
                with locked(staging, self.path):
                    (staging / STAMP).write_bytes(_STAMP)
                    fresh = staging / _NEW
                    fresh.mkdir()
                    yield fresh
                    old = read_marker(self.path)
                    new = {p.relative_to(fresh).as_posix(): fingerprint(p) for p in fresh.rglob("*") if p.is_file()}
                    _refuse_conflict(self.path, self.kind, old, sorted(new))
                    earlier = {} if old is None else {**old.earlier, **old.files}
                    marker = Marker(self.kind, __version__, self.asked, new, earlier, REPLACING)
                    write_marker(self.path, marker)
                    _finish(self.path, marker)
            finally:
                left = read_marker(self.path)
                if left is None or left.state != REPLACING:
                    _remove_staging(staging)

    def claim(self) -> None:
        """Mark the folder as ours before its files are ``begun`` one by one; files that it lists stay ours."""
        with _disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            marker = read_marker(self.path)
            _refuse_conflict(self.path, self.kind, marker, ())
            files = {} if marker is None else marker.files
            write_marker(self.path, Marker(self.kind, __version__, self.asked, files))

    def _is_done(self, marker: Marker | None) -> bool:
        """Return whether the folder holds the whole result of this request; refuse a folder with another content."""
        rule = f"output {self.path} must be a new folder, an empty one or an earlier {self.kind}"
        if marker is None:
            names = (p.name for p in self.path.iterdir()) if self.path.is_dir() else ()
            files = sorted(name for name in names if name != STAGING)
            problem = f"a folder with other files ('{files[0]}') and no list of ours ({MARKER})" if files else ""
            effect = "writes beside them and replaces none"
        elif marker.kind != self.kind:
            raise ConfigError(f"{rule}; got a folder that holds another kind, '{marker.kind}'. Choose another folder.")
        else:
            rule = f"output {self.path} must be a new folder or hold the same {self.kind}"
            problem, effect = self._difference(marker), "replaces the files of that one and leaves all others"
        if problem and not self._overwrite:
            option = "" if self._overwrite is None else f", or add --overwrite: it {effect}"
            raise ConfigError(f"{rule}; got {problem}. Choose another folder{option}.")
        if problem or marker is None:
            return False
        return marker.state == COMPLETE and all((self.path / name).is_file() for name in marker.files)

    def _difference(self, marker: Marker) -> str:
        """Return how the earlier result differs from this request, or an empty string."""
        if marker.version != __version__:
            return f"one that version {marker.version} of fairaudit wrote, where this is {__version__}"
        for name, value in self.asked.items():
            if marker.asked.get(name) != value:
                before, now = (json.dumps(v, ensure_ascii=False) for v in (marker.asked.get(name), value))
                values = f" ({before}, now {now})" if max(len(before), len(now)) <= _LONGEST_SHOWN else ""
                return f"one that differs in '{name}'{values}"
        return ""


def _refuse_conflict(folder: Path, kind: str, marker: Marker | None, names: Collection[str]) -> None:
    """Refuse to write at a path that holds a foreign or changed file, or leads through a link."""
    for name in (MARKER, *names) if marker is None else names:
        digests = set[str]() if marker is None else marker.digests(name)
        above = obstacle(folder, name)
        blocked = above or (name if os.path.lexists(folder / name) else None)
        if blocked is None or (above is None and is_ours(folder / name, digests, _PAGES.get(kind, "comparison"))):
            continue
        why = "was changed since it was written" if digests else "is not as fairaudit wrote it"
        raise ConfigError(
            f"output {folder} must leave room for {name}; got a '{blocked}' that {why} and is never replaced. "
            "Move it away, or choose another folder."
        )


def refuse_changed(folder: Path) -> None:
    """Raise ConfigError if a file that the marker of ``folder`` lists was changed since it was written."""
    marker = read_marker(folder)
    if marker is not None:
        _refuse_conflict(folder, marker.kind, marker, marker.files)


def begun(folder: Path, name: str) -> Path:
    """List a file in the marker of a claimed folder before it is first written, and return its path.

    Raises
    ------
    ConfigError
        If a foreign or changed file lies there.
    """
    marker = read_marker(folder)
    if marker is not None and marker.files.get(name) != GROWING:
        _refuse_conflict(folder, marker.kind, marker, [name])
        write_marker(folder, replace(marker, files={**marker.files, name: GROWING}))
    return folder / name


def check_file(path: str | Path, kind: str, *, overwrite: bool | None = False) -> None:
    """Refuse, before the work, an output file that would replace another file or cannot be written.

    Only a file of the same ``kind`` may be replaced (``marker.own_line``): one that is unchanged, or with ``overwrite``
    an edited one.

    Raises
    ------
    ConfigError
        If there is another file, or an edited one and ``overwrite`` is not set (None: the command has no such option),
        or the path cannot be written to.
    """
    path = Path(path)
    with _disk_errors(path):
        if os.path.lexists(path):
            plain = not path.is_symlink() and path.is_file()
            found, unchanged = own_kind(path) if plain else ("", False)
            same = found == kind
            if not same or not (unchanged or overwrite):
                got = "one that was edited" if same else f"one of kind '{found}'" if found else "another file"
                option = ", or add --overwrite" if same and overwrite is not None else ""
                raise ConfigError(
                    f"output {path} must be a new file or replace one of kind '{kind}' as fairaudit wrote it; got "
                    f"{got if plain else 'no plain file'}. Move it away or choose another name{option}."
                )
        _try_to_write(path.parent, [path.name])


def _check_place(path: Path) -> None:
    if os.path.lexists(path) and not path.is_dir():
        got = "a link to no folder" if path.is_symlink() else "a file of that name"
        raise ConfigError(f"output {path} must be a folder; got {got}. Choose another name.")
    for folder, name in ((Path.cwd(), "working folder"), (home_folder(), "home folder")):
        if folder is not None and folder.resolve().is_relative_to(path.resolve()):
            raise ConfigError(
                f"output {path} must be a folder of its own; got one that holds the {name}. Choose a folder below it."
            )


def _try_to_write(folder: Path, names: Collection[str]) -> None:
    """Raise OSError if the folder cannot be made, has no room, or cannot have files of these names."""
    with _removed_if_empty(folder):
        with suppress(FileExistsError):  # the trial fails on a file
            folder.mkdir(parents=True)
        for part in {*names, *(part for name in names for part in Path(name).parts)}:
            with suppress(FileNotFoundError):
                os.lstat(folder / part)
        trial = folder / f".{secrets.token_hex(6)}.{MARKER}"
        try:
            trial.write_bytes(bytes(_TRIAL_BYTES))
        finally:
            trial.unlink(missing_ok=True)


@contextmanager
def _removed_if_empty(folder: Path) -> Iterator[None]:
    """Remove the folders that the block has made, as far as they are empty at its end."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    finally:
        for path in new:
            with suppress(OSError):
                path.rmdir()


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turn a disk error, in the words of any library, into one sentence."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            error.filename = os.fsdecode(error.filename).replace(f"{STAGING}{os.sep}{_NEW}{os.sep}", "")
        raise disk_error(error, f"output {path}") from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError":  # Rust's; the message ends with the system's reason
            raise
        raise disk_error(OSError(str(error)), f"output {path}") from error


@contextmanager
def locked(folder: Path, output: Path) -> Iterator[None]:
    """Lock a folder, so that no other process takes it for one that a kill left, or writes to it; not on Windows.

    Raises
    ------
    ConfigError
        If another process has locked it; ``output`` is named.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a disk without locks
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(
                    f"output {output} must be written by one command at a time; got another that writes there "
                    "now. Wait for it, or choose another folder."
                ) from error
        yield
    finally:
        os.close(handle)


def _is_stamped(staging: Path) -> bool:
    stamp = staging / STAMP
    return not stamp.is_symlink() and kind_of(stamp) == REGULAR and read_bytes(stamp, "stamp", limit=1000) == _STAMP


def _refuse_foreign_staging(folder: Path, marker: Marker | None) -> None:
    """Refuse anything at the path of the staging folder that fairaudit did not make, and a replacing without it."""
    staging = folder / STAGING
    half = marker is not None and marker.state == REPLACING
    ours = not staging.is_symlink() and staging.is_dir() and (_is_stamped(staging) or not any(staging.iterdir()))
    if os.path.lexists(staging) and not ours:
        raise ConfigError(
            f"output {folder} must leave room for {STAGING}; got a '{STAGING}' that fairaudit did not write. Move it "
            "away, or choose another folder."
        )
    if half and not (ours and _is_stamped(staging)):
        raise ConfigError(
            f"output {folder} must hold one whole result; got one that was replaced in part, and whose new files are "
            f"no longer in '{STAGING}'. Choose another folder."
        )


def _recover(folder: Path) -> None:
    """Finish, or remove, the work of a killed process."""
    marker, staging = read_marker(folder), folder / STAGING
    _refuse_foreign_staging(folder, marker)
    if staging.is_dir():
        with locked(staging, folder):
            if marker is not None and marker.state == REPLACING:
                _refuse_conflict(folder, marker.kind, marker, marker.files)
                _refuse_conflict(staging / _NEW, "", replace(marker, earlier={}), marker.files)
                _finish(folder, marker)
            else:
                _remove_staging(staging)
    if marker is not None:
        ends = {name[-60:] for name in (MARKER, *marker.files) if "/" not in name}
        with locked(folder, folder):  # a training run writes here for hours
            for path in list(folder.iterdir()):
                match = _SIBLING.fullmatch(path.name)
                if match and match[1] in ends and path.is_file() and not path.is_symlink():
                    path.unlink()


def _finish(folder: Path, marker: Marker) -> None:
    """Rename the staged files, remove those that only the earlier set had, and mark the set as complete."""
    staging = folder / STAGING
    for name in marker.files:
        if (staging / _NEW / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / _NEW / name, folder / name)
    for name in marker.earlier.keys() - marker.files.keys():
        remove_ours(folder, name, marker)
    write_marker(folder, replace(marker, earlier={}, state=COMPLETE))
    _remove_staging(staging)


def _remove_staging(staging: Path) -> None:
    """Remove a staging folder; remove its stamp last, so that the next command still knows the rest as ours."""
    for path in [path for path in staging.glob("*") if path.name != STAMP]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        (staging / STAMP).unlink(missing_ok=True)
        staging.rmdir()
