from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

import fairaudit
from fairaudit.core.document import validate
from fairaudit.datasets.synthetic import PLANTS
from fairaudit.studies.demo import CHECKPOINTS, run_demo

INDICATORS = ("geographic_disparity", "hate_speech", "label_association", "representation_disparity")
NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "compare_checkpoints.ipynb"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("checkpoint", list(CHECKPOINTS))
def test_every_checkpoint_has_a_result_of_every_indicator(quick_demo: Path, checkpoint: str) -> None:
    audit = fairaudit.load_audit(quick_demo / checkpoint)
    assert [r.indicator for r in audit.results] == list(INDICATORS)
    assert audit.failures == ()
    assert all(card.synthetic for card in audit.data)


def test_the_page_names_every_plant_and_calls_itself_synthetic(quick_demo: Path) -> None:
    page = (quick_demo / "report.html").read_text(encoding="utf-8")
    for plant in PLANTS:
        assert plant.name in page
    assert "ynthetic" in page
    for name in CHECKPOINTS:
        assert f'href="{name}/report.html"' in page
        assert (quick_demo / name / "report.html").is_file()


def test_a_second_run_does_nothing_again(quick_demo: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in quick_demo.rglob("*") if p.is_file() and p.name != "report.html"}
    run_demo(quick_demo, quick=True, progress=False)
    assert before == {p: p.stat().st_mtime_ns for p in before}


def test_saved_tables_have_the_promised_layout(quick_demo: Path) -> None:
    tables = quick_demo / "swav" / "tables"
    assert sorted(p.name for p in tables.iterdir()) == ["memes", "people", "photos"]
    for folder in tables.iterdir():
        vectors = np.load(folder / "embeddings.npy", allow_pickle=False)
        ids = pd.read_parquet(folder / "samples.parquet")["sample_id"]
        assert len(ids) == len(vectors)
        assert (folder / "predictions.parquet").is_file()
    scores = pd.read_parquet(tables / "memes" / "scores.parquet")
    assert scores["score"].between(0, 1).all()
    statistics = pd.read_parquet(quick_demo / "swav" / "statistics.parquet")
    assert set(statistics["indicator"]) == set(INDICATORS)


def test_statistics_give_the_group_values_again(quick_demo: Path) -> None:
    """Numerator over denominator, summed over clusters, is what the audit printed: micro, macro and AUROC."""
    audit = fairaudit.load_audit(quick_demo / "swav")
    for result in audit.results:
        sums = result.statistics.groupby(["metric", "feature", "group"])[["numerator", "denominator"]].sum()
        again = (sums["numerator"] / sums["denominator"]).rename("again").reset_index()
        plain = result.groups[result.groups["control"] == ""]
        both = plain.merge(again, on=["metric", "feature", "group"])
        assert len(both) > 5
        withheld = both["value"].isna()  # countries with few homes
        assert both.loc[withheld, "feature"].str.contains("country").all()
        both = both[~withheld]
        np.testing.assert_allclose(both["value"], both["again"], rtol=1e-9, atol=1e-12)


def test_changes_between_the_checkpoints_are_tested(quick_demo: Path) -> None:
    found = fairaudit.compare(*(quick_demo / name for name in CHECKPOINTS))
    rows = found.changes[found.changes["kind"].isin(["one_vs_rest", "slope"]) & (found.changes["status"] == "ok")]
    assert set(rows["indicator"]) >= {"representation_disparity", "geographic_disparity"}
    assert not found.changes["note"].str.contains("same data|were measured|no influence").any()
    assert (rows["ci_low"] <= rows["change"]).all()
    assert found.summary in (quick_demo / "report.html").read_text(encoding="utf-8")


def test_report_is_rendered_again_without_torch_or_images(quick_demo: Path) -> None:
    code = (
        "import sys; from fairaudit.auditing.run import load_audit; from fairaudit.reports.html import render;"
        f"page = render(load_audit({str(quick_demo / 'swav')!r})); assert 'torch' not in sys.modules;"
        "sys.stdout.write(page)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (quick_demo / "swav" / "report.html").read_text(encoding="utf-8")


def test_document_on_disk_fits_the_published_schema(quick_demo: Path) -> None:
    import json

    for name in CHECKPOINTS:
        validate(json.loads((quick_demo / name / "audit.json").read_text(encoding="utf-8")), name)


def test_the_notebook_runs(quick_demo: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(quick_demo.parent)}})
    client.execute()
    shown = [o for cell in notebook.cells for o in cell.get("outputs", []) if "text/html" in o.get("data", {})]
    assert len(shown) >= 4
