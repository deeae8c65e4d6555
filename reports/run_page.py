"""A ``RunRecord`` as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

from fairaudit.reports import page, run_view, run_wording, watched_view
from fairaudit.reports.training_view import training_views
from fairaudit.runs.run_record import RunRecord


def render(run: RunRecord) -> str:
    """Return the page of a training run, finished or not, as HTML.

    The page runs no script, loads nothing, and holds no image of the data. The same files give the same bytes.
    Text from data is escaped.

    Raises
    ------
    DataError
        If ``watch.jsonl`` holds anything that a run does not write.
    """
    n_comparisons, n_records = watched_view.counted(run)
    return page.document(
        "run.html.j2",
        "run",
        run=run,
        method_name=run_wording.method(run),
        sentences=[s for s in (run_wording.progress(run), run_wording.loss(run)) if s],
        accuracy=run_wording.accuracy(run),
        speed=run_wording.speed(run),
        charts=run_view.step_charts(run),
        knn=run_view.knn_chart(run),
        watched=watched_view.watched(run),
        multiplicity=run_wording.multiplicity(n_comparisons, n_records) if n_comparisons else "",
        failures=watched_view.failures(run),
        others=run_view.other_watchers(run),
        synthetic=watched_view.synthetic(run),
        training=training_views(run.training),
    )


def write(run: RunRecord, path: Path, *, overwrite: bool = False) -> Path:
    """Write the page of ``run`` with ``page.write`` and return ``path``."""
    return page.write(render(run), path, overwrite=overwrite)
