"""Plain values become a dataclass of the right types, or one sentence that names the file, the place and the rule."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.typed_values import build


@dataclass(frozen=True)
class Inner:
    share: float
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.share > 1:
            raise ConfigError(f"share must be at most 1; got {self.share}. Correct it.")


@dataclass(frozen=True)
class Whole:
    name: str
    inner: Inner
    rows: tuple[Inner, ...] = ()
    count: int = 0
    rate: float = 0.5
    on: bool = False
    file: Path = Path("x")
    kind: Literal["big", "small"] = "big"
    pairs: tuple[tuple[float, float], ...] = ()
    table: Mapping[str, Inner] = field(default_factory=dict)
    bounds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    maybe: int | None = None
    either: int | tuple[int, int] = 0
    anything: Any = None


WORDS = st.text(max_size=5)
NUMBERS = st.floats(-5, 1)
INNER = st.builds(Inner, NUMBERS, st.lists(WORDS, max_size=2).map(tuple))
WHOLE = st.builds(
    Whole,
    name=WORDS,
    inner=INNER,
    rows=st.lists(INNER, max_size=2).map(tuple),
    count=st.integers(),
    rate=st.floats(allow_nan=False),
    on=st.booleans(),
    file=WORDS.map(Path),
    kind=st.sampled_from(["big", "small"]),
    pairs=st.lists(st.tuples(NUMBERS, NUMBERS), max_size=2).map(tuple),
    table=st.dictionaries(WORDS, INNER, max_size=2),
    bounds=st.dictionaries(WORDS, st.lists(st.integers(), max_size=2).map(tuple), max_size=2),
    maybe=st.none() | st.integers(),
    either=st.integers() | st.tuples(st.integers(), st.integers()),
    anything=st.none() | st.lists(st.integers(), max_size=2),
)


@given(WHOLE)
def test_a_dataclass_comes_back_from_its_plain_values(whole: Whole) -> None:
    assert build(Whole, dataclasses.asdict(whole)) == whole


@given(WHOLE)
def test_and_through_json_which_has_lists_and_texts_alone(whole: Whole) -> None:
    again = build(Whole, json.loads(json.dumps(dataclasses.asdict(whole), default=str)))
    assert again == whole
    assert type(again.file) is type(whole.file)
    assert [type(one) for one in again.rows] == [Inner] * len(whole.rows)


TOML = """
name = "n"
kind = "small"
rate = 1
pairs = [[0, 1.5]]
either = [3, 4]
[inner]
share = -inf
words = ["a", "b"]
[[rows]]
share = 0.25
[table.first]
share = 1
"""


def test_values_of_a_file() -> None:
    built = build(Whole, tomllib.loads(TOML))
    assert built == Whole(
        "n", Inner(-math.inf, ("a", "b")), (Inner(0.25),), rate=1.0, kind="small", pairs=((0.0, 1.5),),
        table={"first": Inner(1.0)}, either=(3, 4),
    )  # fmt: skip
    assert isinstance(built.rate, float), "a whole number was given"
    assert math.isnan(build(Inner, {"share": None}).share), "null of JSON"
    assert math.isnan(build(Inner, {"share": math.nan}).share)


def test_values_of_numpy_and_paths_are_plain() -> None:
    built = build(Whole, {"name": Path("a.toml"), "inner": {"share": np.float32(0.5)}, "count": np.int64(3)})
    assert (built.name, built.inner.share, built.count) == ("a.toml", 0.5, 3)
    assert (type(built.inner.share), type(built.count)) == (float, int)


@dataclass(frozen=True)
class Options:
    k: tuple[int, ...] = (1,)
    tau: float = 0.1
    n: int = 1
    on: bool = True
    name: str = ""
    words: tuple[str, ...] = ()
    either: int | tuple[int, ...] = 0
    kind: Literal["a", "b"] = "a"
    maybe: float | None = None


def test_text_of_the_command_line_is_parsed_by_the_type_of_its_field() -> None:
    given = {
        "k": "1, 5,10", "tau": " 1e-3 ", "n": "-7", "on": "False ", "name": " 5 ", "words": " ", "either": "3,4",
        "kind": "b", "maybe": "2",
    }  # fmt: skip
    assert build(Options, given, text=True) == Options(
        (1, 5, 10), 0.001, -7, False, " 5 ", (), (3, 4), "b", 2.0
    )  # fmt: skip
    assert build(Options, {"either": "3"}, text=True).either == 3
    assert build(Options, {"k": [2], "on": True, "tau": 1}, text=True) == Options((2,), 1.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nam": "x"},
         "key must be one of: anything, bounds, count, either, file, inner, kind, maybe, name, on, pairs, rate, rows, "
         "table; got 'nam'. Did you mean 'name'?"),
        ({"inner": {"share": 0, "word": []}}, "key of inner must be one of: share, words; got 'word'. Did you mean"),
        ({"rows": [{"share": 0}, {"shares": 1}]}, "key of rows.2 must be one of: share, words; got 'shares'. Did you"),
        ({"table": {"a b": {}}}, "table.a b.share must be a number; it is missing. Add it."),
        ({"inner": 3}, "inner must be a table, its keys below [inner]; got 3. Correct it."),
        ({"table": [1]}, "table must be a table, its keys below [table]; got [1]. Correct it."),
        ({"rows": {"share": 1}}, "rows must be a list of tables, each below [[rows]]; got {'share': 1}. Correct it."),
        ({"rows": [3]}, "rows must be a list of tables, each below [[rows]]; got [3]. Correct it."),
        ({"inner": {"share": "1"}}, "inner.share must be a number; got '1'. Correct it."),
        ({"inner": {"share": 1, "words": ["a", 2]}}, "inner.words.2 must be text in quotation marks; got 2. Correct"),
        ({"inner": {"share": 1, "words": "a"}}, "inner.words must be a list in square brackets; got 'a'. Correct it."),
        ({"inner": {"share": 2}}, "share must be at most 1; got 2.0. Correct it."),
        ({"count": True}, "count must be a whole number; got True. Correct it."),
        ({"count": 2.0}, "count must be a whole number; got 2.0. Correct it."),
        ({"count": None}, "count must be a whole number; got None. Correct it."),
        ({"rate": False}, "rate must be a number; got False. Correct it."),
        ({"rate": 10**400}, "rate must be a number; got 1000"),
        ({"on": 1}, "on must be true or false; got 1. Correct it."),
        ({"on": "true"}, "on must be true or false; got 'true'. Correct it."),
        ({"name": 5}, "name must be text in quotation marks; got 5. Correct it."),
        ({"file": 5}, "file must be a path in quotation marks; got 5. Correct it."),
        ({"kind": "bigg"}, "kind must be one of: big, small; got 'bigg'. Did you mean 'big'?"),
        ({"kind": []}, "kind must be one of: big, small; got '[]'."),
        ({"pairs": [[1, 2], [1]]}, "pairs.2 must be a list of 2 values; got [1]. Correct it."),
        ({"bounds": {"x": [1, "2"]}}, "bounds.x.2 must be a whole number; got '2'. Correct it."),
        ({"maybe": "1"}, "maybe must be a whole number; got '1'. Correct it."),
        ({"either": "1"}, "either must be a whole number or a list of 2 values; got '1'. Correct it."),
        ({"either": [1, 2, 3]}, "either must be a whole number or a list of 2 values; got [1, 2, 3]. Correct it."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_sentence_with_file_and_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Whole, {"name": "n", "inner": {"share": 0}, **change}, where="whole.toml")
    assert str(caught.value).startswith(f"whole.toml: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tau": "high"}, "x.tau must be a number; got 'high'. Correct it."),
        ({"tau": None}, "x.tau must be a number; got None. Correct it."),
        ({"n": "2.5"}, "x.n must be a whole number; got '2.5'. Correct it."),
        ({"k": "1,,5"}, "x.k.2 must be a whole number; got ''. Correct it."),
        ({"on": "yes"}, "x.on must be true or false; got 'yes'. Correct it."),
        ({"tao": "1"}, "key of x must be one of: either, k, kind, maybe, n, name, on, tau, words; got 'tao'. Did you"),
        ({"kind": "c"}, "x.kind must be one of: a, b; got 'c'."),
        ({"either": "big"}, "x.either.1 must be a whole number; got 'big'. Correct it."),
    ],
)
def test_a_wrong_text_of_the_command_line_names_the_table(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Options, change, at="x", text=True)
    assert str(caught.value).startswith(said)


def test_the_class_of_the_error_and_the_edit_that_fixes_it_can_be_given() -> None:
    for values, said in (
        ([1], "content must be a table of keys and values; got [1]"),
        ({}, "share must be a number; it is missing"),
        ({"share": "x"}, "share must be a number; got 'x'"),
    ):
        with pytest.raises(DataError) as caught:
            build(Inner, values, where="p.json", advice="Make it again.", error=DataError)
        assert str(caught.value) == f"p.json: {said}. Make it again."


def test_a_long_value_is_cut() -> None:
    with pytest.raises(ConfigError, match=r"^name must be text in quotation marks; got \[0, 1, .{73}\. Correct it\.$"):
        build(Whole, {"name": list(range(1000)), "inner": {"share": 0}})
