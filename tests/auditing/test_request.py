"""An audit of images: what makes it the same one, and what another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fairaudit
from fairaudit.auditing.run import Audit
from fairaudit.core.errors import ConfigError

ONLY = "representation_disparity"


def save_network(folder: Path, seed: int) -> Path:
    import torch
    from transformers import ConvNextImageProcessorPil, RegNetConfig, RegNetModel

    torch.manual_seed(seed)
    config = RegNetConfig(embedding_size=8, hidden_sizes=[8, 16, 16, 24], depths=[1, 1, 1, 1], groups_width=8)
    RegNetModel(config).save_pretrained(folder)
    ConvNextImageProcessorPil(size={"shortest_edge": 32}, crop_pct=1.0).save_pretrained(folder)
    return folder


@pytest.fixture
def faces(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "faces"
    folder.mkdir()
    for i in range(60):
        pixels = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{20 + i % 40}_{i % 2}_{i % 3}_201701{i:011d}.jpg")
    return folder


@pytest.fixture
def audited(tmp_path: Path, faces: Path) -> Callable[..., Audit]:
    net = save_network(tmp_path / "one" / "net", 0)

    def call(**options: Any) -> Audit:
        fixed: dict[str, Any] = {"data": {"utkface": faces}, "indicators": [ONLY], "output": tmp_path / "out"}
        return fairaudit.audit(**{"checkpoint": net, **fixed, "progress": False, **options})

    return call


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        p.relative_to(folder).as_posix(): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in folder.rglob("*") if p.is_file()
    }  # fmt: skip


def test_only_the_same_request_is_the_same_audit(
    audited: Callable[..., Audit], faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = audited()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    before = contents(tmp_path / "out")
    shutil.copytree(faces, tmp_path / "moved" / "faces")
    shutil.copytree(tmp_path / "one" / "net", tmp_path / "moved" / "net")
    for same in (
        {}, {"batch_size": 7}, {"overwrite": True},
        {"data": {"utkface": tmp_path / "moved" / "faces"}, "checkpoint": tmp_path / "moved" / "net"},
    ):  # fmt: skip
        again = audited(**same)
        assert again.provenance["digest"] == first.provenance["digest"]
        assert again.provenance["run"] == first.provenance["run"]  # it was read, not made again
    audited(progress=True)
    assert "out holds this audit already: nothing changed" in " ".join(capsys.readouterr().err.split())

    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'[[primary]]\nindicator = "{ONLY}"\nfeature = "gender"\nkind = "one_vs_rest"\nmetric = "precision@10"\n'
    )
    retouched = tmp_path / "retouched" / "faces"
    shutil.copytree(faces, retouched)
    image = sorted(retouched.iterdir())[0]
    content = bytearray(image.read_bytes())
    content[-1] ^= 1  # the same name and size
    image.write_bytes(content)
    for other, name in (
        ({"checkpoint": save_network(tmp_path / "two" / "net", 1)}, "weights"),
        ({"checkpoint": save_network(tmp_path / "two" / "other", 0)}, "checkpoint"),
        ({"data": {"utkface": retouched}}, "images of utkface"),
        ({"data": {"mine:utkface": faces}}, "data"),
        ({"seed": 1}, "seed"),
        ({"options": {ONLY: {"k": "1,5"}}}, "indicators"),
        ({"plan": plan}, "plan"),
    ):
        with pytest.raises(ConfigError, match=rf"got one that differs in '{name}'.*, or add --overwrite"):
            audited(**other)
    sorted(faces.iterdir())[0].unlink()
    with pytest.raises(ConfigError, match="got one that differs in 'samples of utkface'"):
        audited()
    assert contents(tmp_path / "out") == before


def test_an_audit_that_is_overwritten_leaves_what_is_not_ours(
    audited: Callable[..., Audit], faces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    audited(data={"old:utkface": faces})
    (out / "tables" / "old" / "notes.txt").write_text("mine")
    audited(overwrite=True)
    found = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert "tables/utkface/embeddings.npy" in found
    assert {name for name in found if name.startswith("tables/old")} == {"tables/old/notes.txt"}
    assert json.loads((out / "audit.json").read_text())["data"][0]["name"] == "utkface"
