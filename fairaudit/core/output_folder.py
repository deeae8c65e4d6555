"""``OutputFolder``: a folder of results in which nothing is replaced but files of ours that nobody has changed.

New files are written to ``.fairaudit.new`` inside the folder. Then the marker lists both sets, the files are renamed,
and the marker lists the new set. A process that is killed before the marker lists both leaves the old set; killed after
that, the next command finishes the renaming.
"""

from __future__ import annotations

import json
import os
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
    digest_of,
    is_ours,
    read_marker,
    remove_ours,
    write_marker,
)

STAGING = ".fairaudit.new"
#: Bytes that are written before the work begins, to see whether there is room at all.
_TRIAL_BYTES = 1 << 16
_LONGEST_SHOWN = 60


class OutputFolder:
    """A folder that a command is about to fill.

    Parameters
    ----------
    path : Path
    kind : str
        What the command makes, e.g. ``"audit"``.
    files : collection of str
        Paths below the folder that it may write: a foreign file at one of them is refused before the work.
    overwrite : bool or None
        Whether the files of another result of this kind may be replaced. Others never are. None where the command has
        no such option.
    """

    def __init__(self, path: str | Path, kind: str, files: Collection[str], *, overwrite: bool | None = False) -> None:
        self.path, self.kind, self.asked = Path(path), kind, dict[str, Any]()
        self._files, self._overwrite = sorted(files), overwrite

    def check(self, asked: Mapping[str, Any] | None = None) -> bool:
        """Refuse, before the slow work, a folder that cannot be filled without a loss; remember ``asked``.

        Returns
        -------
        bool
            Whether the folder holds the whole result of this request, so that nothing is left to do. It says so of the
            keys in ``asked`` alone: a command may check early with few and later with all.

        Raises
        ------
        ConfigError
            If the path cannot be a folder or be written to; if the folder holds files but no marker, a result of
            another kind, or, without ``overwrite``, of another version or request; if a file would have to be replaced
            that is not ours, or was changed.
        """
        self.asked = _plain(asked or {})
        with _told(self.path):
            _check_place(self.path)
            _recover(self.path)
            marker = read_marker(self.path)
            same = marker is not None and self._compare(marker)
            if marker is None and not self._overwrite:
                self._refuse_others()
            _refuse_conflict(self.path, marker, self._files)
            _try_to_write(self.path, self._files)
            return (
                same
                and marker is not None
                and marker.state == COMPLETE
                and all((self.path / name).is_file() for name in marker.files)
            )

    @contextmanager
    def replaced(self) -> Iterator[Path]:
        """Give an empty folder to fill; its files take the place of those of ours when the block ends well.

        Other files stay. If the block raises, the folder stays as it was.

        Raises
        ------
        ConfigError
            If the disk does not take a file, or a foreign file has appeared at the path of a new one.
        """
        staging = self.path / STAGING
        with _told(self.path), _removed_if_empty(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            _recover(self.path)
            staging.mkdir()
            try:
                with _locked(staging):
                    yield staging
                    self._put(staging)
            finally:
                marker = read_marker(self.path)
                if marker is None or marker.state != REPLACING:
                    shutil.rmtree(staging, ignore_errors=True)

    def claim(self, files: Collection[str] = ()) -> None:
        """Mark the folder as ours before it is filled; ``files`` will be written one by one (``GROWING``)."""
        with _told(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            write_marker(self.path, Marker(self.kind, __version__, self.asked, dict.fromkeys(files, GROWING)))

    def _put(self, staging: Path) -> None:
        """Let the staged files take the place of the earlier ones."""
        old = read_marker(self.path)
        names = sorted(p.relative_to(staging).as_posix() for p in staging.rglob("*") if p.is_file())
        _refuse_conflict(self.path, old, names)
        files = {name: digest_of(staging / name) for name in names}
        earlier = {} if old is None else {**old.earlier, **old.files}
        marker = Marker(self.kind, __version__, self.asked, files, earlier, REPLACING)
        write_marker(self.path, marker)
        _finish(self.path, marker)

    @property
    def _wanted(self) -> str:
        return f"output {self.path} must be a new folder, an empty one or an earlier {self.kind}"

    def _choose(self, overwrite: str) -> str:
        option = "" if self._overwrite is None else f", or add --overwrite: it {overwrite}"
        return f"Choose another folder{option}."

    def _compare(self, marker: Marker) -> bool:
        if marker.kind != self.kind:
            raise ConfigError(f"{self._wanted}; got a folder that holds another kind, '{marker.kind}'. "
                              "Choose another folder.")  # fmt: skip
        other = ""
        if marker.version != __version__:
            other = f"version {marker.version} of fairaudit wrote, where this is {__version__}"
        else:
            for name, value in self.asked.items():
                if marker.asked.get(name) != value:
                    both = [json.dumps(one, ensure_ascii=False) for one in (marker.asked.get(name), value)]
                    shown = max(map(len, both)) <= _LONGEST_SHOWN
                    other = f"differs in '{name}'{f' ({both[0]}, now {both[1]})' if shown else ''}"
                    break
        if other and not self._overwrite:
            raise ConfigError(
                f"output {self.path} must be a new folder or hold the same {self.kind}; got one that {other}. "
                f"{self._choose('replaces the files of that one and leaves all others')}"
            )
        return not other

    def _refuse_others(self) -> None:
        there = sorted(p.name for p in self.path.iterdir()) if self.path.is_dir() else []
        if there:
            raise ConfigError(
                f"{self._wanted}; got a folder with other files ('{there[0]}') and no list of ours ({MARKER}). "
                f"{self._choose('writes beside them and replaces none')}"
            )


def _refuse_conflict(folder: Path, marker: Marker | None, names: Collection[str]) -> None:
    """Refuse to write at a path where something lies that is not ours, or was changed."""
    for name in (MARKER, *names) if marker is None else names:
        digests = set[str]() if marker is None else marker.digests(name)
        files = (above.as_posix() for above in Path(name).parents if (folder / above).is_file())
        blocked = next(files, name if os.path.lexists(folder / name) else None)
        if blocked is None or is_ours(folder / name, digests):
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
        _refuse_conflict(folder, marker, marker.files)


def check_file(path: str | Path, *, overwrite: bool | None = False) -> None:
    """Refuse, before the work, an output file that would replace another or cannot be written.

    A page that this package wrote, and nobody has changed, may be replaced.

    Raises
    ------
    ConfigError
        If there is another file and ``overwrite`` is not set (None: the command has no such option), or the path cannot
        be written to.
    """
    path = Path(path)
    with _told(path):
        if os.path.lexists(path) and not is_ours(path) and not (overwrite and path.is_file()):
            found = "a file that is not a page of fairaudit as it was written" if path.is_file() else "no plain file"
            option = ", or add --overwrite" if path.is_file() and overwrite is not None else ""
            raise ConfigError(
                f"output {path} must be a new file; got {found}. Move it away or choose another name{option}."
            )
        _try_to_write(path.parent, [path.name])


def _check_place(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise ConfigError(f"output {path} must be a folder; got a file of that name. Choose another name.")
    for kept, what in ((Path.cwd(), "working folder"), (Path.home(), "home folder")):
        if kept.resolve().is_relative_to(path.resolve()):
            raise ConfigError(
                f"output {path} must be a folder of its own; got one that holds the {what}. Choose a folder below it."
            )


def _try_to_write(folder: Path, names: Collection[str]) -> None:
    """Raise OSError if the folder cannot be made, has no room, or cannot have files of these names."""
    with _removed_if_empty(folder):
        with suppress(FileExistsError):  # a file is told below
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
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        yield
    finally:
        for one in new:
            with suppress(OSError):
                one.rmdir()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the disk refuses, in the words of any library, into one sentence."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            error.filename = os.fsdecode(error.filename).replace(f"{STAGING}{os.sep}", "")
        raise disk_error(error, f"output {path}") from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError":  # Rust's; the message ends with the system's reason
            raise
        raise disk_error(OSError(str(error)), f"output {path}") from error


@contextmanager
def _locked(staging: Path) -> Iterator[None]:
    """Hold the staging folder, so that another process can tell it from what a killed one left; not on Windows."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(staging, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"output {staging.parent} must be written by one command at a time; got another that writes there now. "
                "Wait for it, or choose another folder."
            ) from error
        except OSError:  # a disk without locks
            pass
        yield
    finally:
        os.close(handle)


def _recover(folder: Path) -> None:
    """Finish, or remove, what a killed process left."""
    marker = read_marker(folder)
    staging = folder / STAGING
    if staging.is_dir():
        with _locked(staging):
            if marker is None or marker.state != REPLACING:
                shutil.rmtree(staging)
    if marker is not None and marker.state == REPLACING:
        _refuse_conflict(folder, marker, [name for name in marker.files if (staging / name).is_file()])
        _finish(folder, marker)
    for name in (MARKER, *(name for name in (marker.files if marker else ()) if "/" not in name)):
        for left in folder.glob(f".{'[0-9a-f]' * 12}.{name[-60:]}"):  # of ``temporary_sibling``
            left.unlink()


def _finish(folder: Path, marker: Marker) -> None:
    """Rename what is still staged, remove what the new set has no more, and mark the set as complete."""
    staging = folder / STAGING
    for name in marker.files:
        if (staging / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / name, folder / name)
    for name in marker.earlier.keys() - marker.files.keys():
        remove_ours(folder, name, marker)
    shutil.rmtree(staging, ignore_errors=True)
    write_marker(folder, replace(marker, earlier={}, state=COMPLETE))


def _plain(asked: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asked, default=str))
    return plain
