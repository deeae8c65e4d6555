"""Several audits as one HTML page: verdicts, groups and changes by checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
from markupsafe import Markup

from fairaudit.comparison.change import alpha_of, changes_of
from fairaudit.comparison.model_size import ALIKE, parameters_of, sizes_of
from fairaudit.comparison.relative import relative_changes
from fairaudit.core.audit import AuditResult, ModelCard
from fairaudit.core.document import EDITED, is_edited
from fairaudit.core.errors import ConfigError
from fairaudit.core.plant import Plant
from fairaudit.core.result import CHANGE_COLUMNS, IndicatorResult, table
from fairaudit.reports import change_view, figures, notation, page, plant_view, small_multiples, svg, wording
from fairaudit.reports.disparity_view import DisparityRow, counts, disparity_row, primary
from fairaudit.reports.group_view import GroupRow, group_row, headline_features
from fairaudit.reports.html import card_of, printable_audit
from fairaudit.reports.result_view import how_known, ordered
from fairaudit.reports.size_figure import size_figure

_KEY = ["metric", "feature", "control", "kind", "measure", "group", "reference"]


@dataclass(frozen=True)
class Checkpoint:
    """One audited checkpoint: label, model, verdict counts, failed indicators, address of its report or ``""``."""

    label: str
    model: ModelCard
    counts: Mapping[str, int]
    failures: tuple[str, ...]
    link: str


@dataclass(frozen=True)
class FeaturePanel:
    """One feature of one indicator: a figure with a panel per checkpoint, and its numbers as a table.

    Parameters
    ----------
    feature, how_known, caption : str
        Name, how the groups are known and by whom, and how to read the figure.
    figure : Markup
    rows : tuple of (str, tuple of GroupRow or None)
        Group, and its row for each checkpoint; None for an audit without the group.
    """

    feature: str
    how_known: str
    caption: str
    figure: Markup
    rows: tuple[tuple[str, tuple[GroupRow | None, ...]], ...]


@dataclass(frozen=True)
class IndicatorPanel:
    """One indicator on one data set, over all checkpoints."""

    anchor: str
    result: IndicatorResult
    features: tuple[FeaturePanel, ...]
    disparities: tuple[tuple[str, str, tuple[DisparityRow | None, ...]], ...]
    missing: tuple[str, ...]


def render_comparison(
    audits: Mapping[str, AuditResult],
    *,
    title: str,
    plants: Sequence[Plant] = (),
    intro: str = "",
    links: Mapping[str, str] | None = None,
    baseline: str = "",
    changes: pd.DataFrame | None = None,
    effects: Mapping[str, Any] | None = None,
) -> str:
    """Return several audits side by side as one HTML page.

    Parameters
    ----------
    audits : mapping of str to AuditResult
        By printed name, in the order of the columns; at least one.
    title, intro : str
        Heading and first paragraph.
    plants : sequence of Plant
        Disparities put into the data or the training on purpose; the page lists which were found.
    links : mapping of str to str, optional
        Relative address of each checkpoint's own report, by its name in ``audits``.
    baseline : str
        Name of the audit that the others are compared with; default: the first.
    changes : DataFrame, optional
        ``comparison.change.changes_of`` of the audits; computed if absent.
    effects : mapping, optional
        ``effect_view.effect_section`` of a crossed design; replaces the changes.

    Raises
    ------
    ConfigError
        If ``audits`` is empty, or a link is not relative or names no audit.
    """
    links = links or {}
    _check_links(audits, links)
    baseline = baseline or next(iter(audits))
    if effects is not None:
        changes = table([], CHANGE_COLUMNS)
    elif changes is None:
        changes = changes_of(audits, baseline=baseline)
    relative = relative_changes(audits, baseline=baseline) if len(changes) else None
    edited = [name for name, audit in audits.items() if is_edited(audit)]
    audits = {name: printable_audit(audit) for name, audit in audits.items()}
    return page.document(
        "comparison.html.j2",
        "comparison",
        title=title,
        intro=intro,
        checkpoints=[
            Checkpoint(
                name,
                audit.model,
                counts(audit.disparities),
                tuple(f.indicator for f in audit.failures),
                links.get(name, ""),
            )
            for name, audit in audits.items()
        ],
        words=wording.VERDICTS,
        panels=_panels(audits),
        **_changes(audits, changes, relative, baseline),
        effects=effects,
        plants=plant_view.plant_rows(plants, audits),
        plant_tally=plant_view.tally(plants, audits),
        plant_signs=plant_view.OUTCOMES,
        edited=f"{', '.join(edited)} {EDITED}" if edited else "",
        synthetic=list(dict.fromkeys(card.name for audit in audits.values() for card in audit.data if card.synthetic)),
    )


def _changes(
    audits: Mapping[str, AuditResult], changes: pd.DataFrame, relative: pd.DataFrame | None, baseline: str
) -> dict[str, Any]:
    """Return the values that the section on changes prints."""
    estimated = [] if relative is None else relative[relative["relative"].notna()].to_dict("records")
    parameters = parameters_of(audits)
    figure = ""
    if parameters and max(parameters.values()) >= ALIKE * min(parameters.values()):
        title = "Planned disparities by number of parameters"
        figure = svg.inline(
            size_figure(sizes_of(audits)), prefix="size", title=title, description="The tables hold every number."
        )
    return {
        "baseline": baseline,
        "alpha": alpha_of(audits[baseline]),
        "changes": [change_view.change_row(row) for row in changes.to_dict("records")],
        "change_words": change_view.WORDS,
        "relative": [change_view.relative_row(row) for row in estimated],
        "relative_left_out": 0 if relative is None else len(relative) - len(estimated),
        "change_tally": change_view.tally(changes),
        "size_sentence": change_view.size_sentence(parameters, list(audits)),
        "size_figure": figure,
    }


def _check_links(audits: Mapping[str, AuditResult], links: Mapping[str, str]) -> None:
    if not audits:
        raise ConfigError("comparison must have at least one audit; got none. Give the folders of finished audits.")
    for name, link in links.items():
        if name not in audits:
            raise ConfigError(
                f"links must name audits of the comparison; got '{name}'. Choose from: {', '.join(audits)}."
            )
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or link.startswith(("/", "\\")):
            raise ConfigError(
                f"link of '{name}' must be a relative address; got '{link}'. Give the path from the page."
            )


def _panels(audits: Mapping[str, AuditResult]) -> list[IndicatorPanel]:
    keys = dict.fromkeys((r.indicator, r.dataset) for audit in audits.values() for r in audit.results)
    return [
        _panel(indicator, dataset, audits, f"i{i}-{notation.slug(indicator, dataset)}")
        for i, (indicator, dataset) in enumerate(keys)
    ]


def _panel(indicator: str, dataset: str, audits: Mapping[str, AuditResult], anchor: str) -> IndicatorPanel:
    present = {
        name: result
        for name, audit in audits.items()
        for result in reversed(audit.results)  # of two results with this key, the first
        if (result.indicator, result.dataset) == (indicator, dataset)
    }
    # Another headline is another measure: its values do not belong on the same axis.
    # A result without values holds only the reasons why its comparisons failed: it fits any headline.
    first = next((r for r in present.values() if len(r.groups)), next(iter(present.values())))
    same = {name: r for name, r in present.items() if r.groups.empty or r.headline == first.headline}
    features = dict.fromkeys(f for result in same.values() for f in headline_features(result))
    return IndicatorPanel(
        anchor=anchor,
        result=first,
        features=tuple(
            _feature_panel(feature, list(audits), same, audits, f"{anchor}-f{i}") for i, feature in enumerate(features)
        ),
        disparities=tuple(_disparities({name: same.get(name) for name in audits})),
        missing=tuple(name for name in audits if name not in same),
    )


def _feature_panel(
    feature: str,
    names: Sequence[str],
    results: Mapping[str, IndicatorResult],
    audits: Mapping[str, AuditResult],
    prefix: str,
) -> FeaturePanel:
    first_name, first = next(iter(results.items()))
    card = card_of(audits[first_name], first.dataset)
    in_order = ordered(card, feature)
    groups = {name: result.groups for name, result in results.items()}
    tables = {n: figures.headline_rows(g, metric=first.headline, feature=feature) for n, g in groups.items()}
    order = small_multiples.shared_order(tables, ordered=in_order)
    title = f"{first.headline} by {feature}, one panel per checkpoint"
    figure = small_multiples.checkpoints(groups, metric=first.headline, feature=feature, ordered=in_order)
    caption = "Dot: value of the group. Line: 95 % interval. Dashed: all images together, with that checkpoint."
    if any((table["status"] != "ok").any() for table in tables.values()):
        caption += " Grey: too few images for a verdict."
    if len(order) > figures.MAX_GROUPS:
        caption += (
            f" Drawn are the {figures.MAX_GROUPS} of {len(order)} groups furthest from the middle; see the table."
        )
    cells = {name: {r["group"]: group_row(r) for r in table.to_dict("records")} for name, table in tables.items()}
    return FeaturePanel(
        feature,
        how_known(card, feature),
        caption,
        svg.inline(figure, prefix=prefix, title=title, description="The table that follows holds every number."),
        tuple((g, tuple(cells.get(name, {}).get(g) for name in names)) for g in order),
    )


def _disparities(
    results: Mapping[str, IndicatorResult | None],
) -> list[tuple[str, str, tuple[DisparityRow | None, ...]]]:
    """Return feature, comparison and one cell per checkpoint for each row that any audit planned."""
    tables = {name: _by_key(result.disparities) if result else {} for name, result in results.items()}
    beside = [wording.NOTHING_BESIDE if result is None else wording.Beside.of(result) for result in results.values()]
    planned = dict.fromkeys(
        key for result in results.values() if result for key in _by_key(primary(result.disparities))
    )
    compared = []
    for key in planned:
        cells = tuple(
            disparity_row(rows[key], by) if key in rows else None
            for rows, by in zip(tables.values(), beside, strict=True)
        )
        named = next(cell for cell in cells if cell is not None)
        compared.append((named.feature, named.comparison, cells))
    return compared


def _by_key(disparities: pd.DataFrame) -> dict[tuple[Any, ...], dict[Any, Any]]:
    return {tuple(row[column] for column in _KEY): row for row in disparities.to_dict("records")}
