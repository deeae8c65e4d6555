"""The one guard of every file that a user names: a regular file, within its limit, opened without waiting.

A named pipe that nobody writes to would stop the program for ever, and a device such as ``/dev/zero`` has no end. What
is asked is the open file and not its path, which may lead to another file a moment later. Only libraries that open a
path themselves get one that ``check_file`` or ``check_folder`` has just looked at.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import tomllib
from pathlib import Path
from typing import Any, TextIO

from fairaudit.core.errors import DataError, InputError

#: Bytes of a file that people write: settings, plans, lists of names.
SETTINGS = 16 * 2**20
#: Bytes of a file that fairaudit or ``transformers`` wrote and that is read as a whole: an audit, the lines of a run.
DOCUMENT = 2**30
#: Bytes of a table or a text of other people that is read as a whole.
TABLE = 2 * 2**30

REGULAR = "a file"
NOTHING = "no such file"
FOLDER = "a folder"
_KINDS = {
    stat.S_IFREG: REGULAR, stat.S_IFDIR: FOLDER, stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
# Flags that a system lacks are 0. Without O_NONBLOCK a named pipe waits for a writer as soon as it is opened.
_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)
_CHUNK = 2**20
#: Endings of the files of a folder that ``transformers`` reads as text, as a whole.
_TEXTS = (".json", ".txt", ".model", ".jinja")


def kind_of(path: str | Path) -> str:
    """Return what lies at ``path``, links followed: ``REGULAR``, ``NOTHING``, ``"a folder"``, ``"a named pipe"`` ..."""
    try:
        return _KINDS.get(stat.S_IFMT(os.stat(path).st_mode), "a special file")
    except OSError as error:
        return _reason(error)
    except ValueError:  # a null character, which no name has
        return NOTHING


def is_there(path: str | Path) -> bool:
    """Whether anything but a folder lies at ``path``: whoever opens it is told what it is."""
    return kind_of(path) not in (NOTHING, FOLDER)


def read_bytes(path: str | Path, what: str, *, limit: int, error: type[InputError] = DataError) -> bytes:
    """Return the bytes of a file; at most ``limit`` of them are read, also where the file grows meanwhile.

    Parameters
    ----------
    path : path
    what : str
        What errors call it, before its path: ``"plan"``.
    limit : int
        Bytes that it may have.
    error : type
        Of the error.

    Raises
    ------
    InputError
        As ``error``: if there is no regular file, it cannot be read, or it is too large.
    """
    descriptor, size = _open(path, what, limit, error)
    parts, left, want = [], limit + 1, size + 1
    try:
        while left and (part := os.read(descriptor, min(left, want))):
            parts.append(part)
            # Nearly always the file ends here, and one byte is asked for to see that.
            left, want = left - len(part), 1 if len(parts) == 1 else _CHUNK
    except OSError as problem:
        raise _unusable(path, what, _reason(problem), error) from problem
    finally:
        os.close(descriptor)
    if not left:
        raise _too_large(path, what, limit, limit + 1, error)
    return b"".join(parts)


def read_text(
    path: str | Path,
    what: str,
    *,
    limit: int = SETTINGS,
    encoding: str = "utf-8",
    errors: str = "strict",
    error: type[InputError] = DataError,
) -> str:
    r"""Return the text of a file, with ``\n`` for every line end; other parameters and errors as ``read_bytes``.

    Raises
    ------
    UnicodeDecodeError
        If its bytes are not in ``encoding``.
    """
    content = io.BytesIO(read_bytes(path, what, limit=limit, error=error))
    return io.TextIOWrapper(content, encoding=encoding, errors=errors).read()


def read_toml(path: str | Path, what: str, *, error: type[InputError] = DataError) -> dict[str, Any]:
    """Return the values of a TOML file of at most 16 MiB; parameters and errors as ``read_bytes``.

    Raises
    ------
    InputError
        As ``error``: also if it is no TOML in UTF-8.
    """
    try:
        return tomllib.loads(read_text(path, what, error=error))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise error(f"{what} {path} must be TOML in UTF-8; got: {problem}. Correct that line.") from problem


def read_at(path: str | Path, what: str, *, start: int, size: int, error: type[InputError] = DataError) -> bytes:
    """Return ``size`` bytes of a file from the byte ``start`` on, fewer where it ends; errors as ``read_bytes``."""
    descriptor, _ = _open(path, what, None, error)
    try:
        os.lseek(descriptor, start, os.SEEK_SET)
        return os.read(descriptor, size)
    except OSError as problem:
        raise _unusable(path, what, _reason(problem), error) from problem
    finally:
        os.close(descriptor)


def open_file(
    path: str | Path,
    what: str,
    *,
    limit: int | None = None,
    error: type[InputError] = DataError,
) -> io.BufferedReader:
    """Return a file to read from, which ends where it ended when it was opened; as ``read_bytes``.

    Without a ``limit`` the caller must not keep all that it reads.
    """
    return io.BufferedReader(_Opened(*_open(path, what, limit, error)))


def open_text(
    path: str | Path,
    what: str,
    *,
    limit: int | None = None,
    encoding: str = "utf-8-sig",
    error: type[InputError] = DataError,
) -> TextIO:
    """Return a file of text to read from, with its own line ends, for ``csv``; as ``open_file``."""
    return io.TextIOWrapper(open_file(path, what, limit=limit, error=error), encoding=encoding, newline="")


def check_file(path: str | Path, what: str, *, limit: int | None = None, error: type[InputError] = DataError) -> None:
    """Look at a file just before a library opens it by its path; parameters and errors as ``read_bytes``."""
    descriptor, _ = _open(path, what, limit, error)
    os.close(descriptor)


def check_folder(folder: str | Path, what: str, *, error: type[InputError] = DataError) -> None:
    """Look at all files directly in a folder just before ``transformers`` reads some of them; errors as ``read_bytes``.

    A link to nothing is passed over.
    """
    for path in sorted(Path(folder).iterdir()):
        if is_there(path):
            check_file(path, what, limit=DOCUMENT if path.suffix in _TEXTS else None, error=error)


class _Opened(io.FileIO):
    """A file that ends where it ended when it was opened, however it grows."""

    def __init__(self, descriptor: int, size: int) -> None:
        super().__init__(descriptor, "rb")
        self._size = size

    def readinto(self, buffer: Any) -> int | None:
        return super().readinto(memoryview(buffer)[: max(self._size - self.tell(), 0)])

    def readall(self) -> bytes:
        return self.read(max(self._size - self.tell(), 0)) or b""


def _open(path: str | Path, what: str, limit: int | None, error: type[InputError]) -> tuple[int, int]:
    """Return the descriptor and the size of an open regular file."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as problem:
        got = kind_of(path)  # a socket cannot be opened, and other things only with the right to
        if got == REGULAR and isinstance(problem, OSError):
            got = _reason(problem)
        raise _unusable(path, what, got, error) from problem
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and (limit is None or status.st_size <= limit):
        return descriptor, status.st_size
    os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise _unusable(path, what, _KINDS.get(stat.S_IFMT(status.st_mode), "a special file"), error)
    raise _too_large(path, what, limit or 0, status.st_size, error)


def _unusable(path: str | Path, what: str, got: str, error: type[InputError]) -> InputError:
    return error(f"{what} {path} must be a readable file; got {got}. Check its path.")


def _too_large(path: str | Path, what: str, limit: int, size: int, error: type[InputError]) -> InputError:
    return error(f"{what} {path} must have at most {limit:,} bytes; got {size:,}. Make it smaller, or check its path.")


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
        return NOTHING
    return "no permission to read it" if isinstance(error, PermissionError) else error.strerror or type(error).__name__
