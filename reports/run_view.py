"""Charts of a training run: figures with their tables."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from fairaudit.reports import notation, run_figures, run_wording, svg
from fairaudit.runs.run_record import RunRecord

#: Columns of ``metrics.jsonl`` on the use of prototypes, with their names on the page.
HEALTH = {
    "prototype_use": "prototype use",
    "empty_prototypes": "empty prototypes",
    "spread": "spread of vectors",
    "confidence": "confidence",
}
#: A table holds at most this many steps, the first and the last among them.
TABLE_ROWS = 8


@dataclass(frozen=True)
class Chart:
    """A figure with its table; ``left_out`` is the sentence on steps that the table leaves out, or empty."""

    title: str
    caption: str
    figure: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: str = ""


def step_charts(run: RunRecord) -> list[Chart]:
    """Return the charts of the loss and, for SwAV, of the use of prototypes."""
    if not len(run.steps):
        return []
    guess = "" if math.isnan(run.chance) else f" Dashed: a blind guess, {notation.number(run.chance)}."
    charts = [
        _of_steps(
            run, {"loss": "loss"}, "Loss", "loss",
            f"Below the dashed line the network predicts better than blindly.{guess}" if guess else "Lower is better.",
            chance=run.chance,
        )
    ]  # fmt: skip
    health = {column: name for column, name in HEALTH.items() if column in run.steps}
    if health:
        charts.append(
            _of_steps(
                run, health, "Prototypes and vectors", "share",
                "Prototype use: 1 is evenly, and that is what the codes ask for. Empty: share of prototypes that were "
                "nearest to no vector for long. Spread: 0 where the vectors of all images are one, a collapse. "
                "Confidence: mean highest probability of a prediction.",
            )
        )  # fmt: skip
    return charts


def knn_chart(run: RunRecord) -> Chart | None:
    """Return the chart of k-NN accuracy; None if it was not watched."""
    watch_records = [record for record in run.watch_records if run_wording.is_knn(record)]
    if not watch_records:
        return None
    known = [{**record.values, "images": record.images, "value": record.values["accuracy"]} for record in watch_records]
    rows = pd.DataFrame(known).reindex(columns=["images", "value", "ci_low", "ci_high", "commonest", "n"])
    rows = rows.apply(pd.to_numeric, errors="coerce")
    return Chart(
        title="k-NN accuracy",
        caption="How often most of an image's nearest neighbours share its label. Band: 95 % interval. Hollow: the "
        "network before training. Dashed: always guessing the commonest label.",
        figure=_svg(run_figures.accuracy(rows), "knn", "k-NN accuracy against images seen", _ends(rows, "value")),
        head=("Images seen", "Accuracy", "95 % interval", "Images"),
        rows=tuple(
            (moment(int(r["images"])), notation.number(r["value"]), notation.interval(r["ci_low"], r["ci_high"]),
             notation.count(r["n"]))
            for r in rows.to_dict("records")
        ),
    )  # fmt: skip


def other_watchers(run: RunRecord) -> list[tuple[str, Chart]]:
    """Return name and table of each watcher that measures neither k-NN accuracy nor disparities."""
    charts = []
    for name in dict.fromkeys(record.watcher for record in run.watch_records):
        watch_records = [record for record in run.watch_records if record.watcher == name]
        if any(run_wording.is_knn(record) or "disparities" in record.values for record in watch_records):
            continue
        keys = list(
            dict.fromkeys(k for record in watch_records for k, v in record.values.items() if notation.is_number(v))
        )
        values = [[record.values.get(key) for key in keys] for record in watch_records]
        rows = tuple(
            (moment(record.images), *(notation.number(v) if notation.is_number(v) else notation.ABSENT for v in row))
            for record, row in zip(watch_records, values, strict=True)
        )
        charts.append((name, Chart(name, "", Markup(), ("Images seen", *keys), rows)))
    return charts


def moment(images: int) -> str:
    """Return the number of images seen as text; 0 is the random start."""
    return notation.count(images) if images else "0 (random start)"


def _of_steps(
    run: RunRecord, names: dict[str, str], title: str, label: str, caption: str, *, chance: float = math.nan
) -> Chart:
    figure = run_figures.lines(run.steps, names, chance=chance, label=label)
    many = len(run.steps) > run_figures.MAX_POINTS
    shown = _picked(run.steps)
    return Chart(
        title=title,
        caption=caption + (f" Drawn are means over {run_figures.MAX_POINTS} pieces of the run." if many else ""),
        figure=_svg(figure, notation.slug(title), f"{title} against images seen", _ends(run.steps, *names)),
        head=("Images seen", *(name.capitalize() for name in names.values())),
        rows=tuple(
            (notation.count(r["images"]), *(notation.number(r[column]) for column in names))
            for r in shown.to_dict("records")
        ),
        left_out=f"The table has {len(shown)} of {len(run.steps):,} steps; metrics.jsonl has all."
        if len(shown) < len(run.steps)
        else "",
    )


def _picked(steps: pd.DataFrame) -> pd.DataFrame:
    """Return ``TABLE_ROWS`` rows spread evenly over the run, with the first and the last."""
    n = min(len(steps), TABLE_ROWS)
    return steps.iloc[[round(i * (len(steps) - 1) / max(n - 1, 1)) for i in range(n)]]


def _svg(figure: Figure, prefix: str, title: str, description: str) -> Markup:
    return svg.inline(figure, prefix=f"chart-{prefix}", title=title, description=description)


def _ends(rows: pd.DataFrame, *columns: str) -> str:
    """Return the first and last value of each column: the description for people who do not see the figure."""
    parts = []
    for column in columns:
        first, last = float(rows[column].iloc[0]), float(rows[column].iloc[-1])
        parts.append(f"{column.replace('_', ' ')} from {notation.number(first)} to {notation.number(last)}")
    return f"{'; '.join(parts)}. The table that follows holds numbers."
