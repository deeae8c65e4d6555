"""``.fairaudit.json``, the marker of a folder of ours: which files this package wrote in it, and what was asked for.

It is one file of one name for every kind of folder: a list cannot hold the digest of the file that it stands in, and
folders in the format of ``transformers`` have no file of ours. A folder without it is somebody else's. Pages are known
without it, because each holds its own digest.
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
from fairaudit.core.open_file import DOCUMENT, open_file, read_bytes, read_text

MARKER = ".fairaudit.json"
#: Digest of a file that a run still writes to: known by its name alone until the run is finished.
GROWING = ""
OPEN, REPLACING, COMPLETE = "open", "replacing", "complete"
_FORMAT = 1
#: Line of a page that holds the digest of all the rest of it.
PAGE_LINE = f'<meta name="fairaudit-digest" content="{"0" * 64}">'
_PAGE_DIGEST = re.compile(PAGE_LINE.replace("0" * 64, "([0-9a-f]{64})").encode())


@dataclass(frozen=True)
class Marker:
    """What ``.fairaudit.json`` holds.

    Parameters
    ----------
    kind : str
        ``"audit"``, ``"probe"``, ``"demo"`` and so on.
    version : str
        Of the package that wrote the folder.
    asked : mapping
        What was asked for, as JSON values by name.
    files : mapping of str to str
        SHA-256 by path below the folder; ``GROWING`` for one that a run still writes to.
    earlier : mapping of str to str
        The set before, while it is being replaced.
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
        return {listed[name] for listed in (self.files, self.earlier) if name in listed}


def read_marker(folder: Path) -> Marker | None:
    """Return the marker of a folder; None where there is none, or one that no version of this form wrote."""
    try:
        document = json.loads(read_text(folder / MARKER, "list of files", limit=DOCUMENT))
        if document.pop("format") != _FORMAT or document.pop("program") != "fairaudit":
            return None
        marker = Marker(**document)
        listed = [*marker.files.items(), *marker.earlier.items()]
        right = all(isinstance(part, str) for pair in listed for part in pair) and isinstance(marker.asked, dict)
        return marker if right and not any(name_problem(name) for name, _ in listed) else None
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        return None


def is_complete(folder: Path) -> bool:
    """Whether the folder holds a whole result of ours."""
    marker = read_marker(folder)
    return marker is not None and marker.state == COMPLETE


def settle(folder: Path) -> None:
    """List the files of a claimed folder with their digests: it is complete."""
    marker = read_marker(folder)
    if marker is not None:
        files = {name: digest_of(folder / name) for name in marker.files if (folder / name).is_file()}
        write_marker(folder, replace(marker, files=files, state=COMPLETE))


def clear(folder: Path) -> None:
    """Remove the files of ours that nobody has changed; where others are left, the folder stays marked as ours."""
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


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    with open_file(path, "file") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_ours(path: Path, digests: Collection[str] = ()) -> bool:
    """Whether a file is as it was written: it has one of ``digests``, or is a page that holds its own digest."""
    if path.is_symlink() or not path.is_file():
        return False
    if GROWING in digests or (digests and digest_of(path) in digests):
        return True
    return path.suffix == ".html" and _is_page(read_bytes(path, "page", limit=DOCUMENT))


def with_digest(html: str) -> str:
    """Return a page whose ``PAGE_LINE`` has the digest of the page as it came."""
    return html.replace(PAGE_LINE, PAGE_LINE.replace("0" * 64, hashlib.sha256(html.encode()).hexdigest()), 1)


def _is_page(content: bytes) -> bool:
    found = _PAGE_DIGEST.search(content)
    if found is None:
        return False
    blank = content[: found.start(1)] + b"0" * 64 + content[found.end(1) :]
    return hashlib.sha256(blank).hexdigest() == found[1].decode()


def remove_ours(folder: Path, name: str, marker: Marker) -> None:
    """Remove a listed file that nobody has changed, and the folders above it that are empty then."""
    if is_ours(folder / name, marker.digests(name)):
        (folder / name).unlink()
        with suppress(OSError):  # something else lies there
            for parent in Path(name).parents[:-1]:
                (folder / parent).rmdir()


def write_marker(folder: Path, marker: Marker) -> None:
    """Write the marker, whole or not at all."""
    write_json(folder / MARKER, {"program": "fairaudit", "format": _FORMAT, **asdict(marker)})
