"""The one guard of every file that a user names: a regular file, within its limit, opened without waiting.

A named pipe without a writer would stop the program for ever, and a device such as ``/dev/zero`` has no end. The guard
checks the open file, not its path, which may lead to another file a moment later. A library that opens a path itself
gets one that ``check_file`` or ``check_folder`` has just checked.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import stat
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from fairaudit.core.errors import DataError, InputError

#: Bytes of a file that people write: settings, plans, lists of names.
SETTINGS = 16 * 2**20
#: Bytes of a file of fairaudit or ``transformers`` that is read as a whole: an audit, the lines of a run.
DOCUMENT = 256 * 2**20
#: Bytes of a table or text of other people that is read as a whole, which takes up to seven times as much memory.
TABLE = 500_000_000

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
#: Containers within each other in TOML and JSON; deeper values would stop code that walks through them.
_DEEPEST = 100
#: Endings of the files of a folder that ``transformers`` reads as text, as a whole.
_TEXTS = (".json", ".txt", ".model", ".jinja")


def kind_of(path: str | Path) -> str:
    """Return the kind of ``path``, links followed: ``REGULAR``, ``NOTHING``, ``"a folder"``, ``"a named pipe"`` ..."""
    try:
        return _KINDS.get(stat.S_IFMT(os.stat(path).st_mode), "a special file")
    except OSError as error:
        return _reason(error)
    except ValueError:  # a null character, which no name has
        return NOTHING


def home_folder() -> Path | None:
    """Return the home folder; None for a user without one: no ``$HOME`` and no entry in the list of users."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def is_there(path: str | Path) -> bool:
    """Return whether anything but a folder lies at ``path``; opening it names its kind if it is no regular file."""
    return kind_of(path) not in (NOTHING, FOLDER)


def read_bytes(path: str | Path, role: str, *, limit: int, error: type[InputError] = DataError) -> bytes:
    """Return the bytes of a file; at most ``limit`` of them are read, even if the file grows meanwhile.

    Parameters
    ----------
    path : path
    role : str
        Role of the file, before its path in errors: ``"plan"``.
    limit : int
        Maximum size in bytes.
    error : type
        Class of the errors.

    Raises
    ------
    InputError
        As ``error``: if there is no regular file, or it is unreadable or too large.
    """
    descriptor, size = _open(path, role, limit, error)
    parts, allowed, request = [], limit + 1, size + 1
    try:
        while allowed and (part := os.read(descriptor, min(allowed, request))):
            parts.append(part)
            # The file nearly always ends here; a request of one byte shows it.
            allowed, request = allowed - len(part), 1 if len(parts) == 1 else _CHUNK
    except OSError as problem:
        raise _unusable(path, role, _reason(problem), error) from problem
    finally:
        os.close(descriptor)
    if not allowed:
        raise _too_large(path, role, limit, limit + 1, error)
    return b"".join(parts)


def read_text(
    path: str | Path,
    role: str,
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
    content = io.BytesIO(read_bytes(path, role, limit=limit, error=error))
    return io.TextIOWrapper(content, encoding=encoding, errors=errors).read()


def read_toml(path: str | Path, role: str, *, error: type[InputError] = DataError) -> dict[str, Any]:
    """Return the values of a TOML file of at most 16 MiB; parameters and errors as ``read_bytes``."""
    content = read_bytes(path, role, limit=SETTINGS, error=error)
    return toml_of(content, f"{role} {path}", error=error)


def toml_of(content: bytes, name: str, *, error: type[InputError] = DataError) -> dict[str, Any]:
    """Return the values of a TOML file with this content; ``name`` names the file in errors, of class ``error``."""
    try:
        return parse_toml(content.decode("utf-8-sig"))
    except ValueError as problem:
        raise error(f"{name} must be TOML in UTF-8; got: {problem}. Correct that line.") from problem


def read_json(
    path: str | Path, role: str, *, limit: int = DOCUMENT, fix: str = "Correct the file.",
    error: type[InputError] = DataError,
) -> Any:  # fmt: skip
    """Return the value of a JSON file; ``fix`` ends the error for other files, the rest as ``read_bytes``."""
    content = read_bytes(path, role, limit=limit, error=error)
    try:
        return parse_json(content)
    except ValueError as problem:
        raise error(f"{role} {path} must be JSON; got: {problem}. {fix}") from problem


def parse_toml(text: str) -> dict[str, Any]:
    """Return the values of a TOML text; ValueError if it is none, is nested too deeply or has too long a number."""
    values: dict[str, Any] = _parsed(tomllib.loads, text)
    return values


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; ValueError as for ``parse_toml``."""
    return _parsed(json.loads, text)


def read_at(path: str | Path, role: str, *, start: int, size: int, error: type[InputError] = DataError) -> bytes:
    """Return ``size`` bytes of a file from byte ``start``, fewer at its end; errors as ``read_bytes``."""
    descriptor, _ = _open(path, role, None, error)
    try:
        os.lseek(descriptor, start, os.SEEK_SET)
        return os.read(descriptor, size)
    except OSError as problem:
        raise _unusable(path, role, _reason(problem), error) from problem
    finally:
        os.close(descriptor)


def digest_of(path: str | Path, role: str = "file", *, error: type[InputError] = DataError) -> str:
    """Return the SHA-256 of a file, 64 hex digits; parameters and errors as ``read_bytes``."""
    with open_file(path, role, error=error) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_file(
    path: str | Path, role: str, *, limit: int | None = None, error: type[InputError] = DataError
) -> io.BufferedReader:
    """Open a file for reading up to the size that it has now; parameters and errors as ``read_bytes``.

    Without a ``limit`` the caller must not keep all that it reads.
    """
    return io.BufferedReader(_Opened(*_open(path, role, limit, error)))


def open_text(
    path: str | Path, role: str, *, limit: int | None = None, encoding: str = "utf-8-sig",
    error: type[InputError] = DataError,
) -> TextIO:  # fmt: skip
    """Open a text file for ``csv``, with its own line ends; other parameters and errors as ``open_file``."""
    return io.TextIOWrapper(open_file(path, role, limit=limit, error=error), encoding=encoding, newline="")


def check_file(path: str | Path, role: str, *, limit: int | None = None, error: type[InputError] = DataError) -> None:
    """Check a file just before a library opens it by its path; parameters and errors as ``read_bytes``."""
    descriptor, _ = _open(path, role, limit, error)
    os.close(descriptor)


def check_folder(folder: str | Path, role: str, *, error: type[InputError] = DataError) -> None:
    """Check all files directly in a folder, except broken links, just before ``transformers`` reads some of them."""
    for path in sorted(Path(folder).iterdir()):
        if is_there(path):
            check_file(path, role, limit=DOCUMENT if path.suffix in _TEXTS else None, error=error)


class _Opened(io.FileIO):
    """A file that ends at the size it had when it was opened, however it grows."""

    def __init__(self, descriptor: int, size: int) -> None:
        super().__init__(descriptor, "rb")
        self._size = size

    def readinto(self, buffer: Any) -> int | None:
        return super().readinto(memoryview(buffer)[: max(self._size - self.tell(), 0)])

    def readall(self) -> bytes:
        return self.read(max(self._size - self.tell(), 0)) or b""


def _open(path: str | Path, role: str, limit: int | None, error: type[InputError]) -> tuple[int, int]:
    """Return the descriptor and the size of an open regular file."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as problem:
        kind = kind_of(path)  # a socket cannot be opened, and other kinds only with permission
        reason = _reason(problem) if kind == REGULAR and isinstance(problem, OSError) else kind
        raise _unusable(path, role, reason, error) from problem
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and (limit is None or status.st_size <= limit):
        return descriptor, status.st_size
    os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise _unusable(path, role, _KINDS.get(stat.S_IFMT(status.st_mode), "a special file"), error)
    raise _too_large(path, role, limit or 0, status.st_size, error)


def _parsed(read: Callable[[Any], Any], text: str | bytes) -> Any:
    try:
        value = read(text)
    except RecursionError as problem:
        raise ValueError("values nested too deeply") from problem
    except ValueError as problem:
        if type(problem) is ValueError:  # Python's limit of the digits of an integer
            raise ValueError("an integer with too many digits") from problem
        raise
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _within(outer) if isinstance(inner, dict | list)]
        if not level:
            return value
    raise ValueError("values nested too deeply")


def _within(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _unusable(path: str | Path, role: str, reason: str, error: type[InputError]) -> InputError:
    return error(f"{role} {path} must be a readable file; got {reason}. Check its path.")


def _too_large(path: str | Path, role: str, limit: int, size: int, error: type[InputError]) -> InputError:
    return error(f"{role} {path} must have at most {limit:,} bytes; got {size:,}. Make it smaller, or check its path.")


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
        return NOTHING
    return "no permission to read it" if isinstance(error, PermissionError) else error.strerror or type(error).__name__
