"""The command line as a user meets it: what it prints, what it refuses, with which sentence and which code."""

from __future__ import annotations

import html
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fairaudit.cli import main as cli
from fairaudit.core.plan import Plan, PlanRow, read_plan

Run = Callable[..., tuple[int, str, str]]
WATCHED = ("pretrain", "quick", "--data", "{faces}", "-o", "{tmp}/run")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that this project did not make: a small RegNet written by ``save_pretrained``."""
    import torch
    from transformers import ConvNextImageProcessorPil, RegNetConfig, RegNetModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoint") / "regnet"
    config = RegNetConfig(embedding_size=8, hidden_sizes=[8, 16, 16, 24], depths=[1, 1, 1, 1], groups_width=8)
    RegNetModel(config).save_pretrained(folder)
    ConvNextImageProcessorPil(size={"shortest_edge": 32}, crop_pct=1.0).save_pretrained(folder)
    return folder


def picture(path: Path, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def faces(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder in the layout of UTKFace, of noise: nobody is in it."""
    folder = tmp_path / "faces"
    for i in range(120):
        picture(folder / f"{20 + i % 50}_{i % 2}_{i % 3}_201701{i:011d}.jpg", rng)
    return folder


def test_audit_ends_with_the_path_of_the_report(run: Run, checkpoint: Path, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, _ = run("audit", checkpoint, "--data", f"utkface={faces}", "-o", out)
    assert code == 0
    assert printed.strip().splitlines()[-1] == str(out / "report.html")
    document = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    assert [r["indicator"] for r in document["results"]] == ["representation_disparity"]
    assert {f["indicator"] for f in document["failures"]} == {
        "geographic_disparity",
        "hate_speech",
        "label_association",
    }
    assert "label_association could not run: label_association needs predictions, but 'regnet' gives only" in printed
    assert "Add a label head: --probe LABELS.csv" in printed
    assert "Add one, for example --data dollar_street=DIR." in printed


def test_a_repeated_audit_takes_its_embeddings_from_the_cache(
    run: Run, checkpoint: Path, faces: Path, tmp_path: Path
) -> None:
    seen, documents, only = [], [], ("--indicator", "representation_disparity")
    for i, options in enumerate((("--cache", tmp_path / "cache"), ("--cache", tmp_path / "cache"), ("--no-cache",))):
        out = tmp_path / f"out{i}"
        code, _, told = run("audit", checkpoint, "--data", f"utkface={faces}", *only, *options, "-o", out)
        assert code == 0
        seen += re.findall(r"([\d,]+) of 120 images had been embedded before; .*cache holds [\d.]+ of at most", told)
        documents.append(json.loads((out / "audit.json").read_text(encoding="utf-8"))["provenance"])
    assert seen == ["0", "120"]
    assert [document["selftest"]["cached"] for document in documents] == [False, True, False]
    assert len({document["digest"] for document in documents}) == 1


def test_a_cache_that_is_a_file_is_refused_before_the_checkpoint_is_opened(
    run: Run, faces: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").touch()
    command = ("audit", tmp_path / "none", "--data", f"utkface={faces}", "-o", tmp_path / "out")
    assert "none" in run(*command)[2]
    code, _, error = run(*command, "--cache", tmp_path / "cache")
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith(f"fairaudit: cache {tmp_path / 'cache'} must be a folder; got a file of that name. Choose")


def test_report_and_compare_need_only_the_saved_audit(run: Run, checkpoint: Path, faces: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        only = ("--indicator", "representation_disparity")
        run("audit", checkpoint, "--data", f"utkface={faces}", *only, "-o", tmp_path / name)
    first = (tmp_path / "one" / "report.html").read_bytes()
    code, printed, _ = run("report", tmp_path / "one")
    assert (code, printed.strip()) == (0, str(tmp_path / "one" / "report.html"))
    assert (tmp_path / "one" / "report.html").read_bytes() == first
    code, printed, _ = run("compare", tmp_path / "one", tmp_path / "two", "-o", tmp_path / "side.html")
    said, path = printed.strip().splitlines()
    assert (code, path) == (0, str(tmp_path / "side.html"))
    assert re.fullmatch(r"No change against one could be estimated \(\d+ planned disparities\)\.", said)
    page = (tmp_path / "side.html").read_text(encoding="utf-8")
    assert "one" in page
    assert "two" in page
    code, _, error = run("compare", tmp_path / "one")
    assert (code, error) == (
        2,
        "fairaudit: a comparison must have at least two audits; got 1. Add another audit.\n",
    )


def test_two_audits_of_one_thing_have_one_digest(run: Run, checkpoint: Path, faces: Path, tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        run("audit", checkpoint, "--data", f"utkface={faces}", "-o", tmp_path / name)
        digests.append(json.loads((tmp_path / name / "audit.json").read_text())["provenance"]["digest"])
    assert digests[0] == digests[1]


def test_nothing_to_measure_exits_with_3(run: Run, checkpoint: Path, faces: Path, tmp_path: Path) -> None:
    only = ("--indicator", "label_association")
    code, printed, _ = run("audit", checkpoint, "--data", f"utkface={faces}", *only, "-o", tmp_path / "out")
    assert code == 3
    assert "could not run" in printed
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_malformed_name_is_counted_and_listed(run: Run, checkpoint: Path, faces: Path, tmp_path: Path) -> None:
    (faces / "61_1_20170109142408075.jpg").write_bytes((next(faces.iterdir())).read_bytes())
    code, _, _ = run("audit", checkpoint, "--data", f"utkface={faces}", "-o", tmp_path / "out")
    assert code == 0
    card = json.loads((tmp_path / "out" / "audit.json").read_text())["data"][0]
    assert (card["n"], card["n_skipped"]) == (120, 1)
    assert card["skipped"][0]["file"].endswith("61_1_20170109142408075.jpg")
    assert "61_1_20170109142408075.jpg" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_one_unreadable_image_in_more_than_a_hundred_is_counted(
    run: Run, checkpoint: Path, faces: Path, tmp_path: Path
) -> None:
    sorted(faces.iterdir())[3].write_bytes(b"no image")
    code, _, _ = run("audit", checkpoint, "--data", f"utkface={faces}", "-o", tmp_path / "out")
    assert code == 0
    card = json.loads((tmp_path / "out" / "audit.json").read_text())["data"][0]
    assert (card["n"], card["n_skipped"]) == (119, 1)


def test_more_than_one_percent_unreadable_stops_unless_allowed(
    run: Run, checkpoint: Path, faces: Path, tmp_path: Path
) -> None:
    for path in sorted(faces.iterdir())[:2]:
        path.write_bytes(b"no image")
    arguments = ("audit", checkpoint, "--data", f"utkface={faces}", "-o", tmp_path / "out")
    code, _, error = run(*arguments)
    assert code == 2
    assert "2 of 120" in error
    assert "--allow-unreadable" in error
    assert not (tmp_path / "out").exists()
    code, _, _ = run(*arguments, "--allow-unreadable")
    assert code == 0


def sentence(error: str) -> str:
    """The last line: warnings of libraries may stand before it."""
    return error.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("audit", "nowhere", "--data", "utkface={faces}"), "checkpoint 'nowhere' must be"),
        (("audit", "{checkpoint}", "--data", "utkfaces={faces}"), "got 'utkfaces'. Did you mean 'utkface'?"),
        (("audit", "{checkpoint}", "--data", "utkface"), "--data must be [NAME:]READER=DIR; got 'utkface'."),
        (("audit", "{checkpoint}", "--data", "utkface={tmp}/absent"), "absent"),
        (("audit", "{checkpoint}", "--data", "utkface={tmp}/empty"), "empty"),
        (
            ("audit", "{checkpoint}", "--data", "utkface={faces}", "--data", "utkface={faces}"),
            "data sets must have different names; got 'utkface' twice. Name one of them: --data other:utkface=DIR.",
        ),
        (
            ("audit", "{checkpoint}", "--data", "utkface={faces}", "--indicator", "label_asociation"),
            "Did you mean 'label_association'?",
        ),
        (
            ("audit", "{checkpoint}", "--data", "utkface={faces}", "--set", "label_association.treshold=0.3"),
            "key of label_association must be one of: control_features, drop_unknown, k, ks, n_labels, "
            "slope_tolerance, taxonomy, threshold, thresholds, tolerance; got 'treshold'. Did you mean 'threshold'?",
        ),
        (
            ("audit", "{checkpoint}", "--data", "utkface={faces}", "--set", "label_association.threshold=high"),
            "label_association.threshold must be a number; got 'high'. Correct it.",
        ),
        (
            ("audit", "{checkpoint}", "--data", "utkface={faces}", "--set", "label_association.tau=0.3"),
            "option label_association.tau was renamed; got 'tau'. Write threshold instead.",
        ),
        (
            ("audit", "{checkpoint}", "--data", "utkface={faces}", "--set", "label_association.taxonomy=goyal2021"),
            "Did you mean 'goyal2022'?",
        ),
        (
            ("audit", "{checkpoint}", "--data", "utkface={faces}", "--set", "representation_disparity.gallery=cc"),
            "gallery of representation_disparity must be one of the data sets: utkface; got 'cc'.",
        ),
        (
            (
                "audit",
                "{checkpoint}",
                "--data",
                "utkface={faces}",
                "--set",
                "representation_disparity.control_features=age,gendre",
            ),
            "control_features of representation_disparity on 'utkface' must be one of: age_group, gender, race; got "
            "'age'.",
        ),
        (("audit", "{checkpoint}", "--data", "utkface={faces}", "--probe", "no.csv"), "no.csv"),
        (("audit", "{checkpoint}", "--data", "utkface={faces}", "--batch-size", "0"), "batch size must be at least 1"),
        (
            ("audit", "{checkpoint}", "--data", "utkface={faces}", "--plan", "{tmp}/absent.toml"),
            "absent.toml must be a readable file; got no such file. Check its path.",
        ),
        (
            ("report", "{tmp}/empty"),
            "empty must hold an audit (audit.json) or a training run (recipe.toml); got neither. Give the folder that "
            "`fairaudit audit` or `fairaudit pretrain` wrote with -o.",
        ),
        (("pretrain", "quick", "--data", "{tmp}/empty", "-o", "{tmp}/run"), "must contain images"),
        (("pretrain", "quik", "--data", "{faces}", "-o", "{tmp}/run"), "Did you mean 'quick'?"),
        ((*WATCHED, "--watch", "utkfaces={faces}"), "got 'utkfaces'. Did you mean 'utkface'?"),
        ((*WATCHED, "--watch", "{faces}"), "--watch must be [NAME:]READER=DIR; got"),
        (
            (*WATCHED, "--watch", "utkface={faces}", "--indicator", "label_asociation"),
            "got 'label_asociation'. Did you mean 'label_association'?",
        ),
        (
            (*WATCHED, "--watch", "utkface={faces}", "--indicator", "label_association"),
            "label_association needs predictions, but 'network in training' gives only embeddings. Add a label head: "
            "--probe LABELS.csv",
        ),
        (
            (*WATCHED, "--indicator", "label_association"),
            "--indicator must be used with --watch; got no data set to watch. Add --watch READER=DIR.",
        ),
        (
            (*WATCHED, "--allow-unreadable"),
            "--allow-unreadable must be used with --watch; got no data set to watch. Add --watch READER=DIR.",
        ),
        (
            (*WATCHED, "--set", "representation_disparity.k=5"),
            "--set must be used with --watch; got no data set to watch. Add --watch READER=DIR.",
        ),
        (
            (*WATCHED, "--watch-every", "5"),
            "--watch-every must be used with --watch or --watch-labels; got neither. Add one of them.",
        ),
        ((*WATCHED, "--watch", "utkface={faces}", "--watch-every", "0"), "every must be 1 or more; got 0."),
        ((*WATCHED, "--watch-labels", "{tmp}/no.csv"), "no.csv must be a readable file; got no such file."),
        (("demo", "--bias", "3", "-o", "{tmp}/run"), "bias must be from 0 (nothing planted) to 1; got 3."),
        (("experiment", "data-or-size", "--seeds", "0", "-o", "{tmp}/run"), "seeds must be at least 1; got 0. Use 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:60],
)
def test_wrong_input_gets_one_sentence_and_nothing_is_written(
    run: Run, checkpoint: Path, faces: Path, tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    (tmp_path / "empty").mkdir()
    filled = [a.format(checkpoint=checkpoint, faces=faces, tmp=tmp_path) for a in arguments]
    if arguments[0] == "audit":
        filled += ["-o", str(tmp_path / "out")]
    code, printed, error = run(*filled)
    assert code == 2, error
    assert printed == ""
    assert sentence(error).startswith("fairaudit: ")
    assert text in sentence(error)
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "run").exists()


PLAN = """
name = "mine"
tolerance = 0.2
[[primary]]
indicator = "representation_disparity"
metric = "balanced_precision@10"
feature = "gender"
kind = "one_vs_rest"
"""


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("tolerance = 0.2", "tolerance = 2", "tolerance of the plan must be a number between 0 and 1; got 2."),
        ("feature", "faeture", "got 'faeture'. Did you mean 'feature'?"),
        (
            "representation_disparity",
            "representation_disparities",
            "indicator of plan row 1 must be one of: geographic_disparity, hate_speech, label_association, "
            "recognition_accuracy, representation_disparity; got 'representation_disparities'. Did you mean "
            "'representation_disparity'?",
        ),
        (
            "[[primary]]",
            "[[primary]]\ndataset = 'utk'",
            "dataset of plan row 1 must be one of: utkface; got 'utk'. Did you mean 'utkface'?",
        ),
        (
            "representation_disparity",
            "hate_speech'\ndataset = 'utkface",
            "dataset of plan row 1 must show memes, which hate_speech is about; got 'utkface', which shows people.",
        ),
    ],
    ids=["tolerance", "key", "indicator", "dataset", "subject"],
)
def test_a_wrong_plan_is_refused_before_the_checkpoint_is_opened(
    run: Run, faces: Path, tmp_path: Path, old: str, new: str, text: str
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.replace('"', "'").replace(old, new))
    code, printed, error = run("audit", "nowhere", "--data", f"utkface={faces}", "--plan", path, "-o", tmp_path / "out")
    assert (code, printed) == (2, "")
    assert sentence(error).startswith("fairaudit: ")
    assert text in sentence(error)
    assert not (tmp_path / "out").exists()


def test_a_plan_that_names_no_comparison_of_the_audit_writes_nothing(
    run: Run, checkpoint: Path, faces: Path, tmp_path: Path
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.replace("gender", "gendre"))
    out = tmp_path / "out"
    code, _, error = run("audit", checkpoint, "--data", f"utkface={faces}", "--plan", path, "-o", out)
    assert code == 2
    assert "feature of plan row 1 (representation_disparity) must be one of: age_group, " in sentence(error)
    assert "got 'gendre'. Did you mean 'gender'?" in sentence(error)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["faces", "plan.toml"]


def test_the_plan_of_the_readme_decides_what_counts(run: Run, checkpoint: Path, faces: Path, tmp_path: Path) -> None:
    """The example of the README, on people alone: its row about homes stays, as not estimable."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(name = .*?)```", readme, flags=re.DOTALL)
    path = tmp_path / "plan.toml"
    path.write_text(example, encoding="utf-8")
    out = tmp_path / "out"
    code, printed, _ = run("audit", checkpoint, "--data", f"utkface={faces}", "--plan", path, "-o", out)
    assert code == 0
    document = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    plan = document["plan"]
    assert plan == read_plan(path).document()
    assert plan["name"] == "release check"
    primary = [
        (r["indicator"], r["dataset"], d["metric"], d["feature"], d["kind"], d["tolerance"], d["status"])
        for r in document["results"]
        for d in r["disparities"]
        if d["family"] == "primary"
    ]
    assert primary == [
        ("representation_disparity", "utkface", "balanced_precision@10", "gender", "one_vs_rest", 0.05, "ok"),
        ("geographic_disparity", "", "hit@5", "income", "slope", 0.02, "not_estimable"),
    ]
    homes = "geographic_disparity needs a data set of objects; none was given"
    assert (
        f"trend per doubling of income on hit@5 cannot be estimated: the indicator could not run: {homes}." in printed
    )
    page = html.unescape((out / "report.html").read_text(encoding="utf-8"))
    for told in ("release check", plan["digest"], homes):
        assert told in page
    again = run("report", out)
    assert (again[0], html.unescape((out / "report.html").read_text(encoding="utf-8"))) == (0, page)


def test_a_plan_may_be_an_object_and_names_what_did_not_run(checkpoint: Path, faces: Path) -> None:
    import fairaudit

    plan = Plan((PlanRow("hate_speech", "auroc", "target", "one_vs_rest"),), name="object")
    only = ["representation_disparity"]
    found = fairaudit.audit(checkpoint, data={"utkface": faces}, indicators=only, plan=plan, progress=False)
    assert found.plan == plan.document()
    rows = found.disparities
    primary = rows[rows["family"] == "primary"]
    assert primary["note"].tolist() == ["hate_speech is not among the indicators of this audit"]
    assert primary["verdict"].tolist() == ["not_estimable"]
    assert (rows["family"] == "exploratory").sum() > 3
    assert found.failures == ()


def test_an_audit_of_which_only_the_plan_is_left_exits_with_3(
    run: Run, checkpoint: Path, faces: Path, tmp_path: Path
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    only = ("--indicator", "label_association", "--plan", path)
    code, _, _ = run("audit", checkpoint, "--data", f"utkface={faces}", *only, "-o", tmp_path / "out")
    assert code == 3


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("audit", "Error: Missing argument 'CHECKPOINT'."),
        ("audit-table", "Error: Missing argument 'TABLE'."),
        ("audit run --outcome hit", "Error: No such option: --outcome"),
        (
            "audit run --tests tests.toml",
            "Error: No such option: --tests (Possible options: --preset, --set, --test-sets)",
        ),
        ("audit-table said.csv --seed 0", "Error: No such option: --seed"),
        ("audit-table said.csv --data utkface=x", "Error: No such option: --data"),
        (
            "audit run",
            "fairaudit: an audit must have at least one data set; got none. Give --data READER=DIR with one of: ",
        ),
        (
            "audit-table no.csv --outcome a --feature b",
            "fairaudit: outcomes no.csv must be a .parquet or .csv file; got no such file",
        ),
    ],
)
def test_an_audit_must_have_something_to_audit(run: Run, tmp_path: Path, arguments: str, text: str) -> None:
    code, printed, error = run(*arguments.split(), "-o", tmp_path / "out")
    assert (code, printed) == (2, "")
    assert sentence(error).startswith(text)
    assert not list(tmp_path.iterdir())


class _Bomb:
    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return Path.touch, (Path("executed"),)  # type: ignore[return-value]


def test_a_pickle_that_wants_to_execute_is_refused(
    run: Run, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pth").write_bytes(pickle.dumps(_Bomb()))
    code, _, error = run("audit", "model.pth", "--data", f"utkface={faces}", "-o", tmp_path / "out")
    assert code == 2
    assert "model.pth" in error
    assert not (tmp_path / "executed").exists()
    assert not (tmp_path / "out").exists()


def test_two_memes_with_one_id_are_refused(
    run: Run, checkpoint: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    folder = tmp_path / "memes"
    picture(folder / "img" / "1.png", rng)
    row = json.dumps({"id": 1, "img": "img/1.png", "label": 0, "text": "good morning"})
    (folder / "train.jsonl").write_text(f"{row}\n{row}\n")
    code, _, error = run("audit", checkpoint, "--data", f"hateful_memes={folder}", "-o", tmp_path / "out")
    assert code == 2
    assert "must have one row per sample_id; got '1' 2 times." in error


def test_an_output_folder_with_other_files_is_refused(run: Run, checkpoint: Path, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    code, _, error = run("audit", checkpoint, "--data", f"utkface={faces}", "-o", tmp_path / "out")
    assert code == 2
    assert "must be a new folder, an empty one or an earlier audit; got a folder with other files" in error
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"


def test_queries_and_gallery_may_be_two_sets(
    run: Run, checkpoint: Path, faces: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    for i in range(60):
        picture(tmp_path / "more" / f"{30 + i % 20}_{i % 2}_{i % 3}_201702{i:011d}.jpg", rng)
    code, _, _ = run(
        "audit", checkpoint, "--data", f"queries:utkface={faces}", "--data", f"gallery:utkface={tmp_path / 'more'}",
        "--set", "representation_disparity.gallery=gallery", "--set", "representation_disparity.k=1,5",
        "--indicator", "representation_disparity", "-o", tmp_path / "out",
    )  # fmt: skip
    assert code == 0
    results = json.loads((tmp_path / "out" / "audit.json").read_text())["results"]
    of_queries = next(r for r in results if r["dataset"] == "queries")
    assert of_queries["params"]["gallery"] == "gallery"
    assert of_queries["params"]["k"] == [1, 5]
    assert of_queries["params"]["n_gallery"] == 60


def test_the_options_are_those_that_users_know() -> None:
    """The surface is frozen: a new option is a decision, not an accident."""
    import typer.main

    group = typer.main.get_command(cli.app)
    commands = dict(group.commands)  # type: ignore[attr-defined]
    for group_name in ("data", "experiment"):
        inner = commands.pop(group_name).commands
        commands |= {f"{group_name} {name}": command for name, command in inner.items()}
    surface = {
        name: sorted(o for p in command.params for o in p.opts if o.startswith("--"))
        for name, command in commands.items()
    }
    assert surface == {
        "audit": ["--allow-unreadable", "--batch-size", "--cache", "--data", "--indicator", "--layer", "--no-cache",
                  "--output", "--overwrite", "--plan", "--preprocessing", "--preset", "--probe", "--prompts", "--seed",
                  "--set", "--test-sets", "--text-encoder", "--trust-checkpoint"],
        "audit-table": ["--average", "--control-feature", "--feature", "--outcome", "--output", "--overwrite", "--plan",
                        "--sample-weight", "--tolerance", "--unbounded"],
        "compare": ["--output", "--overwrite"],
        "data check": ["--expected", "--headers-only", "--json"],
        "data datasheet": [],
        "data profile": ["--cluster", "--field", "--images-at-least", "--json", "--output", "--overwrite", "--sample",
                         "--seed"],
        "demo": ["--bias", "--output", "--overwrite", "--quick", "--seed"],
        "experiment data-or-size": ["--bias", "--output", "--overwrite", "--quick", "--seed", "--seeds"],
        "finetune": ["--batch", "--batch-size", "--classes", "--epochs", "--factor", "--flip", "--labels",
                     "--least-area", "--milestones", "--momentum", "--output", "--overwrite", "--preprocessing",
                     "--preset", "--rate", "--resize", "--seed", "--size", "--weight-decay"],
        "power": ["--clusters", "--difference", "--group", "--icc", "--json", "--per-cluster", "--rest", "--rows",
                  "--share", "--size-cv"],
        "pretrain": ["--allow-unreadable", "--data", "--indicator", "--output", "--probe", "--samples", "--seed",
                     "--set", "--text-encoder", "--watch", "--watch-every", "--watch-labels"],
        "probe": ["--batch-size", "--classes", "--labels", "--output", "--overwrite", "--preprocessing", "--seed",
                  "--seeds"],
        "report": ["--overwrite"],
        "selftest": ["--draws", "--seed"],
    }  # fmt: skip
