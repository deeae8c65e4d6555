"""``audit.json``: both ways without loss, refused by a clear sentence, and one digest for one content."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fairaudit.core.document as document_module
from fairaudit.auditing.run import load_audit
from fairaudit.core.audit import SCHEMA_VERSION, AuditResult, DataCard, ModelCard
from fairaudit.core.document import digest, from_document, is_edited, save_audit, schema, to_document, validate
from fairaudit.core.errors import DataError
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    NUMERIC,
    STATISTIC_COLUMNS,
    STATUSES,
    VERDICTS,
    Failure,
    IndicatorResult,
    table,
)
from fairaudit.core.schema import schema_text

Document = dict[str, Any]


def result(name: str = "x", dataset: str = "faces", **changes: Any) -> IndicatorResult:
    groups: list[dict[str, Any]] = [
        {"metric": "hit", "feature": "gender", "group": "female & R&&D", "value": 0.25, "n": 8, "status": "ok"},
        {"metric": "hit", "feature": "gender", "group": "é <b>", "status": "not_estimable", "note": "no image"},
    ]
    disparities: list[dict[str, Any]] = [
        {"metric": "hit", "feature": "gender", "kind": "one_vs_rest", "measure": "difference", "family": "primary",
         "value": -0.1, "verdict": "disparity", "status": "ok"},
        {"metric": "hit", "feature": "age", "kind": "slope", "measure": "per_step", "family": "exploratory",
         "status": "not_estimable"},
    ]  # fmt: skip
    statistics = [
        {"dataset": dataset, "indicator": name, "metric": "hit", "feature": "overall", "group": "overall",
         "cluster": "ab", "n": 2, "numerator": 1, "denominator": 2, "gallery": 0.125}
    ]  # fmt: skip
    fields: dict[str, Any] = {
        "groups": table(groups, GROUP_COLUMNS), "disparities": table(disparities, DISPARITY_COLUMNS),
        "curves": table([{"metric": "hit", "x": 0.1}], CURVE_COLUMNS),
        "statistics": table(statistics, STATISTIC_COLUMNS), "params": {"k": [1, 5], "chance": 0.5},
        "metrics": {"hit": "higher is better"}, "warnings": ("few",),
    }  # fmt: skip
    return IndicatorResult(name, "1", "Title", "Question?", dataset, "hit", **{**fields, **changes})


def audit(**changes: Any) -> AuditResult:
    feature = {
        "name": "gender", "groups": ["female"], "known_by": "annotated", "source": "hand", "ordered": False,
        "counts": {"female": 8},
    }  # fmt: skip
    card = DataCard(
        "faces", "utkface", "people", "person", "CC0", "", 8, 8, "ab12", False, False, (feature,),
        ({"file": "a.png", "reason": "broken"},), 1, ("a note",),
    )  # fmt: skip
    fields: dict[str, Any] = {
        "model": ModelCard("net", "transformers", "RegNet", 10, 4, "c0ffee", {"size": 224}, 0, ("note",)),
        "data": (card,), "results": (result(), result("y")),
        "failures": (Failure("z", "requirements", "It has no text.", "Add some.", "faces"),),
        "config": {"seed": 1, "data": ["faces"]},
        "plan": {"digest": "aa", "primary": [], "alpha": 0.05},
        "provenance": {"versions": {"numpy": "2"}, "seed": 1, "run": {"seconds": 3.5}},
    }  # fmt: skip
    made = AuditResult(**{**fields, **changes})
    return dataclasses.replace(made, provenance={"digest": digest(made), **made.provenance})


def same(first: AuditResult, second: AuditResult) -> None:
    for name in ("model", "data", "failures", "config", "plan", "provenance", "schema_version"):
        assert getattr(first, name) == getattr(second, name), name
    assert len(first.results) == len(second.results)
    for a, b in zip(first.results, second.results, strict=True):
        for field in dataclasses.fields(a):
            left, right = getattr(a, field.name), getattr(b, field.name)
            if field.name == "comparisons":
                assert all(row.inference is None and row.influence is None for row in right)
            elif isinstance(left, pd.DataFrame):
                # Parquet gives texts back in another type of column.
                pd.testing.assert_frame_equal(left, right, check_dtype=field.name != "statistics")
            else:
                assert left == right, field.name


def test_what_is_declared_of_training_data_is_kept_and_its_absence_leaves_no_trace(tmp_path: Path) -> None:
    """An audit of a checkpoint that says nothing is, byte for byte, one from before there was such a key."""
    assert "training" not in to_document(audit())["model"]
    training = {
        "datasheets": [{"folder": "a", "found": True, "fields": {"licence": "CC0", "terms": None}}],
        "profiles": [{"folder": "a", "profile": None, "note": "none"}],
    }
    declared = audit(model=dataclasses.replace(audit().model, training=training))
    save_audit(declared, tmp_path)
    same(declared, load_audit(tmp_path))
    assert digest(declared) != digest(audit())
    broken = dataclasses.replace(audit(), model=dataclasses.replace(audit().model, training={"datasheets": []}))
    with pytest.raises(DataError, match=r"the audit must fit the schema of version 2\.0; at model/training"):
        to_document(broken)


def test_an_audit_survives_the_way_to_disk_and_back(tmp_path: Path) -> None:
    save_audit(audit(), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit.json", "influences.parquet", "statistics.parquet"]
    same(audit(), load_audit(tmp_path))
    same(audit(), load_audit(tmp_path / "audit.json"))


@pytest.mark.parametrize("old", ['"value": 0.25', '"seed": 1', '"title": "Title"', '"female & R&&D"', '"digest": "'])
def test_an_edited_audit_is_told(tmp_path: Path, old: str) -> None:
    save_audit(audit(), tmp_path)
    text = (tmp_path / "audit.json").read_text(encoding="utf-8")
    assert old in text
    new = old.replace("0.25", "0.26").replace(": 1", ": 2").replace("Title", "Titles").replace("female", "woman")
    new = f"{old}00" if new == old else new
    (tmp_path / "audit.json").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.warns(
        UserWarning, match=r"audit\.json was edited since it was written: its digest does not fit its con"
    ):
        assert is_edited(load_audit(tmp_path))


def test_layout_and_times_are_no_edit(tmp_path: Path) -> None:
    save_audit(audit(), tmp_path)
    document = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    document["provenance"]["run"] = {"seconds": 9.0}
    (tmp_path / "audit.json").write_text(json.dumps(document), encoding="utf-8")
    assert not is_edited(load_audit(tmp_path))


def test_an_audit_without_results_survives_too(tmp_path: Path) -> None:
    empty = audit(results=())
    save_audit(empty, tmp_path)
    same(empty, load_audit(tmp_path))
    assert empty.disparities.empty
    with pytest.raises(KeyError):
        empty.result("x")


NUMBERS = st.one_of(st.floats(allow_nan=True, allow_infinity=False), st.integers(-9, 9), st.none())
GROUP_ROWS = st.lists(
    st.fixed_dictionaries(
        {"metric": st.text(max_size=9), "group": st.text(max_size=9), "value": NUMBERS, "ci_low": NUMBERS,
         "n": st.integers(0, 10**6), "status": st.sampled_from(STATUSES)}
    ),
    max_size=4,
)  # fmt: skip


@settings(max_examples=40)
@given(GROUP_ROWS)
def test_any_numbers_and_texts_come_back(rows: list[dict[str, Any]]) -> None:
    first = audit(results=(result(groups=table(rows, GROUP_COLUMNS)),))
    document = json.loads(json.dumps(to_document(first), allow_nan=False))
    pd.testing.assert_frame_equal(from_document(document).results[0].groups, first.results[0].groups)
    assert to_document(from_document(document)) == document


def test_what_cannot_be_estimated_is_null_and_never_zero() -> None:
    document = to_document(audit())
    row = document["results"][0]["groups"][1]
    assert row["value"] is None
    assert (row["status"], row["note"]) == ("not_estimable", "no image")
    assert document["results"][0]["disparities"][1]["p_value"] is None
    assert from_document(document).results[0].groups["value"].isna().tolist() == [False, True]
    assert to_document(audit(config={"x": math.inf, "y": [math.nan], "p": Path("a")}))["config"] == {
        "x": None, "y": [None], "p": "a",
    }  # fmt: skip
    plain = to_document(audit(config={"n": np.int64(3), "t": (np.float32(0.5), np.bool_(True))}))
    assert plain["config"] == {"n": 3, "t": [0.5, True]}


def changed(change: Callable[[Document], object]) -> Document:
    document = to_document(audit())
    change(document)
    return document


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (lambda d: d["results"][0]["disparities"][0].update(verdict="guilty"),
         "results/0/disparities/0/verdict", "'guilty' is not one of ['disparity'"),
        (lambda d: d["results"][1]["groups"][0].pop("note"), "results/1/groups/0", "'note' is a required property"),
        (lambda d: d["results"][0]["groups"][0].update(score=1),
         "results/0/groups/0", "Additional properties are not allowed ('score' was unexpected)"),
        (lambda d: d.update(extra=1), "the top level", "('extra' was unexpected)"),
        (lambda d: d["results"][0]["groups"][0].update(value="high"), "results/0/groups/0/value", "'high' is not of"),
        (lambda d: d["results"][0]["disparities"][0].update(p_value=1.5), "results/0/disparities/0/p_value",
         "1.5 is greater than the maximum of 1"),
        (lambda d: d["failures"][0].update(stage="nap"), "failures/0/stage", "'nap' is not one of"),
        (lambda d: d["model"].update(digest="<script>"), "model/digest", "does not match"),
    ],
)  # fmt: skip
def test_the_schema_names_the_place(change: Callable[[Document], object], where: str, what: str) -> None:
    with pytest.raises(DataError) as caught:
        from_document(changed(change))
    text = str(caught.value)
    assert text.startswith(f"audit.json must fit the schema of version {SCHEMA_VERSION}; at {where}: ")
    assert what in text


def test_an_audit_that_does_not_fit_is_not_written(tmp_path: Path) -> None:
    bad = result(disparities=table([{"kind": "one_vs_rest", "measure": "difference", "family": "primary",
                                     "status": "ok", "verdict": "fine"}], DISPARITY_COLUMNS))  # fmt: skip
    with pytest.raises(DataError, match=r"the audit must fit the schema .* 'fine' is not one of"):
        save_audit(audit(results=(bad,)), tmp_path)
    assert not (tmp_path / "audit.json").exists()


@pytest.mark.parametrize("version", ["0.9", "3.0", 1.0, None])
def test_another_version_is_refused(version: Any) -> None:
    with pytest.raises(DataError) as caught:
        from_document(changed(lambda d: d.update(schema_version=version)))
    assert str(caught.value) == (
        f"audit.json must have schema_version 2.0; got {version!r}. "
        "Open it with the version of fairaudit that wrote it, or run the audit again."
    )


def test_an_audit_opens_without_its_statistics(tmp_path: Path) -> None:
    save_audit(audit(), tmp_path)
    (tmp_path / "statistics.parquet").unlink()
    loaded = load_audit(tmp_path)
    assert loaded.results[0].statistics.empty
    assert tuple(loaded.results[0].statistics.columns) == STATISTIC_COLUMNS
    pd.testing.assert_frame_equal(loaded.results[0].groups, audit().results[0].groups)


def test_the_digest_is_of_the_content_alone() -> None:
    first = digest(audit())
    assert len(first) == 64
    later = {**audit().provenance, "run": {"started": "later", "seconds": 9.0}, "digest": "cc"}
    assert digest(audit(provenance=later)) == first
    assert digest(audit(provenance={**later, "seed": 2})) != first
    checked = {"passed": True, "sentence": "passed; 29 of 30", "draws": 10, "seed": 0}
    tested = digest(audit(provenance={**later, "selftest": checked}))
    later["selftest"] = {**checked, "date": "2026-03-01", "cached": True}
    assert digest(audit(provenance=later)) == tested != first
    later["selftest"] = {**checked, "sentence": "passed; 30 of 30"}
    assert digest(audit(provenance=later)) != tested
    assert digest(audit(config={"seed": 2})) != first
    assert digest(audit(failures=())) != first
    groups = audit().results[0].groups.copy()
    groups["value"] = groups["value"] + 1e-9
    assert digest(audit(results=(result(groups=groups), result("y")))) != first


def test_the_schema_has_the_columns_of_the_tables() -> None:
    properties = schema()["properties"]["results"]["items"]["properties"]
    columns_of = {"groups": GROUP_COLUMNS, "disparities": DISPARITY_COLUMNS, "curves": CURVE_COLUMNS}
    for name, columns in columns_of.items():
        row = properties[name]["items"]
        assert tuple(row["properties"]) == columns
        assert set(row["required"]) == set(columns)
        assert row["additionalProperties"] is False
        for column in columns:
            assert ("number" in row["properties"][column].get("type", [])) == (column in NUMERIC), column
    row = properties["disparities"]["items"]["properties"]
    assert set(row["verdict"]["enum"]) == {*VERDICTS, ""}
    assert set(row["status"]["enum"]) == set(STATUSES)
    elsewhere = {"statistics", "comparisons"}
    assert {f.name for f in dataclasses.fields(IndicatorResult)} - elsewhere == set(properties)
    assert schema()["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    cards = {"model": ModelCard, "data": DataCard, "failures": Failure}
    for name, kind in cards.items():
        shape = schema()["properties"][name]
        shape = shape.get("items", shape)
        assert set(shape["properties"]) == {f.name for f in dataclasses.fields(kind)}


def test_the_committed_schema_is_the_one_that_the_types_give() -> None:
    """It is what others validate with; ``make schema`` writes it."""
    committed = (resources.files("fairaudit.core") / "audit.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(schema()) + "\n", "run `make schema`"


@pytest.mark.parametrize("hostile", [False, True])
def test_audits_of_every_shape_fit_the_schema_and_come_back(hostile: bool) -> None:
    path = Path(__file__).parents[1] / "reports" / "audit_factory.py"
    spec = importlib.util.spec_from_file_location("audit_factory", path)
    assert spec is not None
    assert spec.loader is not None
    factory = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(factory)
    document = to_document(factory.make_audit(hostile=factory.HOSTILE if hostile else ""))
    assert to_document(from_document(document)) == document


def test_one_write_validates_once_and_a_change_after_the_digest_is_still_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def counted(document: Document, what: str) -> None:
        seen.append(what)
        validate(document, what)

    monkeypatch.setattr(document_module, "validate", counted)
    sealed = audit()  # with its digest
    save_audit(sealed, tmp_path / "sealed")
    assert seen == ["the audit"]
    other = {**sealed.provenance, "digest": "0" * 64}
    save_audit(dataclasses.replace(sealed, provenance=other), tmp_path / "other")
    assert seen == ["the audit", "the audit"]
    failure = Failure("x", "nap", "It slept.", "Wake it.")
    with pytest.raises(DataError, match=r"at failures/0/stage: 'nap' is not one of"):
        save_audit(dataclasses.replace(sealed, failures=(failure,)), tmp_path / "changed")
    assert not (tmp_path / "changed" / "audit.json").exists()


def test_the_schema_is_a_schema() -> None:
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(schema())
    validate(to_document(audit()), "it")


def test_tables_of_all_results() -> None:
    both = audit().disparities
    assert list(both.columns) == ["indicator", "dataset", *DISPARITY_COLUMNS]
    assert list(both["indicator"]) == ["x", "x", "y", "y"]
    assert len(audit().groups) == 4
    assert audit().result("y", "faces").indicator == "y"
    with pytest.raises(KeyError):
        audit().result("y", "homes")
