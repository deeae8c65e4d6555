"""``import fairaudit`` and ``fairaudit --help`` are cheap, and say what to do in a checkout without its links."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fairaudit

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {
    "torch",
    "torchvision",
    "pandas",
    "pyarrow",
    "matplotlib",
    "seaborn",
    "transformers",
    "sklearn",
    "scipy",
    "PIL",
}


def python(code: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=120)


def loaded_by(code: str) -> set[str]:
    """Top-level packages in ``sys.modules`` of a new process after ``code``."""
    done = python(f"import sys\n{code}\nprint('\\n' + ' '.join({{name.split('.')[0] for name in sys.modules}}))")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_import_takes_no_heavy_package() -> None:
    loaded = loaded_by("import fairaudit")
    assert "fairaudit" in loaded
    assert not loaded & {*HEAVY, "numpy", "typer"}


def test_discovery_takes_no_heavy_package() -> None:
    assert not loaded_by("from fairaudit.auditing.plugins import list_indicators; assert list_indicators()") & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["audit", "--help"]])
def test_help_takes_no_heavy_package(arguments: list[str]) -> None:
    code = (
        f"sys.argv = ['fairaudit', *{arguments!r}]\n"
        "import runpy\n"
        "try:\n"
        "    runpy.run_module('fairaudit', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code"
    )
    loaded = loaded_by(code)
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_public_names_are_there() -> None:
    assert set(fairaudit.__all__) <= set(dir(fairaudit))
    assert {"OutcomeFrame", "audit_outcomes"} <= set(fairaudit.__all__)
    for name in ("audit", "compare", "load_audit"):
        assert callable(getattr(fairaudit, name))
        assert getattr(fairaudit, name) is getattr(sys.modules["fairaudit.auditing.run"], name)


def test_a_table_of_outcomes_needs_neither_torch_nor_images() -> None:
    code = (
        "import fairaudit\n"
        "frame = fairaudit.OutcomeFrame({'hit': [1, 0] * 30}, sensitive_features={'g': ['a', 'b'] * 30})\n"
        "assert len(frame.intervals()) == 2\n"
        "assert len(frame.disparities()) == 1"
    )
    loaded = loaded_by(code)
    assert "pandas" in loaded
    assert not loaded & {"torch", "torchvision", "transformers", "PIL", "matplotlib", "seaborn", "fairlearn"}


def test_an_audit_of_outcomes_needs_no_torch(tmp_path: Path) -> None:
    lines = [f"{i},{'ab'[i % 2]},{i % 3 % 2}" for i in range(80)]
    (tmp_path / "said.csv").write_text("\n".join(["sample_id,g,hit", *lines]))
    arguments = [f"{tmp_path}/said.csv", "--outcome", "hit", "--feature", "g", "-o", f"{tmp_path}/out"]
    code = f"sys.argv = ['fairaudit', 'audit-table', *{arguments!r}]\nfrom fairaudit.cli.main import main\nmain()"
    code = code.replace("main()", "\ntry:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code")
    loaded = loaded_by(code)
    assert (tmp_path / "out" / "report.html").is_file()
    assert "matplotlib" in loaded
    assert not loaded & {"torch", "torchvision", "transformers"}


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'fairaudit' has no attribute 'audits'"):
        _ = fairaudit.audits  # type: ignore[attr-defined]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of ``fairaudit`` with folders in place of the links."""
    shutil.copytree(ROOT / "fairaudit", tmp_path / "fairaudit", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_folders_in_place_of_links_are_fine(checkout: Path) -> None:
    assert not (checkout / "fairaudit" / "reports").is_symlink()
    done = python("import fairaudit; print(fairaudit.__file__)", cwd=checkout)
    assert Path(done.stdout.strip()).is_relative_to(checkout)


@pytest.mark.parametrize(("left", "got"), [("../reports", "a file"), (None, "nothing")])
def test_lost_link_says_how_to_restore_it(checkout: Path, left: str | None, got: str) -> None:
    link = checkout / "fairaudit" / "reports"
    shutil.rmtree(link)
    if left is not None:
        link.write_text(left, encoding="utf-8")  # what git leaves where core.symlinks is off
    done = python("import fairaudit", cwd=checkout)
    assert done.returncode != 0
    assert (
        "ImportError: fairaudit/reports must be a link to the folder of that name at the root of the checkout; "
        f"got {got}. Restore it with: git config core.symlinks true && git checkout -- fairaudit "
        "(on Windows turn on Developer Mode first; instead of a zip use git clone)."
    ) in done.stderr


def test_the_restoring_commands_restore(checkout: Path, tmp_path: Path) -> None:
    """In a repository whose links were checked out as text files, the two commands bring them back."""
    repository = tmp_path / "repository"
    (repository / "fairaudit").mkdir(parents=True)
    (repository / "reports").mkdir()
    (repository / "reports" / "a.py").touch()
    link = repository / "fairaudit" / "reports"
    link.symlink_to("../reports")

    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *words], cwd=repository, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "--no-verify", "-m", "a")
    git("config", "core.symlinks", "false")
    link.unlink()
    git("checkout", "--", "fairaudit")
    assert not link.is_symlink()
    assert link.read_text(encoding="utf-8") == "../reports"
    git("config", "core.symlinks", "true")
    git("checkout", "--", "fairaudit")
    assert link.is_symlink()
    assert (link / "a.py").is_file()
