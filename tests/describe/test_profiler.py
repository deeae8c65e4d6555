from __future__ import annotations

import gc
import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.describe.profile import profile_from
from fairaudit.describe.profiler import profile_data
from tests.images.shards import write_shard

CELLS = ["woman", "man", "", "unknown", "Unknown", "not recorded", "non-binary", "<b>x</b>", "NA"]
COUNTRIES = ["US", "United States", "NA", "Namibia", "Atlantis", "", "Kenya", "Antarctica"]


@pytest.fixture
def frame(rng: np.random.Generator) -> pd.DataFrame:
    n = 2000
    return pd.DataFrame(
        {
            "file": [f"{i}.jpg" for i in range(n)],
            "country": rng.choice(COUNTRIES, n),
            "gender": rng.choice(CELLS, n),
            "scene": rng.choice(["a", "b"], n),
            "account": rng.integers(0, 400, n),
        }
    )


@pytest.fixture
def table(tmp_path: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(tmp_path / "images.csv", index=False)
    return tmp_path / "images.csv"


def test_counts_are_those_of_pandas_and_unknown_is_a_row_of_its_own(table: Path, frame: pd.DataFrame) -> None:
    profile = profile_data(table, fields=["scene"])
    assert (profile.n_rows, profile.n_sampled, profile.is_whole) == (2000, 2000, True)
    assert [f.name for f in profile.fields] == [
        "country", "region of country", "sub-region of country", "income group of country", "gender", "scene",
    ]  # fmt: skip
    gender = profile.field("gender")
    unknown = frame["gender"].str.lower().isin(["", "unknown", "not recorded"])
    expected = frame["gender"][~unknown].value_counts()
    values = {s.value: s for s in gender.shares if s.kind == "value"}
    assert {name: s.n for name, s in values.items()} == expected.to_dict()
    assert values["NA"].n == int((frame["gender"] == "NA").sum())
    assert gender.unknown is not None
    assert (gender.unknown.n, gender.n_known) == (int(unknown.sum()), int((~unknown).sum()))
    assert math.isnan(gender.unknown.known_share.value)
    for name, share in values.items():
        assert share.share.value == pytest.approx(expected[name] / 2000)
        assert share.known_share.value == pytest.approx(expected[name] / (~unknown).sum())
    assert gender.reached.value == gender.reached.low == gender.reached.high == (expected >= 100).sum()
    assert profile.not_profiled == ("account",)


def test_countries_are_rolled_up_and_what_is_none_stays_as_it_is(table: Path, frame: pd.DataFrame) -> None:
    profile = profile_data(table)
    n = frame["country"].value_counts()
    country = {s.value: s.n for s in profile.field("country").shares}
    assert country == {
        "United States": n["US"] + n["United States"],
        "Namibia": n["NA"] + n["Namibia"],
        "Atlantis": n["Atlantis"],
        "Kenya": n["Kenya"],
        "Antarctica": n["Antarctica"],
        "unknown": n[""],
    }
    region = {s.value: (s.kind, s.n) for s in profile.field("region of country").shares}
    assert region == {
        "Africa": ("value", n["NA"] + n["Namibia"] + n["Kenya"]),
        "Americas": ("value", country["United States"]),
        "not placed": ("not placed", n["Atlantis"] + n["Antarctica"]),
        "unknown": ("unknown", n[""]),
    }
    income = {s.value: s.n for s in profile.field("income group of country").shares}
    assert income["high"] == country["United States"]
    assert income["upper middle"] == country["Namibia"]
    assert income["lower middle"] == n["Kenya"]
    assert profile.field("income group of country").source == "World Bank, fiscal year 2025"
    spelt, strange = profile.field("country").notes
    assert spelt.startswith("different spellings were read as one country: ")
    assert strange.startswith(f"1 values ({n['Atlantis']:,} rows) are no country that fairaudit's table knows;")
    assert strange.endswith(": Atlantis")
    assert "Did you mean" not in strange


@given(st.lists(st.sampled_from(CELLS), min_size=1, max_size=40), st.integers(1, 50))
def test_shares_sum_to_one_and_no_row_is_lost(cells: list[str], sample: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        pd.DataFrame({"gender": cells}).to_parquet(path)
        profile = profile_data(path, sample=sample)
    (field,) = profile.fields
    assert (profile.n_rows, field.n) == (len(cells), min(sample, len(cells)))
    assert sum(s.n for s in field.shares) == field.n
    assert sum(s.share.value for s in field.shares) == pytest.approx(1)
    known = [s.known_share.value for s in field.shares if s.kind == "value"]
    assert sum(known) == pytest.approx(1 if field.n_known else 0)
    if not (sample < len(cells)):
        lost = sum(c.lower() in ("", "unknown", "not recorded") for c in cells)
        assert (field.unknown.n if field.unknown else 0) == lost


def test_clusters_widen_what_they_share(table: Path, frame: pd.DataFrame) -> None:
    frame = frame.assign(gender=frame["account"].map(lambda a: "woman" if a % 3 else "man"))
    frame.loc[:4, "account"] = np.nan
    frame.to_csv(table, index=False)
    alone, clustered = profile_data(table).field("gender"), profile_data(table, cluster="account").field("gender")
    assert (alone.ci_method, clustered.ci_method) == ("Wilson", "Wilson, effective n")
    one, other = alone.shares[0].share, clustered.shares[0].share
    assert one.value == other.value
    assert 1.8 < (other.high - other.low) / (one.high - one.low) < 3  # five rows a cluster: about sqrt(5)
    assert profile_data(table, cluster="account").notes == ("5 rows have no account: each counts as its own cluster",)
    few = profile_data(table, fields=["scene"], cluster="gender").field("scene")
    assert few.notes == ("too few: 2 clusters with a known value; 20 are needed",)


def test_a_sample_is_the_same_for_a_seed_and_estimates_the_table(table: Path, frame: pd.DataFrame) -> None:
    one, again, other = (profile_data(table, sample=500, seed=s) for s in (1, 1, 2))
    assert one.document() == again.document()
    assert one.document() != other.document()
    assert (one.n_rows, one.n_sampled, one.is_whole) == (2000, 500, False)
    truth = (frame["scene"] == "a").mean()
    share = next(s for s in profile_data(table, fields=["scene"], sample=500).field("scene").shares if s.value == "a")
    assert share.share.low < truth < share.share.high


def test_many_values_are_added_up_and_long_ones_cut(tmp_path: Path) -> None:
    pd.DataFrame({"tag": [f"{i:04d}" * 100 for i in range(400)]}).to_parquet(tmp_path / "t.parquet")
    (field,) = profile_data(tmp_path / "t.parquet", fields=["tag"]).fields
    assert (len(field.shares), field.n_values, field.shares[-1].kind) == (301, 400, "others")
    assert (field.shares[-1].value, field.shares[-1].n) == ("100 other values", 100)
    assert {len(s.value) for s in field.shares[:-1]} == {200}
    assert sum(s.share.value for s in field.shares) == pytest.approx(1)


def test_the_document_comes_back_and_is_json(table: Path) -> None:
    profile = profile_data(table, cluster="account")
    text = json.dumps(profile.document(), allow_nan=False)
    assert profile_from(json.loads(text)).document() == profile.document()


def test_copies_among_the_files_that_the_table_names(tmp_path: Path, rng: np.random.Generator) -> None:
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "<b>.png").write_bytes((tmp_path / "0.png").read_bytes())
    (tmp_path.parent / "outside.png").write_bytes((tmp_path / "0.png").read_bytes())
    files = ["0.png", "1.png", "1.png", "2.png", "3.png", "<b>.png", "gone.png", "../outside.png", "/etc/hostname"]
    pd.DataFrame({"file_name": files, "gender": "x"}).to_csv(tmp_path / "metadata.csv", index=False)
    named, exact, near = profile_data(tmp_path).copies
    assert (named.n, named.n_groups, named.n_surplus, named.examples) == (9, 1, 1, (("1.png",),))
    assert (exact.n, exact.n_groups, exact.examples) == (5, 1, (("0.png", "<b>.png"),))
    assert exact.note == "3 of 8 images are not there, or their name leads out of the folder"
    assert near.n_groups == 1
    assert profile_data(tmp_path, near=False).copies[2].note.endswith("not looked for")
    sampled = profile_data(tmp_path, sample=6).copies[1]
    assert "of a random sample: most copies of the table lie outside it" in sampled.note


def test_images_without_a_row_are_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("in/a.jpg", "b.jpg", "c.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "images.csv").write_text("file,gender\nin/a.jpg,x\n./b.jpg,x\n")
    (told,) = profile_data(tmp_path).notes
    assert told.startswith("1 of 3 images in the folder have no row in the table: nothing is declared of them, and no ")
    assert profile_data(tmp_path / "images.csv").notes == ()


def test_a_column_may_be_called_as_it_likes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("row,key,gender\n" + "a,b,c\n" * 3)
    assert [f.n_values for f in profile_data(tmp_path / "t.csv", fields=["row", "key"], sample=2).fields] == [1, 1, 1]


def test_without_files_copies_are_not_looked_for(table: Path, tmp_path: Path) -> None:
    assert [c.note for c in profile_data(table).copies] == [
        "", "not looked for: no image that the table names lies beside it",
    ]  # fmt: skip
    (tmp_path / "other.csv").write_text("gender\nx\n")
    (copies,) = profile_data(tmp_path / "other.csv").copies
    assert copies.note == "not looked for: the table has no column file, file_name, path that names images"


def peak(path: Path) -> int:
    """Bytes that a profile takes at most: those of Python and numpy, and those of Arrow."""
    pool, before = pa.proxy_memory_pool(pa.system_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    gc.collect()
    tracemalloc.start()
    try:
        assert profile_data(path, sample=2000).n_sampled == 2000
        return tracemalloc.get_traced_memory()[1] + int(pool.max_memory())
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ten_times_the_rows_do_not_take_ten_times_the_memory(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    # The shorter file, too, is read in several blocks.
    monkeypatch.setattr("fairaudit.images.table._BLOCK_BYTES", 16_384)
    sizes = {}
    for n in (100_000, 1_000_000):
        path = tmp_path / f"{n}.{suffix}"
        frame = pd.DataFrame({"country": rng.choice(["KE", "IN", "US"], n), "gender": rng.choice(["a", "b", ""], n)})
        if suffix == "csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, row_group_size=50_000)
        sizes[n] = peak(path)
    assert sizes[1_000_000] < 1.5 * sizes[100_000], sizes


COLUMNS = "account, country, file, gender, scene"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"fields": ["gendre"]},
            f"--field of table images.csv must be one of: {COLUMNS}; got 'gendre'. Did you mean 'gender'?",
        ),
        (
            {"cluster": "acount"},
            f"--cluster of table images.csv must be one of: {COLUMNS}; got 'acount'. Did you mean 'account'?",
        ),
        ({"images_at_least": 0}, "--images-at-least must be 1 or more; got 0. Give for example --images-at-least 1."),
        ({"sample": 0}, "--sample must be 1 or more; got 0. Give for example --sample 1."),
        ({"seed": -1}, "--seed must be 0 or more; got -1. Give for example --seed 0."),
    ],
)
def test_a_wrong_option_is_refused(table: Path, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        profile_data(table, **options)
    assert str(error.value) == text


def test_a_table_without_fields_or_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,label\na,b\n")
    with pytest.raises(DataError, match=r"^table t\.csv must have a column country, region, gender or one named by "):
        profile_data(tmp_path / "t.csv")
    (tmp_path / "e.csv").write_text("gender\n")
    with pytest.raises(
        DataError, match=r"^table e\.csv must have at least one row; got none\. Add a row for each image"
    ):
        profile_data(tmp_path / "e.csv")
    with pytest.raises(DataError, match=r"must hold a table of its images \(images\.csv, images\.parquet, metadata"):
        profile_data(tmp_path, fields=["gender"])
    with pytest.raises(DataError, match=r"must contain images \(\.jpg, .*\) or \.tar shards; got none\. Check that"):
        profile_data(tmp_path)


def test_of_images_without_a_table_copies_are_counted(tmp_path: Path, rng: np.random.Generator) -> None:
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "copy.png").write_bytes((tmp_path / "1.png").read_bytes())
    profile = profile_data(tmp_path)
    assert (profile.n_rows, profile.fields) == (4, ())
    assert [(copies.n, copies.n_groups, copies.n_surplus) for copies in profile.copies] == [(4, 1, 1), (4, 1, 1)]
    assert profile.copies[0].examples == (("0/1.png", "0/copy.png"),)
    assert profile_from(profile.document()) == profile
    members = {path.name: path.read_bytes() for path in sorted(tmp_path.glob("*.png"))}
    write_shard(tmp_path / "shards" / "a.tar", {**members, "empty.jpg": b""})
    for source in (tmp_path / "shards", tmp_path / "shards" / "a.tar"):
        found = profile_data(source, near=False)
        assert (found.n_rows, found.copies[0].n_surplus) == (4, 1)
        assert found.notes[1] == "1 members of shards cannot be read as images"
