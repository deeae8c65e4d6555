"""Disparity against parameters: what is drawn is what the table holds."""

from __future__ import annotations

import dataclasses

import pytest

from fairaudit.comparison.model_size import parameters_of, sizes_of
from fairaudit.core.audit import AuditResult
from fairaudit.reports.size_figure import size_figure


def sized(audit: AuditResult, n_parameters: int) -> AuditResult:
    return dataclasses.replace(audit, model=dataclasses.replace(audit.model, n_parameters=n_parameters))


def test_dots_stand_at_the_size_of_their_checkpoint(small_audit: AuditResult) -> None:
    sizes = sizes_of({"small": sized(small_audit, 10_000), "large": sized(small_audit, 5_000_000)})
    figure = size_figure(sizes)
    (ax,) = figure.axes
    lines = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
    planned = small_audit.disparities[small_audit.disparities["family"] == "primary"]
    assert len(lines) == len(planned)
    for line, value in zip(lines, planned["value"], strict=True):
        assert list(line.get_xdata()) == [10_000, 5_000_000]  # type: ignore[arg-type]
        assert list(line.get_ydata()) == pytest.approx([value, value])  # type: ignore[arg-type]
    assert ax.get_xscale() == "log"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["10,000", "5.0 million"]


def test_sizes_that_stand_close_share_a_label(small_audit: AuditResult) -> None:
    audits = {str(n): sized(small_audit, n) for n in (1_000_000, 1_010_000, 90_000_000)}
    (ax,) = size_figure(sizes_of(audits)).axes
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1.0 million", "90.0 million"]


def test_a_size_that_is_not_known_is_not_drawn(small_audit: AuditResult) -> None:
    audits = {"table": sized(small_audit, 0), "model": sized(small_audit, 10)}
    assert parameters_of(audits) == {"model": 10}
    sizes = sizes_of(audits)
    assert sizes.loc[sizes["checkpoint"] == "table", "n_parameters"].isna().all()
    (ax,) = size_figure(sizes).axes
    assert all(len(line.get_xdata()) == 1 for line in ax.get_lines()[:-1])  # type: ignore[arg-type]
