"""The retrieval benchmark compares like with like, and sees lists that are not the nearest."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import retrieval
from benchmarks.retrieval import Floats32, Ints, by_faiss, ours, same, vectors


class Flat:
    """``IndexFlatIP`` by a full sort."""

    def __init__(self, dimensions: int) -> None:
        self.rows: Floats32 = np.empty((0, dimensions), dtype=np.float32)

    def add(self, rows: Floats32) -> None:
        self.rows = rows

    def search(self, queries: Floats32, k: int) -> tuple[Floats32, Ints]:
        products = queries @ self.rows.T
        order = np.argsort(-products, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(products, order, axis=1), order


def normalise(rows: Floats32) -> None:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)


FAISS = SimpleNamespace(
    IndexFlatIP=Flat, normalize_L2=normalise, cvar=SimpleNamespace(), omp_get_max_threads=lambda: 2, __version__="0"
)


def test_both_sides_find_the_same() -> None:
    queries, gallery = vectors(40, 32, 1), vectors(300, 32, 2)
    before = queries.copy(), gallery.copy()
    found = ours(queries, gallery)
    assert found.shape == (40, retrieval.LENGTH)
    assert same(queries, gallery, found, by_faiss(FAISS, queries, gallery))
    assert not same(queries, gallery, found, found[:, ::-1])
    np.testing.assert_array_equal(queries, before[0])
    np.testing.assert_array_equal(gallery, before[1])


@pytest.mark.parametrize(("slower", "code", "said"), [(1.05, 0, "pass"), (1.2, 1, "MISSED")])
def test_a_missed_bar_counts_as_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], slower: float, code: int, said: str
) -> None:
    def timed(call: Any) -> float:
        return slower if "ours" in call.__code__.co_names else 1.0

    monkeypatch.setattr(retrieval, "seconds", timed)
    monkeypatch.setattr(retrieval, "vectors", lambda n, dimensions, seed: vectors(n // 100, 16, seed))
    monkeypatch.setitem(sys.modules, "faiss", FAISS)
    monkeypatch.setattr("sys.argv", ["retrieval", "--rounds", "1"])
    assert retrieval.main() == code
    assert f"{slower:.2f} times faiss (bar 1.1): {said}" in capsys.readouterr().out


def test_without_faiss_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(SystemExit, match=r"it is not installed. pip install faiss-cpu"):
        retrieval.compare(1, None)
