"""``LabelIndex``: which outputs of a head say a label, and which may be said of a data set at all."""

from __future__ import annotations

from collections.abc import Sequence

from fairaudit.core.errors import DataError, did_you_mean
from fairaudit.core.taxonomy import normalise


class LabelIndex:
    """The labels of a head by name.

    Parameters
    ----------
    known : sequence of str
        By output.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self._known = tuple(known)
        self._exact: dict[str, list[int]] = {}
        self._first: dict[str, list[int]] = {}
        for column, name in enumerate(self._known):
            self._exact.setdefault(name, []).append(column)
            self._first.setdefault(normalise(name), []).append(column)

    def columns(self, label: str) -> list[int]:
        """Return the outputs that say ``label``: those of exactly this name, else those of the same first synonym.

        Both classes *crane* of ImageNet are written so; ``crane, bird`` and ``crane`` are not the same.
        """
        return self._exact.get(label) or self._first.get(normalise(label), [])

    def mask(self, classes: Sequence[str], *, data: str) -> list[int]:
        """Return the outputs that may be said where only ``classes`` occur, in order; all where ``classes`` is empty.

        Parameters
        ----------
        classes : sequence of str
            A label that the head does not know is refused: with a misspelled class the mask would be another one.
        data : str
            Name of the data set, for messages.

        Raises
        ------
        DataError
            If the head does not know a class.
        """
        if not classes or not self._known:
            return list(range(len(self._known)))
        found: set[int] = set()
        for label in classes:
            columns = self.columns(label)
            if not columns:
                hint = did_you_mean(label, self._known) or "Correct or leave it out."
                raise DataError(
                    f"classes of data set '{data}' must be labels of the head; got '{label}', which is none of its "
                    f"{len(self._known):,}. {hint}".rstrip()
                )
            found.update(columns)
        return sorted(found)
