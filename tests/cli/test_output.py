"""What a user may lose: nothing. Foreign and edited files, other requests, odd paths and full disks, signals."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fairaudit.core.marker import MARKER

Run = Callable[..., tuple[int, str, str]]
NPM = '{"auditReportVersion": 2, "vulnerabilities": {}}\n'


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def table(tmp_path: Path, rng: np.random.Generator) -> Path:
    lines = ["sample_id,gender,hit,score"]
    lines += [f"s{i},{'fm'[i % 2]},{int(rng.random() < 0.5)},{rng.random():.3f}" for i in range(200)]
    path = tmp_path / "said.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def audit(run: Run, table: Path) -> Callable[..., tuple[int, str, str]]:
    """Audit the table into a folder; further options follow it."""

    def call(out: Path | str, *options: object, outcome: str = "hit") -> tuple[int, str, str]:
        return run("audit-table", table, "--outcome", outcome, "--feature", "gender", "-o", out, *options)

    return call


def refused(result: tuple[int, str, str], *texts: str) -> None:
    code, out, error = result
    assert (code, out) == (2, "")
    assert error.startswith("fairaudit: ")
    assert error.count("\n") == 1
    for text in texts:
        assert text in error


def test_an_audit_of_npm_beside_a_thesis_stays(run: Run, audit: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "audit.json").write_text(NPM)
    (out / "thesis.txt").write_text("years")
    before = files(out)
    refused(audit(out), "got a folder with other files ('audit.json')", "or add --overwrite")
    refused(
        audit(out, "--overwrite"),
        "must leave room for audit.json",
        "is not as fairaudit wrote it and is never replaced",
    )
    refused(run("demo", "-o", out, "--quick"), "must be a new folder, an empty one or an earlier demo")
    refused(run("experiment", "data-or-size", "-o", out, "--quick"), "an empty one or an earlier experiment")
    assert files(out) == before


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("demo.json", ("demo", "--quick")),
        ("experiment.json", ("experiment", "data-or-size", "--quick")),
        ("probe.json", ("probe", "net", "--labels", "labels.csv")),
        ("fine_tuning.json", ("finetune", "net", "--labels", "labels.csv")),
    ],
)
def test_a_file_of_a_common_name_does_not_make_a_folder_ours(
    run: Run, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("{}")
    (out / "thesis.txt").write_text("years")
    refused(run(*arguments, "-o", out), f"got a folder with other files ('{name}')")
    assert files(out) == {name: b"{}", "thesis.txt": b"years"}


def test_the_same_audit_again_changes_nothing_and_notes_stay(audit: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = audit(out)
    (out / "notes.txt").write_text("mine")
    before = {p: p.stat().st_mtime_ns for p in out.iterdir()}
    code, printed, error = audit(out)
    assert (code, printed) == (0, first[1])
    assert error == f"  {out} holds this audit already: nothing changed\n"
    assert {p: p.stat().st_mtime_ns for p in out.iterdir()} == before


def test_another_audit_is_refused_and_overwrites_only_what_is_ours(audit: Run, tmp_path: Path, table: Path) -> None:
    out = tmp_path / "out"
    audit(out)
    (out / "notes.txt").write_text("mine")
    before = files(out)
    refused(audit(out, outcome="score"), 'differs in \'outcomes\' (["hit"], now ["score"])', "or add --overwrite")
    refused(audit(out, "--average", "macro"), 'differs in \'average\' ("micro", now "macro")')
    text = table.read_text()
    table.write_text(text.replace("s0,f", "s0,m"))
    refused(audit(out), "differs in 'rows'")
    table.write_text(text)
    assert files(out) == before
    assert audit(out, "--overwrite", outcome="score")[0] == 0
    after = files(out)
    assert after["notes.txt"] == b"mine"
    assert json.loads(after["audit.json"])["config"]["outcomes"] == ["score"]
    assert set(after) == set(before)


def test_another_version_and_an_audit_without_a_marker_are_not_cleared(audit: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    audit(out)
    marker = json.loads((out / MARKER).read_text())
    (out / MARKER).write_text(json.dumps({**marker, "version": "0.0.1"}))
    before = files(out)
    refused(audit(out), "version 0.0.1 of fairaudit wrote")
    (out / MARKER).unlink()
    refused(audit(out), "no list of ours (.fairaudit.json). Choose another folder, or add --overwrite")
    refused(audit(out, "--overwrite"), "must leave room for audit.json")
    del before[MARKER]
    assert files(out) == before


@pytest.mark.parametrize("name", ["report.html", "audit.json", "statistics.parquet"])
def test_an_edited_file_is_kept(run: Run, audit: Run, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    audit(out)
    with (out / name).open("ab") as file:
        file.write(b"\n")
    before = files(out)
    for options in ((), ("--overwrite",)):
        refused(audit(out, *options), f"got a '{name}' that was changed since it was written and is never replaced")
    refused(audit(out, "--overwrite", outcome="score"), f"got a '{name}' that was changed")
    if name == "report.html":
        refused(
            run("report", out), "replace one of kind 'audit' as fairaudit wrote it; got one that was edited. Move it"
        )
    assert files(out) == before


def test_an_edited_audit_is_told_by_every_reader(run: Run, audit: Run, tmp_path: Path) -> None:
    for name in ("out", "other"):
        audit(tmp_path / name)
    path = tmp_path / "out" / "audit.json"
    text = path.read_text(encoding="utf-8")
    assert "was edited" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    path.write_text(text.replace('"title": "hit"', '"title": "no harm"'), encoding="utf-8")
    report = program("report", tmp_path / "out")
    assert f"UserWarning: {path} was edited since it was written: its digest" in report.communicate()[1]
    assert report.returncode == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.index("was edited since it was written") < page.index('id="summary"')
    with pytest.warns(UserWarning, match=r"audit\.json was edited since it was written"):
        code, _, _ = run("compare", tmp_path / "out", tmp_path / "other", "-o", tmp_path / "page.html")
    assert code == 0
    assert "out was edited since it was written" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_page_replaces_a_page_of_ours_and_no_other_file(run: Run, audit: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        audit(tmp_path / name)
    path = tmp_path / "page.html"
    compare = ("compare", tmp_path / "one", tmp_path / "two", "-o", path)
    assert [run(*compare)[0] for _ in range(2)] == [0, 0]
    for foreign in ("<html>thesis</html>", path.read_text(encoding="utf-8").replace("Summary", "My summary")):
        path.write_text(foreign, encoding="utf-8")
        refused(run(*compare), "got another file" if "thesis" in foreign else "got one that was edited")
        assert path.read_text(encoding="utf-8") == foreign
        if "thesis" in foreign:
            refused(run(*compare, "--overwrite"), "got another file. Move it away or choose another name.")
            assert path.read_text(encoding="utf-8") == foreign
    assert run(*compare, "--overwrite")[0] == 0
    assert "My summary" not in path.read_text(encoding="utf-8")


def test_a_profile_and_a_datasheet_replace_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_text("file,country\n" + "a.jpg,KE\n" * 20)
    (tmp_path / "profile.json").write_text(NPM)
    (tmp_path / "datasheet.toml").write_text('licence = "CC0"\n')
    profile = ("data", "profile", tmp_path / "images.csv", "-o", tmp_path / "profile.json")
    for options in ((), ("--overwrite",)):
        refused(run(*profile, *options), "profile.json must be a new file", "got another file. Move it away")
    refused(run("data", "datasheet", tmp_path), "must not be there yet")
    assert (tmp_path / "profile.json").read_text() == NPM
    assert (tmp_path / "datasheet.toml").read_text() == 'licence = "CC0"\n'
    (tmp_path / "profile.json").unlink()
    assert [run(*profile)[0] for _ in range(2)] == [0, 0]
    assert "n_rows" in (tmp_path / "profile.json").read_text()
    with (tmp_path / "profile.json").open("a") as file:
        file.write(" ")
    refused(run(*profile), "got one that was edited", "or add --overwrite")
    assert run(*profile, "--overwrite")[0] == 0
    table = (tmp_path / "images.csv").read_bytes()
    refused(
        run("data", "profile", tmp_path / "images.csv", "-o", tmp_path / "images.csv", "--overwrite"), "another file"
    )
    assert (tmp_path / "images.csv").read_bytes() == table


def test_a_file_replaces_only_one_of_its_kind(run: Run, audit: Run, tmp_path: Path, table: Path) -> None:
    for name in ("a1", "a2"):
        audit(tmp_path / name)
    (tmp_path / "thesis.txt").write_text("years")
    (tmp_path / "link.html").symlink_to(tmp_path / "a1" / "report.html")
    before = files(tmp_path)
    compare, profile = ("compare", tmp_path / "a1", tmp_path / "a2"), ("data", "profile", table)
    for command, name, got in (
        (compare, "thesis.txt", "another file"), (compare, "a1/audit.json", "another file"),
        (compare, "a1/report.html", "one of kind 'audit'"), (profile, "a2/report.html", "one of kind 'audit'"),
        (compare, "link.html", "no plain file"),
    ):  # fmt: skip
        for options in ((), ("--overwrite",)):
            refused(run(*command, "-o", tmp_path / name, *options), f"got {got}. Move it away")
    assert files(tmp_path) == before
    assert (tmp_path / "link.html").is_symlink()
    (tmp_path / "a1" / "report.html").rename(tmp_path / "mine.html")
    (tmp_path / "a1" / "report.html").symlink_to(tmp_path / "mine.html")
    refused(run("report", tmp_path / "a1", "--overwrite"), "got no plain file")
    assert (tmp_path / "a1" / "report.html").is_symlink()


def test_half_an_audit_is_neither_shown_nor_compared(run: Run, audit: Run, tmp_path: Path) -> None:
    for name in ("a1", "a2"):
        audit(tmp_path / name)
    marker = json.loads((tmp_path / "a1" / MARKER).read_text())
    (tmp_path / "a1" / MARKER).write_text(json.dumps({**marker, "state": "replacing"}))
    text = "a1 must hold one whole result; got one whose files were replaced in part. Repeat the command"
    refused(run("report", tmp_path / "a1"), text)
    refused(run("compare", tmp_path / "a1", tmp_path / "a2", "-o", tmp_path / "page.html"), text)


def test_the_remedy_fits_the_disk_error(audit: Run, table: Path, tmp_path: Path) -> None:
    refused(audit(table / "x"), "got 'Not a directory'", "Check this path, or choose another folder.")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    refused(audit(tmp_path / "link"), "must be a folder; got a link to no folder. Choose another name.")


@pytest.mark.parametrize(
    ("out", "text"),
    [
        ("said.csv/b", "got 'Not a directory'"),
        ("x" * 300, "got 'File name too long'"),
        (".", "got one that holds the working folder"),
        ("/proc/x", "got 'No such file or directory'"),
    ],
)
def test_an_impossible_folder_is_refused_before_the_work(
    run: Run, audit: Run, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    refused(audit(out), text)
    for command in (
        ("demo", "--quick"), ("experiment", "data-or-size"), ("probe", "n", "--labels", "l"),
        ("finetune", "n", "--labels", "l"), ("audit", "nowhere", "--data", f"labelled_images={table}"),
    ):  # fmt: skip
        refused(run(*command, "-o", out), text)
    refused(run("compare", "no", "audits", "-o", f"{out}/page.html" if out != "." else out), "output ", "got ")
    assert files(tmp_path) == before


def program(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fairaudit", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options
    )


@pytest.mark.parametrize("limit", [100, 3_000, 20_000, 60_000])
def test_a_file_that_may_not_grow_is_one_sentence(table: Path, tmp_path: Path, limit: int) -> None:
    """Limits below and above the trial write, so that JSON, Parquet and the page each meet one."""
    out = tmp_path / "out"
    process = program(
        "audit-table", table, "--outcome", "hit", "--feature", "gender", "-o", out,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    printed, error = process.communicate()
    assert (process.returncode, printed) == (2, "")
    assert error.startswith(f"fairaudit: output {out} must be written whole; got 'File too large'")
    assert error.count("\n") == 1
    assert not out.exists()


SAVERS = """
import resource, sys
from pathlib import Path
import numpy as np
import pandas as pd
from fairaudit.core.errors import ConfigError
from fairaudit.core.files import write_json, write_npy, write_parquet
from fairaudit.core.output_folder import OutputFolder
def weights(path):
    from safetensors.numpy import save_file
    save_file({"a": np.zeros(200_000)}, path)
savers = {
    "npy": lambda path: write_npy(path, np.zeros(200_000)),
    "parquet": lambda path: write_parquet(path, pd.DataFrame({"a": np.random.default_rng(0).random(200_000)})),
    "json": lambda path: write_json(path, ["x" * 200_000]),
    "safetensors": weights,
}
import pyarrow.parquet, safetensors.numpy
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for name, save in savers.items():
    folder = OutputFolder(sys.argv[1], "audit", ())
    folder.check()
    try:
        with folder.replaced() as new:
            save(new / f"a.{name}")
    except ConfigError as error:
        print(name, error)
"""


def test_every_library_that_writes_is_told_by_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", SAVERS, str(out)], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["npy", "parquet", "json", "safetensors"]
    for line in lines:
        assert f"output {out} must be written whole; got '" in line
        assert "What was there before is kept. Free space on its disk, or choose another folder." in line
    assert not out.exists()


@pytest.fixture
def faces(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Noise in the layout of UTKFace: nobody is in it."""
    folder = tmp_path / "faces"
    folder.mkdir()
    for i in range(120):
        pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{20 + i % 50}_{i % 2}_{i % 3}_201701{i:011d}.jpg")
    return folder


@pytest.fixture
def slow_network(tmp_path: Path) -> str:
    """``module:function`` of a network that takes its time for the images, and says when it begins."""
    (tmp_path / "slow_net.py").write_text(
        "import sys, time, torch\n"
        "class Slow(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.weight = torch.nn.Parameter(torch.ones(1))\n"
        "    def forward(self, x):\n"
        "        if len(x) > 2:\n"
        "            print('begins', file=sys.stderr, flush=True)\n"
        "            time.sleep(0.4)\n"
        "        return x.flatten(1)[:, :8] * self.weight\n"
        "def make():\n"
        "    return Slow()\n"
    )
    (tmp_path / "pre.json").write_text('{"size": 24, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}')
    return "slow_net:make"


def stopped(process: subprocess.Popen[str], number: int, *, after: str, times: int = 1) -> str:
    """Send a signal when standard error has had the text so often; return all of standard error."""
    assert process.stderr is not None
    seen = ""
    while seen.count(after) < times:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(number)
    _, rest = process.communicate(timeout=100)
    return seen + rest


def listens() -> None:
    """Let a child listen to Ctrl-C also where these tests run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_audit_says_what_it_kept_and_goes_on(
    slow_network: str, faces: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    arguments = (
        "audit", slow_network, "--data", f"utkface={faces}", "--indicator", "representation_disparity",
        "--preprocessing", "pre.json", "--cache", cache, "--batch-size", 16, "-o", out,
    )  # fmt: skip
    process = program(*arguments, cwd=tmp_path, preexec_fn=listens)
    error = stopped(process, number, after="begins", times=3)
    assert process.returncode == 128 + number
    assert error.splitlines()[-1] == (
        f"fairaudit: stopped by {number.name}. The embeddings made so far are kept in {cache}; the same command goes "
        "on from there."
    )
    assert "Traceback" not in error
    assert not out.exists()
    if number == signal.SIGTERM:
        again = program(*arguments, cwd=tmp_path)
        _, error = again.communicate()
        assert again.returncode == 0
        kept = [int(line.split()[0]) for line in error.splitlines() if "had been embedded before" in line]
        assert kept[0] >= 32


def living(session: int) -> list[int]:
    """Processes of a session that are not dead."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of_session = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of_session) == session and state not in "ZX":
            found.append(int(path.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc to look for processes in")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_demo_says_what_it_kept_and_its_workers_end(tmp_path: Path, number: signal.Signals) -> None:
    process = program("demo", "--quick", "-o", "out", cwd=tmp_path, preexec_fn=listens)
    session = os.getsid(process.pid)
    error = stopped(process, number, after=" s)")
    if number == signal.SIGKILL:
        assert process.returncode == -9
    else:
        assert process.returncode == 128 + number
        last = error.splitlines()[-1]
        assert last.startswith(f"fairaudit: stopped by {number.name}. ")
        assert last.endswith(" of 9 steps are finished and kept; the same command goes on from there.")
    assert "Traceback" not in error
    for _ in range(100):  # the tracker of multiprocessing ends a moment later
        if not living(session):
            break
        time.sleep(0.1)
    assert not living(session)


def test_a_stopped_training_goes_on_from_its_checkpoint(faces: Path, tmp_path: Path) -> None:
    recipe = resources.files("fairaudit.pretrain") / "recipes" / "debug_cpu.toml"
    (tmp_path / "often.toml").write_text(recipe.read_text(encoding="utf-8") + "checkpoint_every = 2\n")
    arguments = ("pretrain", "often.toml", "--data", faces, "-o", "run")
    process = program(*arguments, cwd=tmp_path, preexec_fn=listens)
    while process.poll() is None and not (tmp_path / "run" / "checkpoint.previous.pt").is_file():
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=100)
    assert process.returncode == 143, error
    assert error.splitlines()[-1] == (
        "fairaudit: stopped by SIGTERM. The run in run is kept up to its last checkpoint; the same command goes on "
        "from there."
    )
    assert "Traceback" not in error


def test_a_stopped_training_leaves_a_file_of_the_user_and_two_never_share_a_folder(faces: Path, tmp_path: Path) -> None:
    arguments = ("pretrain", "debug_cpu", "--data", faces, "-o", "run")
    process = program(*arguments, cwd=tmp_path, preexec_fn=listens)
    while process.poll() is None and not (tmp_path / "run" / "metrics.jsonl").is_file():
        time.sleep(0.05)
    again = program(*arguments, cwd=tmp_path)
    _, error = again.communicate(timeout=100)
    assert again.returncode == 2
    assert "output run must be written by one command at a time; got another that writes there now" in error
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=100)
    (tmp_path / "run" / "finished.json").write_text(NPM)
    again = program(*arguments, cwd=tmp_path)
    _, error = again.communicate(timeout=100)
    assert again.returncode == 2
    assert "must leave room for finished.json; got a 'finished.json' that is not as fairaudit wrote it" in error
    assert (tmp_path / "run" / "finished.json").read_text() == NPM
