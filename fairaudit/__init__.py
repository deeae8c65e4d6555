"""Audit vision models for fairness.

A public name is loaded at its first use: ``import fairaudit`` loads neither torch nor pandas.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fairaudit._version import __version__

if TYPE_CHECKING:
    from fairaudit.auditing.check_data import check_data
    from fairaudit.auditing.run import audit, compare, load_audit, published
    from fairaudit.describe.profiler import profile_data
    from fairaudit.tabular.audit import audit_outcomes
    from fairaudit.tabular.frame import OutcomeFrame
    from fairaudit.training.adaptation import fine_tune, fit_probe
    from fairaudit.training.train import train, training_page
    from fairaudit.training.watcher import DisparityWatcher

__all__ = [
    "DisparityWatcher",
    "OutcomeFrame",
    "__version__",
    "audit",
    "audit_outcomes",
    "check_data",
    "compare",
    "fine_tune",
    "fit_probe",
    "load_audit",
    "profile_data",
    "published",
    "train",
    "training_page",
]

_LINKED = ("indicators", "pretrain", "reports")
#: Module that defines each public name.
_LAZY = {
    "DisparityWatcher": "fairaudit.training.watcher",
    "OutcomeFrame": "fairaudit.tabular.frame",
    "audit": "fairaudit.auditing.run",
    "audit_outcomes": "fairaudit.tabular.audit",
    "check_data": "fairaudit.auditing.check_data",
    "compare": "fairaudit.auditing.run",
    "fine_tune": "fairaudit.training.adaptation",
    "fit_probe": "fairaudit.training.adaptation",
    "load_audit": "fairaudit.auditing.run",
    "profile_data": "fairaudit.describe.profiler",
    "published": "fairaudit.auditing.run",
    "train": "fairaudit.training.train",
    "training_page": "fairaudit.training.train",
}


def _check_links(package: Path) -> None:
    """Raise ImportError if a checkout has lost the links to folders of its root (Windows, an unpacked zip).

    Git without symbolic links writes a small text file in place of a link. An installed package has folders there.
    """
    lost = [name for name in _LINKED if not (package / name).is_dir()]
    if lost:
        names = ", ".join(f"fairaudit/{name}" for name in lost)
        raise ImportError(
            f"{names} must be a link to the folder of that name at the root of the checkout; "
            f"got {'a file' if (package / lost[0]).exists() else 'nothing'}. "
            "Restore it with: git config core.symlinks true && git checkout -- fairaudit "
            "(on Windows turn on Developer Mode first; instead of a zip use git clone)."
        )


_check_links(Path(__file__).parent)


if not TYPE_CHECKING:  # with it, a type checker would accept every name

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            raise AttributeError(f"module 'fairaudit' has no attribute '{name}'")
        import importlib

        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
