"""``build``: a frozen dataclass from plain values of TOML, JSON or the command line, checked by the types of fields."""

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
#: Types of the plain values that fit a field, and their description, by the type of the field.
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
    such as ``X | None``. For a float, the value may be a whole number, and null in JSON for NaN.

    Parameters
    ----------
    cls : type
        Frozen dataclass. Its ``__post_init__`` checks ranges.
    values : mapping
        Plain values by field. Only fields with a default may be left out.
    where : str
        File of the values; every error begins with its name.
    at : str
        Table of the values, before the key in errors: ``label_association.threshold``.
    text : bool
        Whether text may stand for other types, as on the command line: ``"0.5"``, ``"true"``, ``"1,5,10"``.
    advice : str
        Fix of a wrong value in errors, instead of ``Correct it.``
    error : type, optional
        Class of the errors.

    Raises
    ------
    InputError
        If a key is unknown or missing, a value is not of its type, or ``__post_init__`` refuses one. Positions in a
        list count from 1: ``primary.2.kind``.
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
    """Conversion of the values of one source; ``at`` is the place of a value in it."""

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
            for member in inner:
                if member is not NoneType and _fits(member, self.plain(member, value)):
                    return self.value(member, value, at)
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
            return {key: self.value(inner[1], element, f"{at}.{key}") for key, element in plain.items()}
        if origin is tuple:
            kinds = inner[:1] * len(plain) if Ellipsis in inner else inner
            return tuple(self.value(*pair, f"{at}.{n}") for n, pair in enumerate(zip(kinds, plain, strict=True), 1))
        try:
            return origin(plain)
        except OverflowError:  # no float is so large
            raise self.misfit(kind, value, at) from None

    def plain(self, kind: Any, value: Any) -> Any:
        """Return the value of a text of the command line, or the text itself if it has none of this type."""
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
    """Return a description of the values that fit a place."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(_words(member, at) for member in inner if member is not NoneType)
    if origin is Literal:
        return f"one of: {', '.join(inner)}"
    if origin is tuple and dataclasses.is_dataclass(inner[0]):
        return f"a list of tables, each below [[{at}]]"
    if at and _form(kind)[0] is Mapping:
        return f"a table, its keys below [{at}]"
    return f"a list of {len(inner)} values" if origin is tuple and Ellipsis not in inner else _form(kind)[1]


def _fits(kind: Any, value: Any) -> bool:
    """Return whether a plain value fits this type; its parts are not checked."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in inner
    if not isinstance(value, _form(kind)[0]) or (isinstance(value, bool) and kind is not bool):
        return False
    if origin is tuple and dataclasses.is_dataclass(inner[0]):
        return all(isinstance(element, Mapping) for element in value)
    return origin is not tuple or Ellipsis in inner or len(value) == len(inner)
