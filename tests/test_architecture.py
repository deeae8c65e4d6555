"""The layers, the limits of size and the promises on security, read from the source with ``ast``.

The allowed imports are the drawing in ``fairaudit/README.md``: a room may import every room below it. The test parses
each file once.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "fairaudit"
PACKAGE = ROOT / NAME
LINKED = ("indicators", "pretrain", "reports")
#: Modules directly in ``fairaudit/``: the public names load any room lazily, and every room may read the version.
MODULES = {"__init__", "__main__", "_version"}
TORCH_FREE = (
    "core", "stats", "measures", "comparison", "images", "describe", "runs", "datasets", "indicators", "reports",
    "tabular",
)  # fmt: skip
MAX_LINES = 400
MAX_LINES_OF_A_TEST = 600
MAX_LINES_OF_A_FUNCTION = 60
MAX_FILES_OF_A_FOLDER = 30
MAX_FOLDERS_BELOW_THE_PACKAGE = 2
NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "common", "misc", "tools"}
FORBIDDEN_MODULES = {"cloudpickle", "dill", "jsonpickle", "marshal", "shelve"}
#: The one file that loads programs, where the user says that they are trusted.
PROGRAMS = "fairaudit/models/program_file.py"
EXECUTES = re.compile(r"torch\.(jit|export)\.load\(")
UNPICKLING = "UnpicklingError"  # what torch.load raises; nothing else of pickle is used
#: The one guard of the files that are read; a library may open a path only where the guard has looked at it.
GUARD = "fairaudit/core/open_file.py"
GUARDS = {
    "check_file", "check_folder", "open_file", "open_text", "read_at", "read_bytes", "read_json", "read_text",
    "read_toml",
}  # fmt: skip
OPENS = re.compile(r"(^|\.)(open|read_text|read_bytes)$")
OPENS_BY_LIBRARY = re.compile(
    r"(^|\.)(open_csv|ParquetFile|memmap|fromfile|loadtxt|genfromtxt|load_file|safe_open|from_pretrained|ZipFile"
    r"|is_zipfile|copyfile|copy2|copytree)$|^(pd|pq|\w*csv)\.read_\w+$|^(np|json|tomllib|torch|torch\.\w+)\.load$"
)
#: Calls that look like those and need no guard: what comes with the package, files that are open already or are
#: written, our own methods, and helpers of functions that have called the guard.
NO_GUARD = {
    "fairaudit/core/countries.py": ("(resources.files('fairaudit.core') / 'countries.csv').read_text",),
    "fairaudit/core/protocol.py": ("file.read_text",),
    "fairaudit/datasets/parts/text_files.py": ("open_file.read_text",),
    "fairaudit/core/output_folder.py": ("os.open",),  # a folder of ours, to lock it
    "fairaudit/describe/duplicates.py": ("images.open",),
    "fairaudit/images/decode.py": ("Image.open",),
    "fairaudit/images/shard.py": ("tarfile.open",),
    "fairaudit/measures/taxonomy.py": ("shipped[source].read_text",),
    "fairaudit/models/_from_pretrained.py": ("loader.from_pretrained",),
    "fairaudit/models/program_file.py": ("torch.export.load", "torch.jit.load"),
    "pretrain/checkpoint.py": ("temporary.open",),
    "pretrain/images.py": ("self._files.open",),
    "pretrain/run.py": ("JsonLines.open",),
    "reports/method_view.py": ("(files('fairaudit') / 'METHOD.md').read_text",),
    "reports/page.py": ("(_TEMPLATES / 'report.css').read_text",),
}
# A path of a developer's machine works nowhere else. A path in a URL has a word before it.
MACHINE_PATH = re.compile(r"(?<![\w.~}>])/(?:home|root|work|farm|Users|opt|mnt)/\w|[.]library/")
# The distribution of this name is another project; ours is fairaudit-vision. A path or a wheel may have the name.
OTHER_PROJECT = re.compile(r"\binstall(?: +[^\s`]*[^\s`.,;:&|])*? +[\"']?fairaudit(?![-_]vision|[\w/\\])")
TEXT = {
    ".py", ".md", ".toml", ".txt", ".j2", ".html", ".css", ".js", ".cfg", ".yaml", ".yml", ".ipynb", ".json", ".csv",
}  # fmt: skip


@cache
def sources() -> dict[Path, ast.Module]:
    """Every file of the package once: the links are left out, the folders they point to are taken."""
    own = [p for p in PACKAGE.rglob("*.py") if not any(PACKAGE / name in p.parents for name in LINKED)]
    return {p: parse(p) for p in sorted([*own, *(p for name in LINKED for p in (ROOT / name).rglob("*.py"))])}


@cache
def scripts() -> dict[Path, ast.Module]:
    """Every test, benchmark and example."""
    return {
        p: parse(p) for folder in ("tests", "benchmarks", "examples") for p in sorted((ROOT / folder).rglob("*.py"))
    }


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    """``core`` for fairaudit/core/audit.py, ``reports`` for reports/html.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "fairaudit" else parts[0]


@cache
def drawing() -> dict[str, set[str]]:
    """Return the rooms that each room may import: all that an arrow of the drawing leads down to."""
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")
    drawn = next(block for block in re.findall(r"```\n(.*?)```", text, re.S) if "->" in block)
    arrows: dict[str, set[str]] = {}
    for line in drawn.splitlines():
        floors = [[room.strip() for room in floor.split(",")] for floor in line.split("->")]
        for above, lower in itertools.pairwise(floors):
            for room in above:
                arrows.setdefault(room, set()).update(lower)
    rooms = {*arrows, *(room for lower in arrows.values() for room in lower)}

    def below(room: str, path: tuple[str, ...] = ()) -> set[str]:
        assert room not in path, f"the drawing has a circle: {' -> '.join((*path, room))}"
        return {room}.union(*(below(other, (*path, room)) for other in arrows.get(room, ())))

    return {room: below(room) for room in rooms}


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


def roots(tree: ast.AST) -> set[str]:
    return {name.split(".")[0] for _, name in imported(tree)}


def violations(room: str, tree: ast.Module) -> list[str]:
    """Imports of ``fairaudit`` that no arrow allows. A public name such as ``fairaudit.audit`` is above every room."""
    found = []
    for line, name in imported(tree):
        parts = name.split(".")
        if parts[0] == "fairaudit" and parts[1:2] != ["_version"] and not set(parts[1:2]) & drawing()[room]:
            found.append(f"{line}: {room} may not import {name}")
    return found


def without_type_checking(tree: ast.Module) -> ast.Module:
    """Leave out the bodies of ``if TYPE_CHECKING``, in a copy."""

    class Remover(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
            self.generic_visit(node)
            return node.orelse if ast.unparse(node.test).endswith("TYPE_CHECKING") else node

    return Remover().visit(ast.parse(ast.unparse(tree)))  # type: ignore[no-any-return]


def on_import(tree: ast.Module) -> ast.Module:
    """Keep the statements that run when the module is imported, without a ``try``."""
    kept = [n for n in tree.body if not isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Try)]
    return ast.Module(kept, [])


def test_rooms_import_only_rooms_below_them() -> None:
    rooms = {room_of(path) for path in sources()} - MODULES
    assert rooms == set(drawing()), "fairaudit/README.md must draw every room, and no other"
    found = {label(p): violations(room_of(p), t) for p, t in sources().items() if room_of(p) not in MODULES}
    assert not {path: lines for path, lines in found.items() if lines}
    relative = [label(p) for p, t in sources().items() if roots(t) & {*LINKED, "", "tests"}]
    assert not relative, "import fairaudit.indicators and so on, absolutely"


def test_the_drawing_refuses_and_allows() -> None:
    refused = {
        "core": "from fairaudit.reports.html import render",
        "stats": "from fairaudit import audit",
        "datasets": "import fairaudit.auditing.plugins",
        "indicators": "if TYPE_CHECKING:\n    from fairaudit.extraction.extract import extract",
        "reports": "def f():\n    from fairaudit import indicators",
        "models": "importlib.import_module('fairaudit.datasets.utkface')",
        "auditing": "from fairaudit.cli.main import main",
    }
    assert {room: len(violations(room, ast.parse(line))) for room, line in refused.items()} == dict.fromkeys(refused, 1)
    allowed = {
        "models": "from fairaudit.pretrain.regnet import RegNet",
        "core": "from fairaudit._version import __version__\nfrom fairaudit.core import errors",
        "reports": "import pandas as pd\nfrom fairaudit.core.audit import AuditResult",
    }
    assert not [line for room, line in allowed.items() if violations(room, ast.parse(line))]


def test_heavy_and_optional_packages_stay_where_they_are_wanted() -> None:
    torch = {"torch", "torchvision", "transformers", "timm"}
    assert not [
        label(p) for p, t in sources().items() if room_of(p) in TORCH_FREE and roots(without_type_checking(t)) & torch
    ]
    assert not [label(p) for p, t in sources().items() if roots(on_import(t)) & {"torchvision", "timm", "faiss"}]
    reference = [
        label(p) for p, t in scripts().items() if "reference" in p.parts and roots(t) & {"fairaudit", *LINKED, ""}
    ]
    assert not reference, "reference code must be independent"


def test_files_and_functions_are_short_and_named() -> None:
    found = []
    for path, tree in {**sources(), **scripts()}.items():
        is_test = "tests" in path.relative_to(ROOT).parts
        n = path.read_text(encoding="utf-8").count("\n")
        if n > (MAX_LINES_OF_A_TEST if is_test else MAX_LINES):
            found.append(f"{label(path)}: {n} lines")
        words = {word.strip("_") for word in path.relative_to(ROOT).with_suffix("").parts}
        found += [f"{label(path)}: {word} is no name" for word in words & NAMES_THAT_SAY_NOTHING]
        found += [] if is_test else [f"{label(path)}:{line}" for line in long_functions(tree)]
    assert not found


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


def test_folders_are_small_and_not_deep() -> None:
    sizes = Counter(path.parent for path in [*sources(), *scripts()])
    assert not {label(folder): n for folder, n in sizes.items() if n > MAX_FILES_OF_A_FOLDER}
    inside = [path.relative_to(PACKAGE if PACKAGE in path.parents else ROOT) for path in sources()]
    assert not [path for path in inside if len(path.parent.parts) > MAX_FOLDERS_BELOW_THE_PACKAGE]


def test_nothing_executes_data() -> None:
    found = {
        label(path): [line for line in unsafe(tree) if label(path) != PROGRAMS or not EXECUTES.search(line)]
        for path, tree in sources().items()
    }
    assert not {path: lines for path, lines in found.items() if lines}


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


def test_unsafe_code_is_seen() -> None:
    lines = (
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
    )
    assert [len(unsafe(ast.parse(line))) for line in lines] == [1] * len(lines)
    safe = "torch.load(path, weights_only=True)\nmodel.eval()\nnp.load(path)\nnp.load(path, allow_pickle=False)"
    caught = "import pickle\ntry:\n    pass\nexcept pickle.UnpicklingError:\n    pass"
    assert unsafe(ast.parse(f"{safe}\n{caught}")) == []


def test_every_file_is_opened_by_the_guard() -> None:
    found = {
        label(path): [line for line, call in bare_opens(tree) if call not in NO_GUARD.get(label(path), ())]
        for path, tree in sources().items()
        if label(path) != GUARD
    }
    assert not {path: lines for path, lines in found.items() if lines}, f"open files with {GUARD}"
    unused = {path for path in NO_GUARD if not bare_opens(sources()[ROOT / path])}
    assert not unused, "take them off the list"


def bare_opens(tree: ast.Module) -> list[tuple[int, str]]:
    """Line and name of each call that opens a file without the guard, writing left out."""
    found = []

    def look(node: ast.AST, guarded: bool) -> None:
        if isinstance(node, ast.FunctionDef):
            guarded = any(isinstance(n, ast.Name) and n.id in GUARDS for n in ast.walk(node))
        if isinstance(node, ast.Call) and (call := ast.unparse(node.func)) not in GUARDS:
            modes = [a.value for a in (*node.args, *(k.value for k in node.keywords)) if isinstance(a, ast.Constant)]
            writes = any(isinstance(mode, str) and re.fullmatch("[wax]b?", mode) for mode in modes)
            if (OPENS.search(call) and not writes) or (OPENS_BY_LIBRARY.search(call) and not guarded):
                found.append((node.lineno, call))
        for child in ast.iter_child_nodes(node):
            look(child, guarded)

    look(tree, False)
    return found


def test_files_that_are_opened_without_the_guard_are_seen() -> None:
    bare = (
        "open(path)",
        "path.open('rb')",
        "def f(path):\n    check_file(path, 'x')\n    return path.read_text()",
        "Path(name).read_bytes()",
        "def f(path):\n    return pd.read_csv(path)",
        "with pq.ParquetFile(path) as file:\n    pass",
        "np.load(path, mmap_mode='r')",
        "torch.load(path, weights_only=True)",
        "tarfile.open(path)",
        "Image.open(path)",
        "AutoModel.from_pretrained(folder)",
        "os.open(path, os.O_RDONLY)",
    )
    assert [len(bare_opens(ast.parse(line))) for line in bare] == [1] * len(bare)
    fine = (
        "path.open('w')",
        "open(path, mode='xb')",
        "read_text(path, 'plan')",
        "def f(path):\n    check_file(path, 'x')\n    return np.load(path)",
    )
    assert not [line for line in fine if bare_opens(ast.parse(line))]


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


def test_no_text_installs_the_other_project_of_this_name() -> None:
    found = [label(path) for path in texts() if OTHER_PROJECT.search(path.read_text(encoding="utf-8"))]
    assert not found
    wrong = ("{}", "{}==1", "-U {}", "--no-deps '{}[test]'", '"{}>=0.1"', "torch {}", "-c constraints.txt {}.")
    assert [arguments for arguments in wrong if not OTHER_PROJECT.search("pip install " + arguments.format(NAME))] == []
    right = ("{}-vision", "'{}-vision[test]'", "./{}", "{}/", "dist/{}_vision-0.1.0-py3-none-any.whl", "x.\n{} demo")
    assert [arguments for arguments in right if OTHER_PROJECT.search("pip install " + arguments.format(NAME))] == []
