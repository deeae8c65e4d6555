"""MMHS150K: tweets with a picture; about three annotators judged each as harmless or as one of five kinds of hate.

Layout: ``MMHS150K_GT.json`` by id of tweet; ``img_resized/ID.jpg``; ``splits/{train,val,test}_ids.txt``; optionally
``img_txt/ID.json`` with the text in the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.files import file_problem
from fairaudit.core.samples import Feature, Samples
from fairaudit.datasets.parts.rows import LeftOut, once_per_id, to_samples, with_images
from fairaudit.datasets.parts.source import Source
from fairaudit.datasets.parts.text_files import read_json, read_text
from fairaudit.datasets.parts.voted import named

TABLE = "MMHS150K_GT.json"
SOURCE = Source(
    reader="mmhs150k",
    title="MMHS150K",
    available="https://gombru.github.io/2019/10/09/MMHS/",
    terms="as that page and Twitter state; the content is abusive",
    layout=f"{TABLE}, img_resized/ID.jpg, splits/train_ids.txt, val_ids.txt and test_ids.txt, perhaps img_txt/ID.json",
)
SPLITS = {"train": "train", "val": "dev", "test": "test"}
#: Meaning of the annotators' numbers.
KINDS = ("NotHate", "Racist", "Sexist", "Homophobe", "Religion", "OtherHate")
NO_MAJORITY = "as many annotators call it hateful as harmless"


def samples(root: Path, *, name: str) -> Samples:
    """Return the tweets with the label of most annotators: hateful (``"1"``) or harmless (``"0"``), without ties.

    ``kind_of_hate`` has the votes of the annotators who call a tweet hateful, kept as shares (``Samples.uncertain``);
    it is *not recorded* for harmless tweets. ``hateful_share`` is the share of annotators who call a tweet hateful:
    labels are noisy. A tweet in two lists of ids counts in the first alone.

    Raises
    ------
    DataError
        If a file is missing or malformed, the lists of train and test are equal (as in a known copy), or no image
        exists.
    """
    root = SOURCE.folder(root)
    file = SOURCE.file(root, [TABLE])
    tweets = pd.DataFrame(_tweets(read_json(file, kind=dict, what="an object by id of tweet"), file))
    if tweets.empty:
        raise DataError(f"file {file} must hold tweets; got none. Get the file again.")
    left, splits = LeftOut(), _splits(root)
    absent = len(set(splits["sample_id"]) - set(tweets["sample_id"]))
    rows = tweets.merge(splits, on="sample_id", how="left").fillna({"split": ""})
    rows = once_per_id(rows, left, splits=("train", "dev", "test", ""))
    rows = left.keep(rows, [NO_MAJORITY if share == 0.5 else "" for share in rows["hateful_share"]])
    rows, notes = with_images(rows, root, left, source=SOURCE, named_by=f"{TABLE}", what="tweets")
    rows["label"] = (rows["hateful_share"] > 0.5).map({True: "1", False: "0"})
    damaged, groups = int(rows["damaged"].sum()), KINDS[1:]
    hate = [votes if label == "1" else [] for votes, label in zip(rows["votes"], rows["label"], strict=True)]
    rows["kind_of_hate"], shares = named(hate, groups, what=TABLE)
    source = "kind of hate, by some three annotators on Mechanical Turk"
    return to_samples(
        SOURCE, rows.drop(columns=["votes", "damaged"]), name=name, root=root, subject="memes", cluster="image",
        features=(Feature("kind_of_hate", groups, "annotated", source),), uncertain={"kind_of_hate": shares}, left=left,
        notes=("Who wrote a tweet is not read: each counts as independent of all others.", *notes,
               f"The lists name {absent:,} tweets that {TABLE} does not have." if absent else "",
               f"The text in {damaged:,} pictures cannot be read and is left out." if damaged else ""),
    )  # fmt: skip


def _tweets(value: dict[str, Any], file: Path) -> Iterator[dict[str, Any]]:
    with_text = (file.parent / "img_txt").is_dir()
    for number, tweet in value.items():
        votes = tweet.get("labels") if isinstance(tweet, dict) else None
        known = isinstance(votes, list) and votes and all(type(v) is int and 0 <= v < len(KINDS) for v in votes)
        if votes is None or not known:
            raise DataError(
                f"tweet {number} of {file} must have 'labels', a list of numbers from 0 to {len(KINDS) - 1}; got "
                f"{str(votes)[:60]}. Get the file again."
            )
        kinds = [KINDS[vote] for vote in votes]
        inside = _text_of(file.parent, f"img_txt/{number}.json") if with_text else ""
        text = "\n".join(filter(None, (str(tweet.get("tweet_text") or ""), inside)))
        yield {
            "sample_id": str(number), "path": f"img_resized/{number}.jpg", "votes": kinds, "damaged": inside is None,
            "text": text, "hateful_share": 1 - kinds.count(KINDS[0]) / len(kinds),
        }  # fmt: skip


def _text_of(root: Path, name: str) -> str | None:
    """Return the text in a picture: empty without a file (most pictures), None if the file cannot be read."""
    if file_problem(root, name):
        return ""
    try:
        return str(read_json(root / name, kind=dict, what="an object with img_text").get("img_text") or "")
    except DataError:
        return None


def _splits(root: Path) -> pd.DataFrame:
    """Return a row for each id of each split."""
    ids: dict[str, list[str]] = {}
    for stem, split in SPLITS.items():
        file = SOURCE.file(root, [f"splits/{stem}_ids.txt"])
        ids[split] = list(dict.fromkeys(read_text(file).split()))
    if ids["test"] and set(ids["test"]) == set(ids["train"]):
        raise DataError(
            f"{root / 'splits' / 'test_ids.txt'} must list other tweets than train_ids.txt; got the same "
            f"{len(ids['test']):,}, as in a known copy. Get the lists from {SOURCE.available}."
        )
    rows = [(tweet, split) for split, tweets in ids.items() for tweet in tweets]
    return pd.DataFrame(rows, columns=["sample_id", "split"])
