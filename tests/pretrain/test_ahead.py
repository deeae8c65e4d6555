from __future__ import annotations

import threading
import time

import pytest

from fairaudit.pretrain.ahead import ahead


def test_all_are_given_in_order_and_made_in_one_other_thread() -> None:
    threads = set()

    def make(key: int) -> int:
        threads.add(threading.get_ident())
        time.sleep(0.001 * (key % 3))
        return key * key

    with ahead(make, range(20)) as made:
        assert list(made) == [key * key for key in range(20)]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_no_more_than_the_depth_is_made_before_it_is_asked_for() -> None:
    made_now = threading.Semaphore(0)
    count = 0

    def make(key: int) -> int:
        nonlocal count
        count += 1
        made_now.release()
        return key

    with ahead(make, range(100), depth=3) as made:
        assert next(made) == 0
        for _ in range(4):
            made_now.acquire()
        # The first was taken, so that three more may be there, and the thread has nothing to do.
        assert not made_now.acquire(timeout=0.05)
        assert count == 4


def test_what_making_raises_is_raised_in_its_turn() -> None:
    def make(key: int) -> int:
        if key == 2:
            raise ValueError("the third")
        return key

    with ahead(make, range(5)) as made:
        assert [next(made), next(made)] == [0, 1]
        with pytest.raises(ValueError, match="the third"):
            next(made)


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    with ahead(lambda key: key, range(1000)) as made:
        next(made)
    assert threading.active_count() == before
