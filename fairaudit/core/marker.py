"""``.fairaudit.json``, the marker of an output folder: the files that fairaudit wrote in it, and the request.

Every kind of folder has one marker of this name: a list cannot hold the digest of its own file, and folders in the
format of ``transformers`` have no file of ours. A folder without a marker is foreign. A page needs no marker, because
it holds its own digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fairaudit._version import __version__
from fairaudit.core.errors import InputError
from fairaudit.core.files import name_problem, write_json
from fairaudit.core.open_file import DOCUMENT, digest_of, read_bytes, read_text

MARKER = ".fairaudit.json"
#: Digest of a file that a run still writes to: only its name is known until the run is finished.
GROWING = ""
OPEN, REPLACING, COMPLETE = "open", "replacing", "complete"
_FORMAT = 1
#: Line of a page that holds the digest of all the rest of it.
PAGE_LINE = f'<meta name="fairaudit-digest" content="{"0" * 64}">'
_PAGE_DIGEST = re.compile(PAGE_LINE.replace("0" * 64, "([0-9a-f]{64})").encode())


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
        SHA-256 by path below the folder; ``GROWING`` for one that a run still writes to.
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
        """Return the digests with which the file is ours."""
        return {files[name] for files in (self.files, self.earlier) if name in files}


def read_marker(folder: Path) -> Marker | None:
    """Return the marker of a folder; None if there is none, or its form is unknown."""
    try:
        document = json.loads(read_text(folder / MARKER, "list of files", limit=DOCUMENT))
        if document.pop("format") != _FORMAT or document.pop("program") != "fairaudit":
            return None
        marker = Marker(**document)
        files = [*marker.files.items(), *marker.earlier.items()]
        typed = all(isinstance(text, str) for pair in files for text in pair) and isinstance(marker.asked, dict)
        return marker if typed and not any(name_problem(name) for name, _ in files) else None
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        return None


def is_complete(folder: Path) -> bool:
    """Return whether the folder holds a whole result of ours."""
    marker = read_marker(folder)
    return marker is not None and marker.state == COMPLETE


def settle(folder: Path) -> None:
    """Mark a claimed folder as complete, with the digests of its files."""
    marker = read_marker(folder)
    if marker is not None:
        files = {name: digest_of(folder / name) for name in marker.files if (folder / name).is_file()}
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


def is_ours(path: Path, digests: Collection[str] = ()) -> bool:
    """Return whether a file is unchanged: it has one of ``digests``, or is a page that holds its own digest."""
    if path.is_symlink() or not path.is_file():
        return False
    if GROWING in digests or (digests and digest_of(path) in digests):
        return True
    return path.suffix == ".html" and _is_page(read_bytes(path, "page", limit=DOCUMENT))


def with_page_digest(html: str) -> str:
    """Return a page with its digest in ``PAGE_LINE``."""
    return html.replace(PAGE_LINE, PAGE_LINE.replace("0" * 64, hashlib.sha256(html.encode()).hexdigest()), 1)


def _is_page(content: bytes) -> bool:
    match = _PAGE_DIGEST.search(content)
    if match is None:
        return False
    blank = content[: match.start(1)] + b"0" * 64 + content[match.end(1) :]
    return hashlib.sha256(blank).hexdigest() == match[1].decode()


def remove_ours(folder: Path, name: str, marker: Marker) -> None:
    """Remove a listed file if it is unchanged, and the folders above it that become empty."""
    if is_ours(folder / name, marker.digests(name)):
        (folder / name).unlink()
        with suppress(OSError):  # another file lies there
            for parent in Path(name).parents[:-1]:
                (folder / parent).rmdir()


def write_marker(folder: Path, marker: Marker) -> None:
    """Write the marker, whole or not at all."""
    write_json(folder / MARKER, {"program": "fairaudit", "format": _FORMAT, **asdict(marker)})
