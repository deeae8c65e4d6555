"""Casual Conversations, versions 1 and 2: videos of people with self-reported age and gender.

Layout: one JSON of annotations in the folder, in ``CC_annotations/`` or in ``annotations/``; anywhere below the folder,
frames or face crops with the name of their video and an optional suffix behind an underscore (``1127_00.png``,
``1127_00_face.jpg``). Forms of the JSON: version 1 (an object by subject), version 2 (a list of videos), HELM's object
by video, and VISSL's list of images with ``img_path``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.files import visible_files
from fairaudit.core.open_file import is_there
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.datasets.parts import casual_videos
from fairaudit.datasets.parts.age_groups import age_feature, age_group, age_years
from fairaudit.datasets.parts.cells import open_feature, recorded, unread
from fairaudit.datasets.parts.rows import LeftOut, is_text, to_samples, with_images
from fairaudit.datasets.parts.skin_tone import (
    fitzpatrick_features,
    fitzpatrick_group,
    fitzpatrick_type,
    monk_feature,
    monk_tone,
)
from fairaudit.datasets.parts.source import Source
from fairaudit.datasets.parts.text_files import read_json
from fairaudit.images.decode import is_image

SOURCE = Source(
    reader="casual_conversations",
    title="Casual Conversations",
    available="https://ai.meta.com/datasets/casual-conversations-dataset/ and .../casual-conversations-v2-dataset/",
    terms="for those who accept Meta's data use agreement; to measure fairness, not to train",
    layout="CasualConversations.json or CasualConversationsV2.json, and frames named like their videos below it",
)
NAMES = ("CasualConversations.json", "CasualConversationsV2.json", "CasualConversations_mini.json")
FOLDERS = ("", "CC_annotations", "annotations")
#: Values of annotations without an answer.
UNSAID = ("N/A", "prefer not to say")

_SELF = "told by the person"
_TRAINED = "said by trained annotators who saw the video"


def samples(root: Path, *, name: str) -> Samples:
    """Return the frames with self-reported age and gender, and the annotated skin type or tone.

    Genders stay as reported, in lower case; "transgender woman" is a gender of its own. Skin tones keep their scale.
    Version 1 may have ``lighting`` (dark, bright), version 2 ``country``. The table also has ``age_years``, ``video``
    and the annotators' confidence. The cluster is the person.

    Raises
    ------
    DataError
        If no or several JSON files exist, the form is none of the four, or no video has a frame.
    """
    root = SOURCE.folder(root)
    file = _annotations(root)
    value = read_json(file, kind=(dict, list), what="videos or subjects")
    videos = pd.DataFrame(casual_videos.records(value, file))
    if videos.empty:
        raise DataError(f"file {file} must hold videos; got none. Get the file again.")
    left = LeftOut()
    if "path" in videos:
        rows, notes = with_images(videos, root, left, source=SOURCE, named_by=f"the field 'img_path' of {file.name}")
    else:
        rows, notes = _frames(root, videos, casual_videos.by_stem(videos["video"].tolist(), file), left)
    rows["gender"] = recorded(rows["gender"].str.casefold(), missing=UNSAID)
    ages = rows.pop("age")
    rows["age_years"] = age_years(ages)
    rows["age_group"] = age_group(rows["age_years"])
    notes = (*notes, unread(ages, rows["age_group"], what="ages", missing=UNSAID))
    rows, features, more = _skin(rows)
    if "country" in rows:
        rows["country"] = recorded(rows["country"], missing=UNSAID)
        country = open_feature(rows, "country", "self-reported", f"country: {_SELF}")
        features += [country] if country.groups else []
        notes = (*notes, "" if country.groups else "No country is recorded (geo_location.country).")
    if "lighting" in rows:
        rows["lighting"] = rows["lighting"].fillna(NOT_RECORDED)
        features.append(Feature("lighting", ("dark", "bright"), "annotated", "lists of dark videos", exploratory=True))
    gender = open_feature(rows, "gender", "self-reported", f"gender: {_SELF}")
    return to_samples(
        SOURCE, rows, name=name, root=root, subject="people", cluster="person", left=left,
        notes=(*notes, *more),
        features=(gender, age_feature("self-reported", f"age: {_SELF}"), *features),
    )  # fmt: skip


def _annotations(root: Path) -> Path:
    for folder in FOLDERS:
        known = [root / folder / name for name in NAMES if is_there(root / folder / name)]
        files = known or [path for path in sorted((root / folder).glob("*.json")) if is_there(path)]
        if len(files) > 1:
            raise SOURCE.missing(root, "one JSON of annotations", got=" and ".join(path.name for path in files))
        if files:
            return files[0]
    raise SOURCE.missing(root, " or ".join(NAMES))


def _frames(
    root: Path, videos: pd.DataFrame, place: dict[str, int], left: LeftOut
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a row for each image with the name of a video, and a note on videos without a frame."""
    paths, rows = [], []
    for path in filter(is_image, visible_files(root)):
        stem = path.stem
        while stem not in place and "_" in stem:  # strip suffixes behind the video's name
            stem = stem.rpartition("_")[0]
        relative = path.relative_to(root).as_posix()
        if stem in place and is_text(relative):
            paths.append(relative)
            rows.append(place[stem])
        else:
            left.add(relative, "no video of the annotations has the name of this image")
    if not rows:
        got = f"none that is named like one of {len(videos):,} videos, such as '{videos['video'].iloc[0]}'"
        raise SOURCE.missing(root, "frames of the videos", got=got)
    for at in (without := sorted(set(range(len(videos))) - set(rows))):
        left.add(videos["video"].iloc[at], "no frame of the video is there")
    notes = (f"{len(without):,} of {len(videos):,} videos have no frame here and were left out.",) if without else ()
    return videos.iloc[rows].reset_index(drop=True).assign(path=paths), notes


def _skin(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[Feature], list[str]]:
    features: list[Feature] = []
    notes = []
    if "fitzpatrick" in rows:
        types = rows["fitzpatrick"].tolist()
        rows = rows.assign(fitzpatrick_type=fitzpatrick_type(types), skin_tone=fitzpatrick_group(types).astype(object))
        features += fitzpatrick_features(_TRAINED)
        cells = rows["fitzpatrick"]
        notes.append(unread(cells, rows["fitzpatrick_type"], what="Fitzpatrick's types", missing=UNSAID))
    if "monk" in rows:
        rows = rows.assign(monk_skin_tone=monk_tone(rows["monk"]))
        features.append(monk_feature(_TRAINED))
        notes.append(unread(rows["monk"], rows["monk_skin_tone"], what="Monk's tones", missing=UNSAID))
    return rows.drop(columns=["fitzpatrick", "monk"], errors="ignore"), features, notes
