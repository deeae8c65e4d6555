"""What the folder's README shows runs as it stands there: the worked example of a reader, and the mapping."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import image_table, list_readers

README = (Path(__file__).resolve().parents[2] / "fairaudit" / "datasets" / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.fixture
def portraits(tmp_path: Path) -> ModuleType:
    (tmp_path / "portraits.py").write_text(block("python"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("portraits_of_the_readme", tmp_path / "portraits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_worked_example_reads_its_layout(portraits: ModuleType, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    with pytest.raises(
        DataError, match=r"must contain portraits\.csv; got none\. .* is available at https://example\.org"
    ):
        portraits.samples(root, name="x")
    lines = [
        "picture,person,gender,smiles,neutral",
        "a.png,p1,woman,2,1",
        "b.png,p1,prefer not to say,0,0",
        "c.png,p2,man,0,3",
    ]
    (root / "portraits.csv").write_text("\n".join(lines))
    for name in "ab":
        Image.new("RGB", (4, 4)).save(root / f"{name}.png")
    found = portraits.samples(root, name="x")
    assert found.table["cluster_id"].tolist() == ["p1", "p1"]
    assert found.table["gender"].tolist() == ["woman", "not recorded"]
    assert found.uncertain["expression"]["smile"].tolist()[0] == pytest.approx(2 / 3)
    assert found.skipped["file"].tolist() == ["c.png"]


def test_the_mapping_is_one(tmp_path: Path) -> None:
    (tmp_path / "image_table.toml").write_text(block("toml"), encoding="utf-8")
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    row = {"img_path": "a.png", "uid": "u", "subject": "p", "occupation": "nurse", "fold": "valid", "x": 0, "y": 0,
           "w": 30, "h": 30, "gender": "F", "age": 31, "n_light": 1, "n_medium": 2, "n_dark": 0}  # fmt: skip
    pd.DataFrame([row]).to_parquet(tmp_path / "people.parquet")
    found = image_table.samples(tmp_path, name="x")
    (only,) = found.table.to_dict("records")
    assert (only["gender"], only["age_group"], only["skin_tone"], only["split"]) == ("woman", "30-45", "medium", "dev")
    assert found.boxes == [(0, 0, 30, 30)]


def test_every_reader_stands_in_the_table() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", README, flags=re.MULTILINE)) == set(list_readers())
