"""Audits vision models for fairness.

>>> import fairaudit
>>> fairaudit.audit  # doctest: +SKIP
>>> fairaudit.audit_outcomes  # doctest: +SKIP
>>> fairaudit.check_data  # doctest: +SKIP
>>> fairaudit.compare  # doctest: +SKIP
>>> fairaudit.fine_tune  # doctest: +SKIP
>>> fairaudit.fit_probe  # doctest: +SKIP
>>> fairaudit.load_audit  # doctest: +SKIP
>>> fairaudit.profile_data  # doctest: +SKIP
>>> fairaudit.published  # doctest: +SKIP
>>> fairaudit.OutcomeFrame  # doctest: +SKIP
>>> fairaudit.train  # doctest: +SKIP
>>> fairaudit.training_page  # doctest: +SKIP
>>> fairaudit.DisparityWatcher  # doctest: +SKIP

The names are loaded when they are first used: ``import fairaudit`` takes neither torch nor pandas.
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
#: Public name to the module that defines it.
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
    """Say how to get the links back where a checkout lost them (Windows, an unpacked zip).

    The folders ``indicators``, ``pretrain`` and ``reports`` stand at the root of the repository; ``fairaudit`` has a
    link to each. Git without symbolic links writes a small text file in its place. In an installed package they are
    folders.

    Raises
    ------
    ImportError
        If one of them is not a folder.
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


if not TYPE_CHECKING:  # a type checker that saw it would take every name for one of ours

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            raise AttributeError(f"module 'fairaudit' has no attribute '{name}'")
        import importlib

        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
