"""The layers, the limits of size and the promises on security, read from the source with ``ast``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fairaudit"
LINKED = ("indicators", "pretrain", "reports")

# What each part may import; a new module directly in fairaudit/ has to be given its place here.
BELOW_HEADS = {"core", "pretrain", "models", "datasets", "extraction"}
BELOW_CONFIG = {*BELOW_HEADS, "heads", "indicators", "reports", "discovery", "progress"}
IN_A_DRAWN_WORLD = {*BELOW_CONFIG, "config", "comparison", "tables", "api", "workers", "stages", "drawn_world"}
LAYERS: dict[str, set[str]] = {
    "core": set(),
    "pretrain": {"core"},
    "datasets": {"core"},
    "indicators": {"core"},
    "reports": {"core"},
    "models": {"core", "pretrain"},
    "extraction_cache": {"core"},
    "extraction": {"core", "pretrain", "models", "datasets", "extraction_cache"},
    "features": {"core", "models", "extraction"},
    "heads": BELOW_HEADS,
    "discovery": {"core"},
    "progress": set(),
    "workers": {"progress"},
    "config": BELOW_CONFIG,
    "comparison": BELOW_CONFIG,
    "tables": {*BELOW_CONFIG, "config", "extraction_cache", "features"},
    "indicator_run": {"core", "progress", "config", "tables"},
    "selftest": {"core", "discovery", "progress"},
    "label_tests": {"core", "datasets", "config"},
    "api": {*BELOW_CONFIG, "config", "comparison", "tables", "indicator_run", "label_tests", "selftest"},
    "adaptation": {"core", "models", "heads", "progress", "api"},
    "disparity_watcher": {"core", "pretrain", "models", "config", "tables", "indicator_run"},
    "training": {"core", "pretrain", "reports", "disparity_watcher"},
    "outcome_file": {"core"},
    "outcome_votes": {"core"},
    "outcome_table": {"core", "outcome_file", "outcome_votes"},
    "outcome_audit": {*BELOW_CONFIG, "config", "comparison", "tables", "api", "outcome_table"},
    "stages": {"core", "api", "workers"},
    "drawn_world": {"core", "datasets", "pretrain", "progress"},
    "demo": IN_A_DRAWN_WORLD,
    "experiment": IN_A_DRAWN_WORLD,
    "cli_experiment": {"experiment"},
    "cli_heads": {"core", "heads", "adaptation"},
    "data_check": {"core", "datasets", "discovery", "progress"},
    "cli_data": {"core", "data_check", "progress", "reports"},
    "cli": {
        *BELOW_CONFIG,
        "cli_data",
        "cli_experiment",
        "cli_heads",
        "config",
        "comparison",
        "extraction_cache",
        "tables",
        "api",
        "outcome_audit",
        "demo",
        "selftest",
        "training",
    },
    "__init__": {"core", "adaptation", "api", "data_check", "outcome_audit", "disparity_watcher", "training"},
    "__main__": {"cli"},
}
TORCH_FREE = ("core", "datasets", "indicators", "reports")
MAX_LINES = 400
MAX_LINES_OF_A_TEST = 600
MAX_LINES_OF_A_FUNCTION = 60
NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "common", "misc", "tools"}
MAX_FOLDERS_BELOW_THE_PACKAGE = 2
FORBIDDEN_MODULES = {"cloudpickle", "dill", "jsonpickle", "marshal", "shelve"}
#: The one file that loads programs, where the user says that they are trusted.
PROGRAMS = "fairaudit/models/program_file.py"
EXECUTES = re.compile(r"torch\.(jit|export)\.load\(")
UNPICKLING = "UnpicklingError"  # what torch.load raises; nothing else of pickle is used


def sources() -> list[Path]:
    """Every file of the package once: the links are left out, the folders they point to are taken."""
    own = [p for p in PACKAGE.rglob("*.py") if not any(PACKAGE / name in p.parents for name in LINKED)]
    return sorted([*own, *(p for name in LINKED for p in (ROOT / name).rglob("*.py"))])


def scripts(*folders: str) -> list[Path]:
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def part_of(path: Path) -> str:
    """``core`` for fairaudit/core/audit.py, ``reports`` for reports/html.py, ``cli`` for fairaudit/cli.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "fairaudit" else parts[0]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, wherever it stands and also where a string names it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield node.lineno, name.value


def target(name: str) -> str | None:
    """Part of ours that a dotted name belongs to; the lazy names of ``fairaudit`` belong to ``api``."""
    parts = name.split(".")
    if parts[0] != "fairaudit" or parts[1:] == ["__version__"]:
        return None
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else "api"


def without_type_checking(tree: ast.Module) -> ast.Module:
    """Leave out the bodies of ``if TYPE_CHECKING``."""

    class Remover(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
            self.generic_visit(node)
            return node.orelse if ast.unparse(node.test).endswith("TYPE_CHECKING") else node

    return Remover().visit(tree)  # type: ignore[no-any-return]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def violations(part: str, tree: ast.Module) -> list[str]:
    allowed = {part, *LAYERS.get(part, set())}
    found = [(line, name, target(name)) for line, name in imported(tree)]
    return [f"{line}: {part} may not import {name}" for line, name, to in found if to is not None and to not in allowed]


def test_every_module_has_its_place_in_the_layers() -> None:
    unknown = sorted({part_of(path) for path in sources()} - set(LAYERS))
    assert not unknown, f"give these a place in LAYERS: {unknown}"
    assert {"core", *LINKED} <= {part_of(path) for path in sources()}


@pytest.mark.parametrize("path", sources(), ids=label)
def test_layers(path: Path) -> None:
    tree = parse(path)
    assert not violations(part_of(path), tree)
    roots = {name.split(".")[0] for _, name in imported(tree)}
    assert not roots & {*LINKED, "", "tests"}, "import fairaudit.indicators and so on, absolutely"


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("core", "from fairaudit.reports.html import render"),
        ("core", "from fairaudit import audit"),
        ("datasets", "import fairaudit.discovery"),
        ("indicators", "if TYPE_CHECKING:\n    from fairaudit.extraction import extract"),
        ("reports", "def f():\n    from fairaudit import indicators"),
        ("models", "importlib.import_module('fairaudit.datasets.utkface')"),
        ("api", "from fairaudit.cli import main"),
    ],
)
def test_layers_see_a_forbidden_import(part: str, line: str) -> None:
    assert len(violations(part, ast.parse(line))) == 1


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("models", "from fairaudit.pretrain.regnet import RegNet"),
        ("core", "from fairaudit import __version__"),
        ("reports", "import pandas as pd\nfrom fairaudit.core.audit import AuditResult"),
        ("cli", "import fairaudit"),
    ],
)
def test_layers_see_nothing_in_an_allowed_import(part: str, line: str) -> None:
    assert violations(part, ast.parse(line)) == []


@pytest.mark.parametrize("path", [p for p in sources() if part_of(p) in TORCH_FREE], ids=label)
def test_torch_free(path: Path) -> None:
    roots = {name.split(".")[0] for _, name in imported(without_type_checking(parse(path)))}
    assert not roots & {"torch", "torchvision", "transformers", "timm"}


@pytest.mark.parametrize("path", sources(), ids=label)
def test_optional_packages_are_never_needed_to_import_a_module(path: Path) -> None:
    tree = parse(path)
    roots = {name.split(".")[0] for node in tree.body if not isinstance(node, ast.Try) for _, name in imported_by(node)}
    assert not roots & {"torchvision", "timm", "faiss"}


def imported_by(node: ast.stmt) -> Iterator[tuple[int, str]]:
    """Imports that a statement makes when the module is imported, not when one of its functions is called."""
    return iter(()) if isinstance(node, ast.FunctionDef | ast.ClassDef) else imported(node)


def test_reference_code_is_independent() -> None:
    for path in scripts("tests/reference"):
        roots = {name.split(".")[0] for _, name in imported(parse(path))}
        assert not roots & {"fairaudit", *LINKED, ""}, label(path)


@pytest.mark.parametrize("path", [*sources(), *scripts("tests", "benchmarks", "examples")], ids=label)
def test_size_and_name(path: Path) -> None:
    is_test = "tests" in path.relative_to(ROOT).parts
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= (MAX_LINES_OF_A_TEST if is_test else MAX_LINES)
    words = {*path.relative_to(ROOT).with_suffix("").parts}
    assert not {word.strip("_") for word in words} & NAMES_THAT_SAY_NOTHING
    if not is_test:
        assert not long_functions(parse(path))


def long_functions(tree: ast.Module) -> list[str]:
    """Functions over the limit; a docstring, and the signature before it, are not counted."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.lineno
            length = (node.end_lineno or first) - first + 1
            if length > MAX_LINES_OF_A_FUNCTION:
                found.append(f"{node.lineno}: {node.name} ({length} lines)")
    return found


def test_long_functions_are_seen() -> None:
    body = "    x = 1\n"
    assert long_functions(ast.parse("def f():\n" + body * 59)) == []
    assert long_functions(ast.parse("def f():\n" + body * 60)) == ["1: f (61 lines)"]
    assert long_functions(ast.parse('def f():\n    """A.\n' + "\n" * 90 + '    """\n' + body * 60)) == []


def test_folders_are_not_deep() -> None:
    inside = [path.relative_to(PACKAGE if PACKAGE in path.parents else ROOT) for path in sources()]
    assert not [path for path in inside if len(path.parent.parts) > MAX_FOLDERS_BELOW_THE_PACKAGE]


@pytest.mark.parametrize("path", sources(), ids=label)
def test_nothing_executes_data(path: Path) -> None:
    found = [line for line in unsafe(parse(path)) if label(path) != PROGRAMS or not EXECUTES.search(line)]
    assert not found


def unsafe(tree: ast.Module) -> list[str]:
    """Ways in which a file could run code of somebody else."""
    names = list(imported(tree))
    found = [f"{line}: {name}" for line, name in names if name.split(".")[0] in FORBIDDEN_MODULES]
    found += [
        f"{line}: {name}" for line, name in names if name.startswith("pickle.") and name != f"pickle.{UNPICKLING}"
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle" and node.attr != UNPICKLING:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
        if not isinstance(node, ast.Call):
            continue
        options = {k.arg: ast.unparse(k.value) for k in node.keywords}
        call = ast.unparse(node.func)
        if (
            call in ("eval", "exec")
            or EXECUTES.search(ast.unparse(node))
            or (call == "torch.load" and options.get("weights_only") != "True")
            or (call in ("np.load", "numpy.load") and options.get("allow_pickle", "False") != "False")
            or options.get("trust_remote_code", "False") != "False"
        ):
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize(
    "line",
    [
        "import pickle\npickle.load(file)",
        "from pickle import loads",
        "import dill",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.jit.load(path)",
        "torch.export.load(path)",
        "np.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "eval(text)",
    ],
)
def test_unsafe_code_is_seen(line: str) -> None:
    assert len(unsafe(ast.parse(line))) == 1


def test_safe_loading_is_allowed() -> None:
    lines = "torch.load(path, weights_only=True)\nmodel.eval()\nnp.load(path)\nnp.load(path, allow_pickle=False)"
    caught = "import pickle\ntry:\n    pass\nexcept pickle.UnpicklingError:\n    pass"
    assert unsafe(ast.parse(f"{lines}\n{caught}")) == []


# A path of a developer's machine works nowhere else. A path in a URL has a word before it.
MACHINE_PATH = re.compile(r"(?<![\w.~}>])/(?:home|root|work|farm|Users|opt|mnt)/\w|[.]library/")
TEXT = (
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".j2",
    ".html",
    ".css",
    ".js",
    ".cfg",
    ".yaml",
    ".yml",
    ".ipynb",
    ".json",
    ".csv",
)


def texts() -> list[Path]:
    folders = [PACKAGE, *(ROOT / n for n in (*LINKED, "tests", "benchmarks", "examples", ".ci"))]
    nested = [p for folder in folders for p in folder.rglob("*") if not any(PACKAGE / n in p.parents for n in LINKED)]
    files = [p for p in [*ROOT.iterdir(), *nested] if p.is_file() and "__pycache__" not in p.parts]
    return sorted(p for p in files if p.suffix in TEXT or p.name in ("Makefile", "run"))


def test_no_path_of_a_machine() -> None:
    found = [
        f"{label(path)}:{number}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found
    assert MACHINE_PATH.search("open('" + "/ho" + "me/someone/x.csv')")
    assert not MACHINE_PATH.search("https://example.org/" + "home/" + "page")
