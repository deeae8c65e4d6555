"""The four forms in which annotations of Casual Conversations go round, as one record for each video or image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from fairaudit.core.errors import DataError, did_you_mean

Records = Iterator[dict[str, Any]]


def records(value: Any, file: Path) -> Records:
    """Yield the videos, or images, of whichever of the forms ``value`` has.

    Raises
    ------
    DataError
        If one of them lacks a field, or has another form.
    """
    if isinstance(value, list):
        flat = bool(value) and isinstance(value[0], dict) and "img_path" in value[0]
        return of_images(value, file) if flat else of_version_2(value, file)
    by_subject = any(isinstance(one, dict) and "label" in one for one in value.values())
    return of_version_1(value, file) if by_subject else by_video(value, file)


def of_version_1(subjects: Mapping[str, Any], file: Path) -> Records:
    """Yield the videos of version 1: ``{subject: {"files": [], "dark_files": [], "label": {}}}``.

    A dark video stands in ``files`` too, and is one video.
    """
    for subject, one in subjects.items():
        what = f"subject '{subject}' of {file}"
        label = _member(one, "label", dict, what)
        files = _names(one, "files", what)
        dark = None if one.get("dark_files") is None else _names(one, "dark_files", what)
        for video in dict.fromkeys([*files, *(dark or ())]):
            yield {
                "video": video, "cluster_id": str(subject), "age": _told(label, "age", what),
                "gender": _told(label, "gender", what), "fitzpatrick": _told(label, "skin-type", what),
                **({} if dark is None else {"lighting": "dark" if video in dark else "bright"}),
            }  # fmt: skip


def of_version_2(videos: Sequence[Any], file: Path) -> Records:
    """Yield the videos of version 2: a list with ``video_name``, ``subject_id`` and what each person told."""
    for number, one in enumerate(videos, 1):
        what = f"video {number} of {file}"
        place = _inner(one, "geo_location", what)
        fitzpatrick, monk = (_inner(one, f"{scale}_skin_tone", what) for scale in ("fitzpatrick", "monk"))
        yield {
            "video": str(_member(one, "video_name", str, what)),
            "cluster_id": str(_member(one, "subject_id", (str, int), what)),
            "age": _told(one, "age", what),
            "gender": _told(one, "gender", what),
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
    for video, one in videos.items():
        what = f"video '{video}' of {file}"
        yield {
            "video": str(video), "cluster_id": Path(str(video)).name.split("_")[0].removesuffix(".mp4"),
            "age": _told(one, "age", what), "gender": _told(one, "gender", what),
        }  # fmt: skip


def of_images(images: Sequence[Any], file: Path) -> Records:
    """Yield the images of VISSL's form: a list of ``img_path, subject_id, age, gender, skin-type``."""
    for number, one in enumerate(images, 1):
        what = f"image {number} of {file}"
        path = str(_member(one, "img_path", str, what))
        yield {
            "path": path, "video": path, "cluster_id": str(_member(one, "subject_id", (str, int), what)),
            "age": _told(one, "age", what), "gender": _told(one, "gender", what),
            "fitzpatrick": _told(one, "skin-type", what),
        }  # fmt: skip


def by_stem(videos: Sequence[str], file: Path) -> dict[str, int]:
    """Return the place of each video by its name without folder and suffix, which its frames have.

    Raises
    ------
    DataError
        If two videos have one: whose frame an image is would be a guess.
    """
    place: dict[str, int] = {}
    for at, video in enumerate(videos):
        first = place.setdefault(PurePosixPath(video).stem, at)
        if first != at:
            raise DataError(
                f"file {file} must name each video once; got {videos[first]} and {video}, whose frames have one name. "
                "Get the file again."
            )
    return place


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{what} must be an object; got {type(value).__name__}. Get the file again.")
    return value


def _member(value: Any, key: str, kind: type[Any] | tuple[type[Any], ...], what: str) -> Any:
    found = _object(value, what).get(key)
    if not isinstance(found, kind) or isinstance(found, bool):
        if key not in value:
            raise _without(key, value, what)
        raise DataError(f"{what} must have the field '{key}'; got {type(found).__name__}. Get the file again.")
    return found


def _names(value: Any, key: str, what: str) -> list[str]:
    found: list[Any] = _member(value, key, list, what)
    strange = next((one for one in found if not isinstance(one, str)), None)
    if strange is not None:
        raise DataError(
            f"{what} must have names of videos in '{key}'; got {type(strange).__name__}. Get the file again."
        )
    return found


def _inner(value: Any, key: str, what: str) -> dict[str, Any]:
    """Return an object within an object; empty where it is not there or null."""
    return _object(_object(value, what).get(key) or {}, f"'{key}' of {what}")


def _told(value: Any, key: str, what: str) -> str:
    """Return what a person told, which may be nothing; the field must be there."""
    if key not in _object(value, what):
        raise _without(key, value, what)
    return _text(value, key, what)


def _text(value: Mapping[str, Any], key: str, what: str) -> str:
    found = value.get(key)
    if isinstance(found, (dict, list)):
        raise DataError(
            f"{what} must have a text or a number in '{key}'; got {type(found).__name__}. Get the file again."
        )
    return "" if found is None else str(found).strip()


def _without(key: str, value: Mapping[str, Any], what: str) -> DataError:
    hint = did_you_mean(key, value) or "Get the file again."
    return DataError(f"{what} must have the field '{key}'; got none. {hint}".rstrip())
