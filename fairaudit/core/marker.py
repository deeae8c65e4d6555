"""``.fairaudit.json``, the marker of an output folder: the files that fairaudit wrote in it, and the request.

Every kind of folder has one marker of this name: a list cannot hold the digest of its own file, and folders in the
format of ``transformers`` have no file of ours. A folder without a marker is foreign. A page or profile needs no
marker, because it holds its own kind and digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fairaudit._version import __version__
from fairaudit.core.errors import DataError, InputError
from fairaudit.core.files import name_problem, write_json
from fairaudit.core.open_file import SETTINGS, digest_of, parse_json, read_bytes, read_text
from fairaudit.core.run_files import FILES

MARKER = ".fairaudit.json"
#: Fingerprint of a file that a run has begun: only its name is known until the run is finished.
GROWING = ""
OPEN, REPLACING, COMPLETE = "open", "replacing", "complete"
_FORMAT = 2
#: Key of a profile, and name in a page, for its kind and the digest of all the rest of it.
OWN = "fairaudit-digest"
#: Bytes of the largest page.
_PAGE = 2 * SETTINGS
# Text from data cannot look like it: a page escapes it, and JSON indents it by more than two spaces.
_OWN = re.compile(rf'(?:<meta name="{OWN}" content=|^  "{OWN}": )"(\w+) ([0-9a-f]{{64}})"'.encode(), re.MULTILINE)


@dataclass(frozen=True)
class Marker:
    """Content of ``.fairaudit.json``.

    Parameters
    ----------
    kind : str
        ``"audit"``, ``"probe"``, ``"demo"`` and so on.
    version : str
        Version of fairaudit that wrote the folder.
    asked : mapping
        The request, as JSON values by name.
    files : mapping of str to str
        ``fingerprint`` by path below the folder; ``GROWING`` for one that a run has begun.
    earlier : mapping of str to str
        The previous set, while it is being replaced.
    state : {"open", "replacing", "complete"}
        Whether more files will come.
    """

    kind: str
    version: str
    asked: Mapping[str, Any]
    files: Mapping[str, str]
    earlier: Mapping[str, str] = field(default_factory=dict)
    state: str = OPEN

    def digests(self, name: str) -> set[str]:
        """Return the fingerprints with which the file is ours; ``GROWING`` counts only for a file of an open run."""
        found = {files[name] for files in (self.files, self.earlier) if name in files}
        return found if (self.kind, self.state) == ("run", OPEN) and name in FILES else found - {GROWING}


def read_marker(folder: Path) -> Marker | None:
    """Return the marker of a folder; None if there is none, or its form is unknown."""
    try:
        document = parse_json(read_text(folder / MARKER, "list of files", limit=SETTINGS))
        json.dumps(document, ensure_ascii=False).encode()  # UnicodeEncodeError for a name that no file of ours has
        if document.pop("format") != _FORMAT or document.pop("program") != "fairaudit":
            return None
        marker = Marker(**document)
        files = [*marker.files.items(), *marker.earlier.items()]
        typed = all(isinstance(text, str) for pair in files for text in pair) and isinstance(marker.asked, dict)
        outside = (folder / MARKER).is_symlink() or any(name_problem(name) for name, _ in files)
        return marker if typed and not outside else None
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        return None


def is_complete(folder: Path) -> bool:
    """Return whether the folder holds a whole result of ours."""
    marker = read_marker(folder)
    return marker is not None and marker.state == COMPLETE


def refuse_half_replaced(folder: Path) -> None:
    """Raise DataError if only some files of a set were replaced."""
    marker = read_marker(folder)
    if marker is not None and marker.state == REPLACING:
        raise DataError(
            f"folder {folder} must hold one whole result; got one whose files were replaced in part. Repeat the "
            "command that wrote it: it replaces the others."
        )


def settle(folder: Path) -> None:
    """Mark a claimed folder as complete, with the fingerprints of its files."""
    marker = read_marker(folder)
    if marker is not None:
        files = {name: fingerprint(folder / name) for name in marker.files if (folder / name).is_file()}
        write_marker(folder, replace(marker, files=files, state=COMPLETE))


def clear(folder: Path) -> None:
    """Remove our unchanged files; a folder that holds others keeps its marker."""
    marker = read_marker(folder)
    if marker is None:
        return
    for name in {**marker.earlier, **marker.files}:
        remove_ours(folder, name, marker)
    if any(path.name != MARKER for path in folder.iterdir()):
        write_marker(folder, Marker(marker.kind, __version__, {}, {}))
    else:
        (folder / MARKER).unlink()
        folder.rmdir()


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file and its size, which tells most changes without reading the file."""
    return f"{digest_of(path)} {path.stat().st_size}"


def is_ours(path: Path, digests: Collection[str] = (), kind: str = "") -> bool:
    """Return whether a file is unchanged: it has one of ``digests``, or is a page of ``kind`` with its own digest."""
    if path.is_symlink() or not path.is_file():
        return False
    size = f" {path.stat().st_size}"
    if GROWING in digests or (any(text.endswith(size) for text in digests) and fingerprint(path) in digests):
        return True
    return bool(kind) and own_kind(path) == (kind, True)


def own_line(kind: str) -> str:
    """Return the value of ``OWN`` for ``with_own_digest``."""
    return f"{kind} {'0' * 64}"


def with_own_digest(text: str) -> str:
    """Return a page or profile with its digest in its ``own_line``."""
    content = text.encode()
    match = _OWN.search(content)
    if match is None:
        return text
    digest = hashlib.sha256(content).hexdigest().encode()
    return (content[: match.start(2)] + digest + content[match.end(2) :]).decode()


def own_kind(file: Path | bytes) -> tuple[str, bool]:
    """Return the kind of a page or profile, empty for another file, and whether its own digest fits."""
    if isinstance(file, Path):
        file = read_bytes(file, "page", limit=_PAGE) if file.stat().st_size <= _PAGE else b""
    match = _OWN.search(file)
    if match is None:
        return "", False
    blank = file[: match.start(2)] + b"0" * 64 + file[match.end(2) :]
    return match[1].decode(), hashlib.sha256(blank).hexdigest() == match[2].decode()


def obstacle(folder: Path, name: str) -> str | None:
    """Return what lies above a file of the folder and is no folder of its own, e.g. a link to another; or None."""
    above = (folder / parent for parent in Path(name).parents[:-1])
    found = [p for p in above if os.path.lexists(p) and (p.is_symlink() or not p.is_dir())]
    return found[-1].relative_to(folder).as_posix() if found else None


def remove_ours(folder: Path, name: str, marker: Marker) -> None:
    """Remove a listed file if it is unchanged, and the folders above it that become empty."""
    if obstacle(folder, name) is None and is_ours(folder / name, marker.digests(name), marker.kind):
        (folder / name).unlink()
        with suppress(OSError):  # another file lies there
            for parent in Path(name).parents[:-1]:
                (folder / parent).rmdir()


def write_marker(folder: Path, marker: Marker) -> None:
    """Write the marker, whole or not at all."""
    write_json(folder / MARKER, {"program": "fairaudit", "format": _FORMAT, **asdict(marker)})
