"""The Python interface: ``audit``, ``compare``, ``load_audit`` and ``published``."""

from __future__ import annotations

import dataclasses
import platform
import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from fairaudit._version import __version__
from fairaudit.auditing.comparison import Comparison
from fairaudit.auditing.config import AuditConfig, DataSource, make_config
from fairaudit.auditing.indicator_run import run_indicators
from fairaudit.auditing.label_tests import drops_from, read_tests
from fairaudit.auditing.options import AuditKeywords, takes
from fairaudit.auditing.plugins import load_indicator
from fairaudit.auditing.request import PAGE, audit_folder, contents_of, images_of, options_of
from fairaudit.auditing.selftest_cache import recorded_selftest
from fairaudit.auditing.tables import data_card, make_tables, read_samples, save_tables
from fairaudit.core.audit import AuditResult
from fairaudit.core.document import EDITED, digest, edited_files, from_document, is_edited, read_tables, save_audit
from fairaudit.core.errors import DataError
from fairaudit.core.marker import refuse_half_replaced
from fairaudit.core.open_file import is_there, read_json
from fairaudit.core.progress import say, step
from fairaudit.core.protocol import Protocol
from fairaudit.core.stop import keeping
from fairaudit.stats.verdicts import decide

_PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "torch", "transformers")


class Audit(AuditResult):
    """An ``AuditResult`` that a notebook shows as HTML."""

    def _repr_html_(self) -> str:
        from fairaudit.reports.html import fragment

        return fragment(self)


@takes(AuditKeywords)
def audit(
    checkpoint: str | Path,
    *,
    data: Mapping[str, str | Path] | None = None,
    test_sets: str | Path | None = None,
    output: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
    **options: Unpack[AuditKeywords],
) -> Audit:
    """Audit a checkpoint on data sets and return the results, and what could not be measured.

    Parameters
    ----------
    checkpoint : str or Path
        A run of ``fairaudit pretrain``, a ``transformers`` folder or hub id, a file of weights, ``module:function``, or
        a folder of precomputed features.
    data : mapping
        Folder by reader, ``{"utkface": DIR}``, or by ``"name:reader"``; optional with ``test_sets``.
    test_sets : str or Path, optional
        TOML table of labelled test sets (``label_tests.read_tests``). By default ``recognition_accuracy`` measures
        drops from the first set.
    output : str or Path, optional
        Folder for ``audit.json``, ``statistics.parquet``, ``influences.parquet``, ``tables/`` and ``report.html``.
        Default: nothing is saved. If the folder holds this audit, it is returned unchanged; another audit there is
        refused. Files that ``fairaudit`` did not write stay as they are.
    overwrite : bool
        Whether to replace the unchanged files of another audit in ``output``.
    progress : bool
        Whether to print the progress.
    **options
        Fields of ``fairaudit.auditing.options.AuditOptions``, such as ``indicators=["label_association"]`` and
        ``options={"label_association": {"threshold": 0.3}}``, which take precedence over a ``preset``. Images that a
        ``probe`` learned are left out. Without ``cache`` neither embeddings nor the self-test are kept; the command
        line uses ``fairaudit.extraction.cache.default_folder()``.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing is written then.
    """
    sources = [DataSource.parse(key, path) for key, path in (data or {}).items()]
    if test_sets is not None:
        listed = read_tests(Path(test_sets))
        sources += listed
        options["options"] = drops_from(
            listed[0].name, indicators=options.get("indicators"), options=options.get("options")
        )
    config = make_config(str(checkpoint), sources, **options)
    with keeping(lambda: _kept(config.cache)):
        return _run(config, output=output, overwrite=overwrite, progress=progress)


def _run(config: AuditConfig, *, output: str | Path | None, overwrite: bool, progress: bool) -> Audit:
    started, clock = datetime.now(UTC), time.perf_counter()
    folder = None
    if config.cache is not None:
        from fairaudit.extraction.cache import check_folder

        check_folder(config.cache)
    if output is not None:
        folder = audit_folder(output, data=tuple(s.name for s in config.data), overwrite=overwrite)
        folder.check(options_of(config))
    samples, probe_table = read_samples(config)
    config.check_plan(samples)
    config.check_controls(samples)

    from fairaudit.models import open_model  # imports torch: after all checks that need no torch

    model = open_model(
        config.checkpoint, preprocessing=config.preprocessing, layer=config.layer, trusted=config.trust_checkpoint
    )
    if folder is not None:
        asked = {**options_of(config), **contents_of(config, samples, probe_table, model)}
        elsewhere = model.card.kind == "features"  # no image is read
        if folder.check(asked) and (elsewhere or folder.check({**asked, **images_of(folder.path, samples)})):
            say(f"{output} holds this audit already: nothing changed", shown=progress)
            return load_audit(folder.path)
    with step("self-test", shown=progress):
        origin = provenance(_PACKAGES, seed=config.seed, cache=config.cache)
    tables = make_tables(config, model, samples, probe_table, progress=progress)
    with step("indicators", shown=progress) as advance:
        results, failures = run_indicators(config, tables, advance)
    decided, plan = decide(
        results, config.plan, failures=failures, indicators=config.planned_indicators(), alpha=config.alpha
    )
    result = Audit(
        model=model.card,
        data=tuple(data_card(table.samples, digest=table.extraction.digest) for table in tables.values()),
        results=decided,
        failures=tuple(failures),
        config=config.resolved(),
        plan=plan,
        provenance=origin,
    )
    result = with_digest(result, started=started, seconds=time.perf_counter() - clock)
    if folder is not None:
        from fairaudit.reports.html import write

        folder.asked |= {f"images of {name}": table.extraction.digest for name, table in tables.items()}
        with step("report", shown=progress), folder.replaced() as new:
            save_tables(tables, new / "tables")
            save_audit(result, new)
            write(result, new / PAGE)
    return result


def provenance(packages: Sequence[str], *, seed: int, cache: Path | None) -> dict[str, Any]:
    """Return the provenance of an audit: versions, seed, and the self-test, which the folder ``cache`` may hold."""
    return {"versions": versions(packages), "seed": seed, "selftest": recorded_selftest(cache)}


def with_digest(audit: Audit, *, started: datetime, seconds: float) -> Audit:
    """Add the digest and run metadata (time, platform)."""
    run = {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "platform": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    return dataclasses.replace(audit, provenance={**audit.provenance, "digest": digest(audit), "run": run})


def load_audit(path: str | Path) -> Audit:
    """Read a saved audit from its folder or its ``audit.json``; warn of each file that was edited since.

    Raises
    ------
    DataError
        If there is no audit, or it does not fit the schema.
    """
    path = Path(path)
    file = path / "audit.json" if path.is_dir() else path
    if not is_there(file):
        raise DataError(
            f"audit {path} must be a folder with audit.json; got none there. Run `fairaudit audit ... -o {path}`."
        )
    refuse_half_replaced(file.parent)
    document = read_json(file, "audit", fix="Run the audit again.")
    if not isinstance(document, dict):
        raise DataError(f"{file} must hold an audit; got a JSON {type(document).__name__}. Run the audit again.")
    audit = from_document(document, *read_tables(file.parent))
    edited = {file.name} if is_edited(audit) else set()
    for name in sorted(edited | edited_files(file.parent)):
        warnings.warn(f"{file.with_name(name)} {EDITED}", stacklevel=2)
    return Audit(**vars(audit))


def compare(
    *audits: str | Path | AuditResult,
    names: Sequence[str] | None = None,
    baseline: str | None = None,
    design: Mapping[str, tuple[str, str]] | None = None,
) -> Comparison:
    """Lay audits of several checkpoints side by side, and test in pairs what changed.

    Parameters
    ----------
    *audits : str, Path or AuditResult
        At least two: audits, or their folders.
    names : sequence of str, optional
        A name for each audit. Default: the folder's name, else the checkpoint's.
    baseline : str, optional
        Name of the audit to compare the others with. Default: the first.
    design : mapping of str to (str, str), optional
        Data and size of each checkpoint, by name, if every size was trained on both of two data sets: ``effects`` then
        separates the effect of data from that of size. Names that repeat a cell are further trainings of it.

    Raises
    ------
    ConfigError
        If there are fewer than two audits, or names, baseline or design do not fit.

    Examples
    --------
    >>> import pandas as pd
    >>> from fairaudit import audit_outcomes, compare
    >>> rows = pd.DataFrame({"sample_id": range(400), "skin": ["dark", "light"] * 200, "hit": [1, 1, 0, 1] * 100})
    >>> better = rows.assign(hit=[1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1] * 25)
    >>> old, new = (audit_outcomes(table, outcomes=["hit"], features=["skin"]) for table in (rows, better))
    >>> comparison = compare(old, new, names=["old", "new"])
    >>> comparison.changes[["value_before", "value", "change", "verdict"]]
       value_before  value  change  verdict
    0          -0.5  -0.25    0.25  smaller
    >>> comparison.summary
    '1 of 1 disparity has changed against old: 1 smaller, 0 larger.'
    """
    loaded = [source if isinstance(source, AuditResult) else load_audit(source) for source in audits]
    default = [a.model.name if isinstance(source, AuditResult) else Path(source).resolve().name
               for source, a in zip(audits, loaded, strict=True)]  # fmt: skip
    return Comparison.of(loaded, names=list(names) if names is not None else default, baseline=baseline or "",
                         design=design)  # fmt: skip


def published(indicator: str) -> pd.DataFrame:
    """Return published values of the measure of ``indicator``, for comparison with an audit.

    The values are cited, not recomputed, and come from other images and checkpoints.

    Returns
    -------
    DataFrame
        Columns ``title, model, group, value, unit, source, note``; empty if no values are shipped.

    Raises
    ------
    ConfigError
        If there is no such indicator.
    """
    protocol = load_indicator(indicator).protocol
    return (Protocol() if protocol is None else protocol).published_rows()


def _kept(cache: Path | None) -> str:
    if cache is None:
        return "Nothing was kept, because there is no cache; the same command starts again."
    return f"The embeddings made so far are kept in {cache}; the same command goes on from there."


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of this package and of the installed ``packages``."""
    installed = {"fairaudit": __version__}
    for package in packages:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed
