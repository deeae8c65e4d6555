"""What users install: the wheel and the sdist, looked into and run away from the checkout.

``.ci/run`` also installs the wheel with its dependencies in a really clean environment, and runs the demo there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import fairaudit

ROOT = Path(__file__).resolve().parents[1]
LINKED = ("indicators", "pretrain", "reports")
TRAP = 'raise SystemExit("a file of the user was imported")\n'


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Run a command without what the test's own environment says about Python; return what it prints."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV_", "PYTEST_"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=kept | variables, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def checkout_files() -> set[str]:
    """Every file that the installed package must hold, by its name there; READMEs stay in the checkout."""
    folders = {"fairaudit": ROOT / "fairaudit"} | {f"fairaudit/{name}": ROOT / name for name in LINKED}
    return {
        f"{target}/{path.relative_to(folder).as_posix()}"
        for target, folder in folders.items()
        for path in folder.rglob("*")  # does not go through the links
        if path.is_file() and "__pycache__" not in path.parts and path.name != "README.md"
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the sdist from the checkout, and the wheel from the sdist, with the setuptools of this environment."""
    out = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source") / "checkout"
    copy_checkout(source)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source, cwd=out)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def copy_checkout(to: Path) -> None:
    """Copy what a build reads, links as links, so that the checkout is left without build/ and egg-info."""
    to.mkdir()
    for name in ("fairaudit", *LINKED):
        shutil.copytree(ROOT / name, to / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, to)


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a new environment with the wheel in it, which takes its dependencies from this one.

    Dependencies come by a search path, which does not run the ``.pth`` files there: an editable fairaudit stays out.
    """
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    with zipfile.ZipFile(built[1]) as wheel:
        wheel.extractall(site)
    here = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (site / "dependencies.pth").write_text("\n".join(here), encoding="utf-8")
    return python


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A user's folder with files that are called like ours."""
    (tmp_path / "pretrain.py").write_text(TRAP, encoding="utf-8")
    for name in ("reports", "indicators"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(TRAP, encoding="utf-8")
    return tmp_path


def test_constraints_pin_everything_that_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(name for extra in extras for name in extra)]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    assert not {name.split(">")[0].lower() for name in asked} - pinned
    assert "+" not in "".join(line for line in lines if not line.startswith("#")), "a local version is found nowhere"


def test_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
    information = f"fairaudit_vision-{fairaudit.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"fairaudit", information}
    assert {name for name in names if name.startswith("fairaudit/")} == checkout_files()
    assert f"{information}/licenses/LICENSE" in names


def test_sdist_holds_folders_where_the_checkout_has_links(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as sdist:
        members = {m.name.partition("/")[2]: m for m in sdist.getmembers()}
    assert checkout_files() <= set(members)
    assert not [name for name, member in members.items() if member.issym() or member.islnk()]
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "constraints.txt"} <= set(members)
    assert not [name for name in members if name.startswith("tests/")]


def test_wheel_runs_away_from_the_checkout(installed: Path, elsewhere: Path) -> None:
    where = run(installed, "-c", "import fairaudit; print(fairaudit.__file__)", cwd=elsewhere).strip()
    assert Path(where).is_relative_to(installed.parents[1])
    assert fairaudit.__version__ in run(installed, "-m", "fairaudit", "--version", cwd=elsewhere)
    assert "audit" in run(installed, "-m", "fairaudit", "--help", cwd=elsewhere)


@pytest.mark.slow
def test_wheel_imports_every_module(installed: Path, elsewhere: Path) -> None:
    code = (
        "import importlib, pkgutil, fairaudit\n"
        "names = [m.name for m in pkgutil.walk_packages(fairaudit.__path__, 'fairaudit.')]\n"
        "[importlib.import_module(name) for name in names if not name.endswith('__main__')]\n"
        "print(len(names))"
    )
    counted = len([name for name in checkout_files() if name.endswith(".py")])
    assert int(run(installed, "-c", code, cwd=elsewhere)) == counted - 1  # all but fairaudit itself
