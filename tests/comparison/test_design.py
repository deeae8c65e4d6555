"""A crossed design: what it is made of, and the sentences for one that is not crossed."""

from __future__ import annotations

import pytest

from fairaudit.comparison.design import Design
from fairaudit.core.errors import ConfigError

CELLS = {"a1": ("a", "small"), "b1": ("b", "small"), "a2": ("a", "large"), "b2": ("b", "large"), "a1x": ("a", "small")}


def test_levels_cells_and_trainings() -> None:
    design = Design(CELLS)
    assert design.data == ("a", "b")
    assert design.sizes == ("small", "large")
    assert design.grid == (("a", "small"), ("a", "large"), ("b", "small"), ("b", "large"))
    assert design.checkpoints(("a", "small")) == ("a1", "a1x")
    assert design.repeats == ("a1x",)
    assert design.trainings == 1


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({}, "a design must have two data sets; got 0: none. Give each checkpoint's data and size."),
        ({**CELLS, "c": ("c", "small")},
         "a design must have two data sets; got 3: a, b, c. Give each checkpoint's data and size."),
        ({"a": ("a", "small"), "b": ("b", "small")},
         "a design must have at least two sizes; got 1: small. Add checkpoints of another size."),
        ({"a": ("a", "small"), "b": ("b", "small"), "c": ("a", "large")},
         "a design must have a checkpoint of every size on either data; got none of size 'large' on 'b'. Add one, or "
         "leave that size out."),
    ],
)  # fmt: skip
def test_what_is_not_crossed_is_refused(cells: dict[str, tuple[str, str]], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Design(cells)
    assert str(caught.value) == message


def test_a_checkpoint_that_was_not_audited() -> None:
    with pytest.raises(ConfigError) as caught:
        Design(CELLS).check(["a1", "b1", "a2", "b2", "a1xx"])
    assert str(caught.value) == (
        "checkpoint of the design must be one of: a1, a1xx, a2, b1, b2; got 'a1x'. Did you mean 'a1xx'?"
    )
