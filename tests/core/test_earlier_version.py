"""Audits, plans and watch records of schema version 1.0: read with the names of today, and with a sentence."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.auditing.run import load_audit
from fairaudit.core import earlier_version
from fairaudit.core.audit import AuditResult
from fairaudit.core.comparison import Influence
from fairaudit.core.document import digest, from_document, is_edited, save_audit, to_document
from fairaudit.core.errors import DataError
from fairaudit.core.plan import read_plan
from fairaudit.core.samples import Feature
from fairaudit.runs.watch_records import WatchRecord, watched_disparities
from fairaudit.stats.outcomes import Outcomes
from tests.comparison.audits_of_rows import audit_of, groups_of


def audited() -> AuditResult:
    rng = np.random.default_rng(0)
    columns = {"gender": groups_of(rng, 400)}
    hits = Outcomes("hit", rng.random(400).round(), np.arange(400))
    audit = audit_of(hits, columns, [Feature("gender", ("a", "b"), "annotated", "by hand")])
    (result,) = audit.results
    options = {"threshold": 0.1, "k": 5}
    named = dataclasses.replace(result, indicator="label_association", params=options)
    config = {**audit.config, "indicators": {"label_association": options}}
    plain = dataclasses.replace(audit, results=(named,), config=config)
    return dataclasses.replace(plain, provenance={**plain.provenance, "digest": digest(plain)})


def earlier(document: dict[str, Any]) -> dict[str, Any]:
    """Write the names of 1.0 by hand into a document of today."""
    old = copy.deepcopy(document)
    old["schema_version"] = "1.0"
    old["model"]["labels"] = old["model"].pop("n_labels")
    old["config"]["indicators"] = {"label_association": {"tau": 0.1, "top_k": 5}}
    for result in old["results"]:
        result["params"] = {"tau": 0.1, "top_k": 5}
        for line in result["disparities"]:
            line["adjusted_low"], line["adjusted_high"] = line.pop("ci_low_adjusted"), line.pop("ci_high_adjusted")
            del line["extent"], line["detectable_direction"]
            line["kind"] = {"one_vs_rest": "rest"}.get(line["kind"], line["kind"])
    assert "rest" in {line["kind"] for line in old["results"][0]["disparities"]}
    del old["provenance"]["digest"]
    text = json.dumps(old, sort_keys=True)
    old["provenance"]["digest"] = hashlib.sha256(text.encode()).hexdigest()
    return old


def test_an_audit_of_the_earlier_version_is_the_audit_of_today() -> None:
    today = to_document(audited())
    with pytest.warns(UserWarning, match=r"^audit.json has names of schema version 1\.0 and was read with those of"):
        found = from_document(earlier(today))
    again = to_document(found)
    for line in today["results"][0]["disparities"]:
        line.update(extent="", detectable_direction="")
    assert again["results"] == today["results"]
    assert {**again, "provenance": {}} == {**today, "provenance": {}}
    assert not is_edited(found)


def test_an_audit_of_the_earlier_version_that_was_edited_stays_edited() -> None:
    old = earlier(to_document(audited()))
    old["provenance"]["seed"] = 7
    with pytest.warns(UserWarning, match="schema version 1.0"):
        assert is_edited(from_document(old))


def known(audit: AuditResult) -> dict[int, Influence]:
    rows = audit.results[0].comparisons
    return {at: row.influence() for at, row in enumerate(rows) if row.influence is not None}


def test_its_influences_have_the_kinds_of_today(tmp_path: Path) -> None:
    save_audit(audited(), tmp_path)
    expected = known(load_audit(tmp_path))
    document = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    (tmp_path / "audit.json").write_text(json.dumps(earlier(document)), encoding="utf-8")
    influences = pd.read_parquet(tmp_path / "influences.parquet").astype({"kind": object})
    influences = influences.replace({"kind": {"one_vs_rest": "rest"}})
    influences.to_parquet(tmp_path / "influences.parquet", index=False)
    with pytest.warns(UserWarning, match="schema version 1.0"):
        found = known(load_audit(tmp_path))
    assert list(expected) == list(found) != []
    assert all((found[i].values == expected[i].values).all() for i in expected)


@pytest.mark.parametrize(
    "damage", [{"results": 3}, {"model": []}, {"plan": 1}, {"config": {"indicators": {"x": 1}}}, {"results": [[]]}]
)
def test_a_damaged_document_is_refused_and_not_upgraded(damage: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match=r"1\.0"), pytest.raises(DataError, match="must fit the schema"):
        from_document({**earlier(to_document(audited())), **damage, "failures": 1})


def test_a_plan_of_the_earlier_version_is_read_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    text = '[[primary]]\nindicator = "x"\nmetric = "hit"\nfeature = "gender"\nkind = "{}"\n'
    path.write_text(text.format("rest"), encoding="utf-8")
    with pytest.warns(UserWarning, match=r'^plan \'p.toml\' .* Write kind = "one_vs_rest" instead of "rest"\.$'):
        old = read_plan(path)
    path.write_text(text.format("one_vs_rest"), encoding="utf-8")
    assert old == read_plan(path)


def test_watch_records_of_the_earlier_version_have_the_kinds_of_today() -> None:
    rows = [{"indicator": "x", "metric": "hit", "kind": kind, "value": 0.1} for kind in ("rest", "slope")]
    found = watched_disparities([WatchRecord(0, "w", {"disparities": rows})])
    assert found["kind"].tolist() == ["one_vs_rest", "slope"]


def test_no_name_of_today_is_an_earlier_one() -> None:
    for names in (earlier_version.COLUMNS, earlier_version.KINDS, *earlier_version.OPTIONS.values()):
        assert not set(names) & set(names.values())
