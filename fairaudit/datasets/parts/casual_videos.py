"""The four forms of the annotations of Casual Conversations, as one record for each video or image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from fairaudit.core.errors import DataError, did_you_mean

Records = Iterator[dict[str, Any]]


def records(value: Any, file: Path) -> Records:
    """Yield the records of the videos or images in ``value``, in any of the four forms.

    Raises
    ------
    DataError
        If a record lacks a field or is malformed.
    """
    if isinstance(value, list):
        flat = bool(value) and isinstance(value[0], dict) and "img_path" in value[0]
        return of_images(value, file) if flat else of_version_2(value, file)
    by_subject = any(isinstance(entry, dict) and "label" in entry for entry in value.values())
    return of_version_1(value, file) if by_subject else by_video(value, file)


def of_version_1(subjects: Mapping[str, Any], file: Path) -> Records:
    """Yield the videos of version 1: ``{subject: {"files": [], "dark_files": [], "label": {}}}``.

    A dark video, also listed in ``files``, counts once.
    """
    for subject, entry in subjects.items():
        what = f"subject '{subject}' of {file}"
        label = _member(entry, "label", dict, what)
        files = _names(entry, "files", what)
        dark = None if entry.get("dark_files") is None else _names(entry, "dark_files", what)
        for video in dict.fromkeys([*files, *(dark or ())]):
            yield {
                "video": video, "cluster_id": str(subject), "age": _answer(label, "age", what),
                "gender": _answer(label, "gender", what), "fitzpatrick": _answer(label, "skin-type", what),
                **({} if dark is None else {"lighting": "dark" if video in dark else "bright"}),
            }  # fmt: skip


def of_version_2(videos: Sequence[Any], file: Path) -> Records:
    """Yield the videos of version 2: a list with ``video_name``, ``subject_id`` and the person's answers."""
    for number, entry in enumerate(videos, 1):
        what = f"video {number} of {file}"
        place = _inner(entry, "geo_location", what)
        fitzpatrick, monk = (_inner(entry, f"{scale}_skin_tone", what) for scale in ("fitzpatrick", "monk"))
        yield {
            "video": str(_member(entry, "video_name", str, what)),
            "cluster_id": str(_member(entry, "subject_id", (str, int), what)),
            "age": _answer(entry, "age", what),
            "gender": _answer(entry, "gender", what),
            "fitzpatrick": _text(fitzpatrick, "type", what),
            "fitzpatrick_confidence": _text(fitzpatrick, "confidence", what),
            "monk": _text(monk, "scale", what),
            "monk_confidence": _text(monk, "confidence", what),
            "country": _text(place, "country", what),
        }


def by_video(videos: Mapping[str, Any], file: Path) -> Records:
    """Yield the videos of HELM's form, ``{"0000_english_1.mp4": {"age": , "gender": }}``.

    The person is the part of the name before the first underscore, as in version 2 of the data set.
    """
    for video, entry in videos.items():
        what = f"video '{video}' of {file}"
        yield {
            "video": str(video), "cluster_id": Path(str(video)).name.split("_")[0].removesuffix(".mp4"),
            "age": _answer(entry, "age", what), "gender": _answer(entry, "gender", what),
        }  # fmt: skip


def of_images(images: Sequence[Any], file: Path) -> Records:
    """Yield the images of VISSL's form: a list of ``img_path, subject_id, age, gender, skin-type``."""
    for number, entry in enumerate(images, 1):
        what = f"image {number} of {file}"
        path = str(_member(entry, "img_path", str, what))
        yield {
            "path": path, "video": path, "cluster_id": str(_member(entry, "subject_id", (str, int), what)),
            "age": _answer(entry, "age", what), "gender": _answer(entry, "gender", what),
            "fitzpatrick": _answer(entry, "skin-type", what),
        }  # fmt: skip


def by_stem(videos: Sequence[str], file: Path) -> dict[str, int]:
    """Return the index of each video by its stem, with which the names of its frames begin.

    Raises
    ------
    DataError
        If two videos have the same stem, so that the video of a frame is ambiguous.
    """
    index: dict[str, int] = {}
    for at, video in enumerate(videos):
        first = index.setdefault(PurePosixPath(video).stem, at)
        if first != at:
            raise DataError(
                f"file {file} must name each video once; got {videos[first]} and {video}, whose frames share a name. "
                "Get the file again."
            )
    return index


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{what} must be an object; got {type(value).__name__}. Get the file again.")
    return value


def _member(value: Any, key: str, kind: type[Any] | tuple[type[Any], ...], what: str) -> Any:
    member = _object(value, what).get(key)
    if not isinstance(member, kind) or isinstance(member, bool):
        if key not in value:
            raise _without(key, value, what)
        raise DataError(f"{what} must have the field '{key}'; got {type(member).__name__}. Get the file again.")
    return member


def _names(value: Any, key: str, what: str) -> list[str]:
    names: list[Any] = _member(value, key, list, what)
    strange = next((name for name in names if not isinstance(name, str)), None)
    if strange is not None:
        raise DataError(
            f"{what} must have names of videos in '{key}'; got {type(strange).__name__}. Get the file again."
        )
    return names


def _inner(value: Any, key: str, what: str) -> dict[str, Any]:
    """Return the object in a field; empty if the field is missing or null."""
    return _object(_object(value, what).get(key) or {}, f"'{key}' of {what}")


def _answer(value: Any, key: str, what: str) -> str:
    """Return a person's answer, possibly empty, from a required field."""
    if key not in _object(value, what):
        raise _without(key, value, what)
    return _text(value, key, what)


def _text(value: Mapping[str, Any], key: str, what: str) -> str:
    cell = value.get(key)
    if isinstance(cell, (dict, list)):
        raise DataError(
            f"{what} must have a text or a number in '{key}'; got {type(cell).__name__}. Get the file again."
        )
    return "" if cell is None else str(cell).strip()


def _without(key: str, value: Mapping[str, Any], what: str) -> DataError:
    hint = did_you_mean(key, value) or "Get the file again."
    return DataError(f"{what} must have the field '{key}'; got none. {hint}".rstrip())
