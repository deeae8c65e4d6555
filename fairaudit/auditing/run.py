"""The Python interface: ``audit``, ``compare``, ``load_audit``, ``published``."""

from __future__ import annotations

import dataclasses
import json
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
from fairaudit.auditing.selftest import short_selftest
from fairaudit.auditing.tables import data_card, make_tables, read_samples, save_tables
from fairaudit.core.audit import AuditResult
from fairaudit.core.document import EDITED, digest, from_document, is_edited, save_audit
from fairaudit.core.errors import DataError
from fairaudit.core.open_file import DOCUMENT, check_file, is_there, read_bytes
from fairaudit.core.progress import say, step
from fairaudit.core.protocol import Protocol
from fairaudit.core.stop import keeping
from fairaudit.stats.verdicts import decide

_PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "torch", "transformers")


class Audit(AuditResult):
    """An ``AuditResult`` that shows itself in a notebook."""

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
    """Audit a checkpoint on data sets and return everything that was found, or could not be.

    Parameters
    ----------
    checkpoint : str or Path
        A run of ``fairaudit pretrain``, a ``transformers`` folder or hub id, a file of weights, ``module:function``, or
        a folder of features that were computed elsewhere.
    data : mapping
        Folder by reader, ``{"utkface": DIR}``, or by name and reader, ``{"ours:utkface": DIR}``. May be left out where
        there are ``test_sets``.
    test_sets : str or Path, optional
        TOML table of labelled test sets (``label_tests.read_tests``). Unless an option of ``recognition_accuracy`` says
        otherwise, the drop of accuracy is measured from the first of them.
    output : str or Path, optional
        Folder for ``audit.json``, ``statistics.parquet``, ``influences.parquet``, ``tables/`` and ``report.html``.
        Default: nothing is saved. If it holds this audit already, that is returned and nothing changes; another audit
        in it is refused. Files that ``fairaudit`` did not write stay as they are.
    overwrite : bool
        Whether the files of another audit in ``output`` may be replaced, as far as nobody has changed them.
    progress : bool
        Whether to print what is being done.
    **options
        Fields of ``fairaudit.auditing.options.AuditOptions``, such as ``indicators=["label_association"]`` and
        ``options={"label_association": {"threshold": 0.3}}``, which win over a ``preset``. Images that a ``probe``
        learned are left out. ``plan`` may be an object. Without ``cache`` no embeddings are kept; the command line uses
        ``fairaudit.extraction.cache.default_folder()``.

    Raises
    ------
    InputError
        If something that was given cannot be used; nothing is written then.
    """
    sources = [DataSource.parse(key, path) for key, path in (data or {}).items()]
    if test_sets is not None:
        listed = read_tests(Path(test_sets))
        sources += listed
        named, given = options.get("indicators"), options.get("options")
        options["options"] = drops_from(listed[0].name, indicators=named, options=given)
    config = make_config(str(checkpoint), sources, **options)
    target = None if output is None else Path(output)
    with keeping(lambda: _kept(config.cache)):
        return run_audit(config, output=target, overwrite=overwrite, progress=progress)


def run_audit(
    config: AuditConfig, *, output: Path | None = None, overwrite: bool = False, progress: bool = True
) -> Audit:
    """Audit as ``config`` says; see ``audit``."""
    started, clock = datetime.now(UTC), time.perf_counter()
    folder = None
    if output is not None:
        folder = audit_folder(output, data=tuple(s.name for s in config.data), overwrite=overwrite)
        folder.check(options_of(config))
    samples, probe_table = read_samples(config)
    config.check_plan(samples)
    config.check_controls(samples)

    from fairaudit.models import open_model  # takes torch: after all that can be refused without it

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
        made_by = provenance(_PACKAGES, seed=config.seed)
    tables = make_tables(config, model, samples, probe_table, progress=progress)
    with step("indicators", shown=progress) as advance:
        results, failures = run_indicators(config, tables, advance)
    decided, plan = decide(
        results,
        config.plan,
        failures=failures,
        indicators=config.planned_indicators(),
        alpha=config.alpha,
    )
    found = Audit(
        model=model.card,
        data=tuple(data_card(one.samples, digest=one.extraction.digest) for one in tables.values()),
        results=decided,
        failures=tuple(failures),
        config=config.resolved(),
        plan=plan,
        provenance=made_by,
    )
    found = with_digest(found, started=started, seconds=time.perf_counter() - clock)
    if folder is not None:
        from fairaudit.reports.html import write

        folder.asked |= {f"images of {name}": one.extraction.digest for name, one in tables.items()}
        with step("report", shown=progress), folder.replaced() as new:
            save_tables(tables, new / "tables")
            save_audit(found, new)
            write(found, new / PAGE)
    return found


def provenance(packages: Sequence[str], *, seed: int) -> dict[str, Any]:
    """Return what an audit says of its making: versions, seed, and whether the instrument finds what is planted."""
    return {"versions": versions(packages), "seed": seed, "selftest": short_selftest().record}


def with_digest(audit: Audit, *, started: datetime, seconds: float) -> Audit:
    """Return ``audit`` with its digest, and with what differs from run to run."""
    run = {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "platform": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    return dataclasses.replace(audit, provenance={**audit.provenance, "digest": digest(audit), "run": run})


def load_audit(path: str | Path) -> Audit:
    """Read an audit that was saved, its folder or the file ``audit.json``; warn if it was edited since it was written.

    Raises
    ------
    DataError
        If there is none, or it does not fit the schema.
    """
    path = Path(path)
    file = path / "audit.json" if path.is_dir() else path
    if not is_there(file):
        raise DataError(
            f"audit {path} must be a folder with audit.json; got none there. Run `fairaudit audit ... -o {path}`."
        )
    content = read_bytes(file, "audit", limit=DOCUMENT)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} must be JSON; got: {error}. Run the audit again.") from error
    if not isinstance(document, dict):
        raise DataError(f"{file} must hold an audit; got a JSON {type(document).__name__}. Run the audit again.")
    tables = [file.with_name(f"{name}.parquet") for name in ("statistics", "influences")]
    audit = from_document(document, *map(_parquet, tables))
    if is_edited(audit):
        warnings.warn(f"{file} {EDITED}", stacklevel=2)
    return Audit(**vars(audit))


def _parquet(path: Path) -> pd.DataFrame | None:
    """Return a table beside ``audit.json``; None where there is none."""
    if not is_there(path):
        return None
    check_file(path, "table")
    return pd.read_parquet(path)


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
        At least two: audits, or the folders they were saved in.
    names : sequence of str, optional
        One for each; default: the folder's name, else the checkpoint's.
    baseline : str, optional
        Which of the names the others are compared with; default: the first.
    design : mapping of str to (str, str), optional
        Data and size of each checkpoint, by name, where every size was trained on both of two data sets: then
        ``effects`` says which of the two moves a disparity. Names that repeat a cell are further trainings of it.

    Raises
    ------
    ConfigError
        If there are fewer than two, or names, baseline or design do not fit.

    Examples
    --------
    >>> import pandas as pd
    >>> from fairaudit import audit_outcomes, compare
    >>> rows = pd.DataFrame({"sample_id": range(400), "skin": ["dark", "light"] * 200, "hit": [1, 1, 0, 1] * 100})
    >>> better = rows.assign(hit=[1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1] * 25)
    >>> old, new = (audit_outcomes(table, outcomes=["hit"], features=["skin"]) for table in (rows, better))
    >>> found = compare(old, new, names=["old", "new"])
    >>> found.changes[["value_before", "value", "change", "verdict"]]
       value_before  value  change  verdict
    0          -0.5  -0.25    0.25  smaller
    >>> found.summary
    '1 of 1 disparity has changed against old: 1 smaller, 0 larger.'
    """
    loaded = [one if isinstance(one, AuditResult) else load_audit(one) for one in audits]
    default = [a.model.name if isinstance(one, AuditResult) else Path(one).resolve().name
               for one, a in zip(audits, loaded, strict=True)]  # fmt: skip
    return Comparison.of(loaded, names=list(names) if names is not None else default, baseline=baseline or "",
                         design=design)  # fmt: skip


def published(indicator: str) -> pd.DataFrame:
    """Return numbers that were published on the measure of ``indicator``, to put beside one's own.

    They are cited, not recomputed, and made with other images and checkpoints than an audit's.

    Returns
    -------
    DataFrame
        Columns ``title, model, group, value, unit, source, note``; empty where nothing is shipped.

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
    """Return the version of this package and of those of ``packages`` that are installed."""
    found = {"fairaudit": __version__}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
