"""``build``: plain values of TOML, JSON or the command line as a frozen dataclass, each checked against its field."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

from fairaudit.core.errors import ConfigError, InputError, unknown_name

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
#: By the type of a field: what fits it among plain values, in types and in words.
_FORMS: dict[Any, tuple[Any, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: ((str, Path), "text in quotation marks"),
    Path: ((str, Path), "a path in quotation marks"),
    tuple: ((list, tuple), "a list in square brackets"),
    Mapping: (Mapping, "a table of keys and values"),
}


def build(
    cls: type[T], values: object, *, where: str = "", at: str = "", text: bool = False, advice: str = "",
    error: type[InputError] | None = None,
) -> T:  # fmt: skip
    """Return the dataclass ``cls`` with ``values`` in its fields, each of the type of its field.

    A field is a bool, int, float, str, Path, ``Literal``, dataclass, ``Any``, a tuple or mapping of these, or a union
    such as ``X | None``. A float may be given as a whole number, and its NaN as the null of JSON.

    Parameters
    ----------
    cls : type
        Frozen dataclass. Its ``__post_init__`` checks ranges.
    values : mapping
        Plain values by field. Only fields with a default may be left out.
    where : str
        File that holds the values; every error begins with its name.
    at : str
        Table that holds the values; an error names a key behind it, as in ``label_association.threshold``.
    text : bool
        Whether text stands for other types too, as on the command line: ``"0.5"``, ``"true"``, ``"1,5,10"``.
    advice : str
        Edit that fixes a wrong value, where ``Correct it.`` is not enough.
    error : type, optional
        Class of the errors.

    Raises
    ------
    InputError
        If a key is unknown or missing, a value is not of its type, or ``__post_init__`` refuses one. Items of a list
        are counted from 1: ``primary.2.kind``.
    """
    try:
        built: T = _Reader(text, advice).table(cls, values, at)
    except InputError as problem:
        raise (error or type(problem))(f"{where}: {problem}" if where else str(problem)) from problem
    return built


@cache
def _kinds(cls: Any) -> dict[str, Any]:
    """Return the types of the fields by name."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


@dataclasses.dataclass(frozen=True)
class _Reader:
    """How the values of one source are read; ``at`` is the place of a value in it."""

    text: bool
    advice: str

    def table(self, cls: Any, values: object, at: str) -> Any:
        if not isinstance(values, Mapping):
            raise self.misfit(cls, values, at)
        kinds, prefix = _kinds(cls), f"{at}." if at else ""
        for key in values:
            if key not in kinds:
                raise unknown_name(f"key of {at}" if at else "key", str(key), kinds)
        for field in dataclasses.fields(cls):
            if field.default is field.default_factory is dataclasses.MISSING and field.name not in values:
                place = f"{prefix}{field.name}"
                words = _words(kinds[field.name], place)
                raise ConfigError(f"{place} must be {words}; it is missing. {self.advice or 'Add it.'}")
        return cls(**{key: self.value(kinds[key], value, f"{prefix}{key}") for key, value in values.items()})

    def value(self, kind: Any, value: Any, at: str) -> Any:
        origin, inner = get_origin(kind) or kind, get_args(kind)
        if kind is Any or (value is None and NoneType in inner):
            return value
        if origin in (Union, UnionType):
            for one in inner:
                if one is not NoneType and _fits(one, self.plain(one, value)):
                    return self.value(one, value, at)
            raise self.misfit(kind, value, at)
        if origin is Literal:
            if value not in inner:
                raise unknown_name(at, str(value), inner)
            return value
        if dataclasses.is_dataclass(kind):
            return self.table(kind, value, at)
        if value is None and kind is float and not self.text:
            return math.nan
        plain = self.plain(kind, value)
        if not _fits(kind, plain):
            raise self.misfit(kind, value, at)
        if origin is Mapping:
            return {key: self.value(inner[1], one, f"{at}.{key}") for key, one in plain.items()}
        if origin is tuple:
            items = zip(inner[:1] * len(plain) if Ellipsis in inner else inner, plain, strict=True)
            return tuple(self.value(*item, f"{at}.{n}") for n, item in enumerate(items, 1))
        try:
            return origin(plain)
        except OverflowError:  # no float is so large
            raise self.misfit(kind, value, at) from None

    def plain(self, kind: Any, value: Any) -> Any:
        """Return what a text of the command line stands for; itself where it stands for nothing of this type."""
        if not (self.text and isinstance(value, str)):
            return value
        if get_origin(kind) is tuple:
            return [part.strip() for part in value.split(",")] if value.strip() else []
        try:
            return {"true": True, "false": False}[value.strip().lower()] if kind is bool else kind(value)
        except (KeyError, ValueError, TypeError):
            return value

    def misfit(self, kind: Any, value: object, at: str) -> ConfigError:
        return ConfigError(
            f"{at or 'content'} must be {_words(kind, at)}; got {value!r:.80}. {self.advice or 'Correct it.'}"
        )


def _form(kind: Any) -> tuple[Any, str]:
    return _FORMS.get(get_origin(kind) or kind, _FORMS[Mapping])  # a dataclass is a table


def _words(kind: Any, at: str) -> str:
    """Return what the value at a place must be, in words."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(_words(one, at) for one in inner if one is not NoneType)
    if origin is Literal:
        return f"one of: {', '.join(inner)}"
    if origin is tuple and dataclasses.is_dataclass(inner[0]):
        return f"a list of tables, each below [[{at}]]"
    if at and _form(kind)[0] is Mapping:
        return f"a table, its keys below [{at}]"
    return f"a list of {len(inner)} values" if origin is tuple and Ellipsis not in inner else _form(kind)[1]


def _fits(kind: Any, value: Any) -> bool:
    """Return whether a plain value may stand for this type, as far as can be seen without reading its parts."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in inner
    if not isinstance(value, _form(kind)[0]) or (isinstance(value, bool) and kind is not bool):
        return False
    if origin is tuple and dataclasses.is_dataclass(inner[0]):
        return all(isinstance(one, Mapping) for one in value)
    return origin is not tuple or Ellipsis in inner or len(value) == len(inner)
