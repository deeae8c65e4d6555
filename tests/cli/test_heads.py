"""``fairaudit probe`` and ``finetune``, and audits that use what they wrote: printed, reused, refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., tuple[int, str, str]]


def save_network(folder: Path, seed: int) -> Path:
    import torch
    from transformers import ConvNextImageProcessorPil, RegNetConfig, RegNetModel

    torch.manual_seed(seed)
    config = RegNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], groups_width=8)
    RegNetModel(config).save_pretrained(folder)
    ConvNextImageProcessorPil(size={"shortest_edge": 24}, crop_pct=1.0).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_network(tmp_path_factory.mktemp("net") / "regnet", 0)


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder of red and blue pictures; labels of the first 60, two test sets of all 120 and of the last 60."""
    rows = []
    for i in range(120):
        pixels = rng.integers(0, 90, (24, 24, 3), dtype=np.uint8)
        pixels[:, :, 0 if i % 2 else 2] += 120
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        rows.append((f"{i}.png", ("blue", "red")[i % 2], f"p{i // 3}", ("north", "south")[i % 5 > 2]))
    head = "file,label,cluster"
    (tmp_path / "labels.csv").write_text("\n".join([head, *(",".join(r[:3]) for r in rows[:60])]), encoding="utf-8")
    for name, some in (("val", rows), ("shift", rows[60:])):
        text = "\n".join([head + ",place", *(",".join(r) for r in some)])
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    (tmp_path / "tests.toml").write_text(
        '[[test]]\nname = "val"\nlabels = "val.csv"\n\n'
        '[[test]]\nname = "shift"\nlabels = "shift.csv"\nclasses = "labels"\n',
        encoding="utf-8",
    )
    return tmp_path


def test_a_probe_is_printed_saved_and_used_again(run: Run, checkpoint: Path, photos: Path) -> None:
    code, out, _ = run("probe", checkpoint, "--labels", photos / "labels.csv", "-o", photos / "probe", "--seeds", 3)
    lines = out.strip().splitlines()
    assert code == 0
    assert lines[0].startswith("60 images, 2 labels, strength ")
    assert lines[1].startswith("accuracy ")
    assert "clusters" in lines[1]
    assert lines[2].startswith("over 3 splits: mean ")
    assert lines[3].startswith("  blue  ")
    assert "too few" in lines[3]
    assert lines[-1] == str(photos / "probe")

    audits = {}
    for name, probe in (("saved", "probe"), ("fitted", "labels.csv")):
        code, _, _ = run(
            "audit", checkpoint, "--test-sets", photos / "tests.toml", "--probe", photos / probe, "-o", photos / name
        )
        assert code == 0
        audits[name] = json.loads((photos / name / "audit.json").read_text(encoding="utf-8"))
    val, shift = audits["saved"]["data"]
    assert (val["n"], shift["n"]) == (60, 60)
    assert "60 images were left out because the probe learned from them (probe)." in val["notes"]
    tables = [[r["groups"] for r in audit["results"]] for audit in audits.values()]
    assert tables[0] == tables[1]
    (first, second) = audits["saved"]["results"]
    assert {row["metric"] for row in first["groups"]} == {"accuracy@1"}
    assert {row["metric"] for row in second["groups"]} == {"accuracy@1", "drop_from_val"}
    assert second["params"]["classes"] == ["blue", "red"]
    page = (photos / "saved" / "report.html").read_text(encoding="utf-8")
    assert "Recognition accuracy" in page


def test_the_same_again_changes_nothing_and_another_is_refused(run: Run, checkpoint: Path, photos: Path) -> None:
    tune = ("--epochs", 1, "--batch", 16, "--milestones", "")
    for command, options in (("probe", ("--seeds", 1)), ("finetune", tune)):
        out = photos / command
        call = (command, checkpoint, "--labels", photos / "labels.csv", "-o", out, *options)
        first = run(*call)
        (out / "notes.txt").write_text("mine")
        before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.iterdir()}
        code, printed, err = run(*call)
        assert (code, printed) == (0, first[1])
        assert "already: nothing changed" in err
        code, printed, err = run(*call, "--seed", 7)
        assert (code, printed) == (2, "")
        assert "or add --overwrite: it replaces the files of that one and leaves all others." in err
        assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.iterdir()} == before
        assert run(*call, "--seed", 7, "--overwrite")[0] == 0
        after = {p.name: p.read_bytes() for p in out.iterdir()}
        assert after.pop("notes.txt") == b"mine"
        assert after["model.safetensors" if command == "finetune" else "probe.json"] not in [
            b for b, _ in before.values()
        ]


def test_a_probe_of_another_checkpoint_is_refused(run: Run, checkpoint: Path, photos: Path) -> None:
    run("probe", checkpoint, "--labels", photos / "labels.csv", "-o", photos / "probe", "--seeds", 1)
    other = save_network(photos / "other", 1)
    code, out, err = run(
        "audit",
        other,
        "--data",
        f"labelled_images={photos / 'val.csv'}",
        "--probe",
        photos / "probe",
        "-o",
        photos / "o",
    )
    assert (code, out) == (2, "")
    assert "checkpoint of the probe probe must have the weights on which it was fitted, of 'regnet'" in err
    assert not (photos / "o").exists()


def test_a_fine_tuned_checkpoint_is_audited_with_its_own_head(run: Run, checkpoint: Path, photos: Path) -> None:
    options = ("--epochs", 8, "--batch", 16, "--milestones", "7", "--rate", 0.8)
    code, out, _ = run("finetune", checkpoint, "--labels", photos / "labels.csv", "-o", photos / "tuned", *options)
    lines = out.strip().splitlines()
    assert code == 0
    assert lines[0].startswith("48 images learned, 2 labels, last loss ")
    assert lines[-1] == str(photos / "tuned")
    recipe = json.loads((photos / "tuned" / "fine_tuning.json").read_text(encoding="utf-8"))["recipe"]
    assert (recipe["epochs"], recipe["milestones"], recipe["name"]) == (8, [7], "small")
    code, _, _ = run("audit", photos / "tuned", "--data", f"labelled_images={photos / 'val.csv'}", "-o", photos / "out")
    assert code == 0
    audit = json.loads((photos / "out" / "audit.json").read_text(encoding="utf-8"))
    assert audit["data"][0]["n"] == 72
    assert "48 images were left out because tuned learned from them." in audit["data"][0]["notes"]
    overall = audit["results"][0]["groups"][0]
    assert (overall["group"], overall["value"]) == ("overall", 1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("probe", "{net}", "--labels", "{dir}/no.csv"),
            "no.csv must be a readable file; got no such file. Check its path.",
        ),
        (("probe", "nowhere", "--labels", "{dir}/labels.csv"), "checkpoint 'nowhere' must be"),
        (("probe", "{net}", "--labels", "{dir}/labels.csv", "--seeds", "0"), "seeds must be at least 1; got 0."),
        (
            ("probe", "{net}", "--labels", "{dir}/labels.csv", "--classes", "red,bleu"),
            "label of labels.csv must be one of: blue, red; got 'bleu'. Did you mean 'blue'?",
        ),
        (("finetune", "{net}", "--labels", "{dir}/labels.csv", "--preset", "goyal"), "Did you mean 'goyal2022'?"),
        (
            ("finetune", "{net}", "--labels", "{dir}/labels.csv", "--milestones", "3;4"),
            "fine-tuning.milestones.1 must be a whole number; got '3;4'. Correct it.",
        ),
        (
            ("finetune", "{net}", "--labels", "{dir}/labels.csv", "--preset", "goyal2022"),
            "batch of fine-tuning must not be larger than the number of images that are learned; got 1024 for 48. Use",
        ),
        (("audit", "{net}", "--test-sets", "{dir}/no.toml"), "no.toml must be a readable file; got no such file."),
        (
            ("audit", "{net}", "--data", "labelled_images={dir}/val.csv", "--probe", "{dir}"),
            "must be a CSV with file and label, or a folder of `fairaudit probe` (probe.json); got a folder without",
        ),
        (
            ("audit", "{net}", "--test-sets", "{dir}/tests.toml", "--set", "recognition_accuracy.reference=vel"),
            "reference of recognition_accuracy must be one of the data sets: val, shift; got 'vel'.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:60],
)
def test_wrong_input_is_one_sentence_and_nothing_is_written(
    run: Run, checkpoint: Path, photos: Path, arguments: tuple[str, ...], text: str
) -> None:
    filled = [a.format(net=checkpoint, dir=photos) for a in arguments]
    code, out, err = run(*filled, "-o", photos / "out")
    assert (code, out) == (2, "")
    assert err.strip().splitlines()[-1].startswith("fairaudit: ")
    assert text in err.strip().splitlines()[-1]
    assert "Traceback" not in err
    assert not (photos / "out").exists()


def test_a_head_without_names_is_a_row_with_its_reason(run: Run, photos: Path) -> None:
    from transformers import RegNetConfig, RegNetForImageClassification

    nameless = save_network(photos / "nameless", 0)
    config = RegNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], groups_width=8)
    config.num_labels = 3
    RegNetForImageClassification(config).save_pretrained(nameless)
    code, out, _ = run("audit", nameless, "--data", f"labelled_images={photos / 'val.csv'}", "-o", photos / "out")
    assert code == 3
    assert "recognition_accuracy could not run: the labels of the head have no names, only LABEL_0 and so on" in out
