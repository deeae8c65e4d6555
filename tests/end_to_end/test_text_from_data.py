"""Names that look like markup, HTML, Markdown or orders to a terminal, through the real commands."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from PIL import Image

from fairaudit.cli import main as cli

Run = Callable[..., tuple[int, str, str]]
#: A name, and how it must be shown.
NAMES = {
    "a[/b]": "a[/b]", "[red]x": "[red]x", "<b>": "<b>", "# h": "# h", "](javascript:1)": "](javascript:1)",
    "x\x1b[2J": "x\\x1b[2J", "x\u202ey": "x\\u202ey", "x\u2066y": "x\\u2066y", "new\nline": "new line",
}  # fmt: skip
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
RECIPE = """
[swav]
prototypes = 12
dimension = 6
hidden = [10]
[crops]
sizes = [32]
counts = [2]
scales = [[0.5, 1.0]]
store = 32
[schedule]
samples = 16
batch = 16
"""


def test_groups_of_an_audit_are_shown_as_they_are(run: Run, tmp_path: Path, rng: np.random.Generator) -> None:
    groups = np.repeat(list(NAMES), 60)
    hit = (rng.random(len(groups)) < 0.5).astype(int)
    rows = pd.DataFrame({"sample_id": range(len(groups)), "a[/b]": groups, "hit": hit})
    table, out = tmp_path / "[red]t.parquet", tmp_path / "out"
    rows.to_parquet(table)
    code, printed, error = run(
        "audit-table", table, "--outcome", "hit", "--feature", "a[/b]", "-o", out
    )  # fmt: skip
    assert (code, error) == (0, "")
    assert not STEERS.search(printed)
    for shown in NAMES.values():
        assert re.search(rf"^  \S a\[/b\]: .*{re.escape(shown)}", printed, re.M), shown
    page = (out / "report.html").read_text(encoding="utf-8")
    assert not STEERS.search(page)
    assert "<b>" not in page
    text = " ".join(html.unescape(page).split())
    assert [shown for shown in NAMES.values() if shown not in text] == []


@pytest.mark.filterwarnings("ignore::fairaudit.pretrain.TrainingWarning")
def test_a_recipe_and_a_folder_of_any_name_are_trained_and_described(
    run: Run, tmp_path: Path, rng: np.random.Generator
) -> None:
    name = " ".join(NAMES)
    quoted = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in name)
    (tmp_path / "recipe.toml").write_text(f'name = "{quoted}"\n{RECIPE}', encoding="utf-8")
    folder = tmp_path / "[link](javascript:1) \x1b[2J\u202e\n# h"
    folder.mkdir()
    for i in range(20):
        Image.fromarray(rng.integers(0, 256, (36, 36, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    (folder / "images.csv").write_text("file,gender\n" + "".join(f"{i}.png,<b>*x*\x1b[2J\u202e\n" for i in range(20)))
    code, printed, told = run("pretrain", tmp_path / "recipe.toml", "--data", folder, "-o", tmp_path / "run")
    assert code == 0
    assert not STEERS.search(printed + told)
    assert "a[/b] [red]x" in " ".join(told.split())

    card = (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
    assert not STEERS.search(card)
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(card.split("---\n", 2)[2])
    inline = [t for token in tokens for t in token.children or ()]
    assert not {t.type for t in (*tokens, *inline)} & {"html_block", "html_inline", "link_open", "image", "fence"}
    shown = ["".join(t.content for t in token.children or ()) for token in tokens if token.type == "inline"]
    assert " ".join(NAMES.values()) in shown  # the title
    assert r"[link](javascript:1) \x1b[2J\u202e # h" in shown
    assert r"<b>*x*\x1b[2J\u202e" in shown
    page = (tmp_path / "run" / "training.html").read_text(encoding="utf-8")
    assert not STEERS.search(page)
    assert "<b>" not in page


@pytest.mark.parametrize("name", NAMES)
def test_an_error_that_repeats_a_name_is_one_line(run: Run, tmp_path: Path, name: str) -> None:
    code, printed, error = run("data", "profile", tmp_path / name.replace("/", "_"))
    assert (code, printed) == (2, "")
    assert NAMES[name].replace("/", "_") in error
    assert not STEERS.search(error)
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_warning_that_repeats_a_name_is_one_line(name: str) -> None:
    assert cli._one_line(UserWarning(f"image '{name}'"), UserWarning) == f"UserWarning: image '{NAMES[name]}'\n"
