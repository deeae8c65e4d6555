"""Pages that several tests look at, rendered once: a realistic audit, the same full of hostile text, a comparison."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fairaudit.core.audit import AuditResult
from fairaudit.core.plant import Plant
from fairaudit.reports.comparison import render_comparison
from fairaudit.reports.html import fragment, render
from fairaudit.reports.run_page import render as render_run


def _factory(file: str = "audit_factory") -> ModuleType:
    # With --import-mode=importlib a folder of tests is no package, so that its module is loaded by its path.
    name = f"reports_{file}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{file}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def factory() -> ModuleType:
    """The module ``audit_factory``."""
    return _factory()


@pytest.fixture(scope="session")
def runs() -> ModuleType:
    """The module ``run_factory``."""
    return _factory("run_factory")


@pytest.fixture(scope="session")
def run_page(runs: ModuleType) -> str:
    return render_run(runs.make_run())


@pytest.fixture(scope="session")
def hostile_run(runs: ModuleType) -> str:
    hostile: str = _factory().HOSTILE
    return render_run(runs.make_run(hostile=hostile, training=_factory().training(hostile)))


@pytest.fixture(scope="session")
def audit() -> AuditResult:
    made: AuditResult = _factory().make_audit()
    return made


@pytest.fixture(scope="session")
def hostile_audit() -> AuditResult:
    made: AuditResult = _factory().make_audit(hostile=_factory().HOSTILE)
    return made


@pytest.fixture(scope="session")
def small_audit(audit: AuditResult) -> AuditResult:
    """One indicator only: quick to render."""
    return dataclasses.replace(audit, results=audit.results[3:], data=audit.data[2:])


@pytest.fixture(scope="session")
def report_page(audit: AuditResult) -> str:
    return render(audit)


@pytest.fixture(scope="session")
def hostile_page(hostile_audit: AuditResult) -> str:
    return render(hostile_audit)


@pytest.fixture(scope="session")
def plants() -> tuple[Plant, ...]:
    what = ("Only a twentieth of the training images show this group.", ("first",))
    return (
        Plant("small share", "representation_disparity", "gender", "one_vs_rest", "feminine", "lower", *what),
        Plant(
            "shuffled",
            "hate_speech",
            "target",
            "one_vs_rest",
            "religion",
            "lower",
            "Labels were shuffled.",
            ("second",),
        ),
        Plant("absent", "copies", "target", "one_vs_rest", "religion", "lower", "No such indicator.", ("second",)),
    )


@pytest.fixture(scope="session")
def compared(audit: AuditResult) -> dict[str, AuditResult]:
    other: AuditResult = _factory().make_audit(name="other", seed=1)
    keep = (0, 3)
    return {
        name: dataclasses.replace(a, results=tuple(a.results[i] for i in keep))
        for name, a in (("first", audit), ("second", other))
    }


@pytest.fixture(scope="session")
def comparison_page(compared: dict[str, AuditResult], plants: tuple[Plant, ...]) -> str:
    return render_comparison(compared, title="Two checkpoints", plants=plants, links={"second": "b/report.html"})


@pytest.fixture(scope="session")
def hostile_comparison(hostile_audit: AuditResult) -> str:
    hostile: str = _factory().HOSTILE
    few = dataclasses.replace(hostile_audit, results=hostile_audit.results[:1])
    plant = Plant(hostile, "representation_disparity", "gender", "one_vs_rest", "feminine", "lower", hostile, ("x",))
    return render_comparison({hostile: few, "x": few}, title=hostile, intro=hostile, plants=(plant,))


@pytest.fixture(scope="session")
def pages(
    report_page: str,
    hostile_page: str,
    comparison_page: str,
    hostile_comparison: str,
    hostile_audit: AuditResult,
    run_page: str,
    hostile_run: str,
) -> dict[str, str]:
    """Every kind of output by name."""
    return {
        "report": report_page,
        "hostile report": hostile_page,
        "comparison": comparison_page,
        "hostile comparison": hostile_comparison,
        "hostile fragment": fragment(hostile_audit),
        "run": run_page,
        "hostile run": hostile_run,
    }
