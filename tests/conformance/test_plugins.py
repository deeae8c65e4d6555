"""What every indicator, reader and model adapter that is found must keep to, whoever wrote it."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from fairaudit.auditing.plugins import INDICATORS, list_indicators, load_indicator
from fairaudit.core.errors import DataError
from fairaudit.core.plugins import list_plugins
from fairaudit.core.samples import Subject
from fairaudit.datasets import list_readers, open_reader

MODELS = "fairaudit.models"
TABLES = {"embeddings", "predictions", "scores", "content_digests"}
GALLERY = {"gallery_samples", "gallery_embeddings"}  # another data set, where an option names one
PROMPTS = {"predictions_by_prompt"}  # of a zero-shot head that was given several
REFERENCE = {"reference_samples", "reference_predictions"}  # the same


def adapter(name: str) -> ModuleType:
    return importlib.import_module(list_plugins(MODELS)[name])


def test_something_is_found() -> None:
    assert list_indicators()
    assert list_readers()
    assert list_plugins(MODELS)


@pytest.mark.parametrize("name", list_indicators())
def test_indicator_describes_itself(name: str) -> None:
    indicator = load_indicator(name)
    assert indicator.version
    assert indicator.title
    assert indicator.question.endswith("?")
    assert indicator.subject in get_args(Subject)
    assert inspect.getdoc(importlib.import_module(list_plugins(INDICATORS)[name]))


@pytest.mark.parametrize("name", list_indicators())
def test_config_is_a_frozen_dataclass_with_defaults(name: str) -> None:
    config = load_indicator(name).config()
    fields = dataclasses.fields(config)
    assert fields
    for field in fields:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, field.name, getattr(config, field.name))
    documented = inspect.getdoc(type(config)) or ""
    assert not [field.name for field in fields if field.name not in documented]


@pytest.mark.parametrize("name", list_indicators())
def test_compute_takes_tables_by_name(name: str) -> None:
    indicator = load_indicator(name)
    parameters = inspect.signature(indicator.compute).parameters
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert {"samples", "config"} <= set(parameters)
    assert indicator.needs
    assert set(indicator.needs) <= TABLES
    assert set(indicator.wants) <= TABLES | GALLERY | PROMPTS | REFERENCE
    assert {parameters[table].default for table in indicator.wants} <= {None}


@pytest.mark.parametrize("name", list_readers())
def test_reader_says_what_is_wrong_with_a_folder(name: str, tmp_path: Path) -> None:
    reader = open_reader(name)
    assert inspect.getdoc(reader.samples)
    (tmp_path / "notes.txt").write_text("nothing to read here", encoding="utf-8")
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DataError) as error:
            reader.samples(folder, name="data")
        assert str(tmp_path) in str(error.value)
        assert "got" in str(error.value)


@pytest.mark.parametrize("name", [name for name in list_readers() if hasattr(open_reader(name), "SOURCE")])
def test_reader_says_where_its_data_are_to_be_had_and_how_they_lie(name: str, tmp_path: Path) -> None:
    source = open_reader(name).SOURCE  # type: ignore[attr-defined]
    assert source.reader == name
    with pytest.raises(DataError) as error:
        open_reader(name).samples(tmp_path, name="data")
    said = str(error.value)
    if source.available:
        assert f"{source.layout}. {source.title} is available at {source.available} ({source.terms}); " in said
        assert said.endswith("fairaudit downloads nothing.")


def test_only_drawn_data_and_tables_of_ones_own_come_from_nowhere() -> None:
    sources = {name: getattr(open_reader(name), "SOURCE", None) for name in list_readers()}
    assert {name for name, source in sources.items() if source is None} == {"synthetic"}
    assert {n for n, s in sources.items() if s is not None and not s.available} == {"image_table", "labelled_images"}


@pytest.mark.parametrize("name", list_plugins(MODELS))
def test_adapter_has_its_place_and_leaves_others_their_sources(name: str, tmp_path: Path) -> None:
    module = adapter(name)
    assert isinstance(module.ORDER, int)
    assert module.READS
    assert list(inspect.signature(module.open_checkpoint).parameters) == ["source", "opening"]
    for source in (str(tmp_path), str(tmp_path / "absent" / "file.xyz"), ""):
        assert module.recognises(source) is False


def test_adapters_are_asked_in_a_fixed_order() -> None:
    orders = [adapter(name).ORDER for name in list_plugins(MODELS)]
    assert len(set(orders)) == len(orders)
