"""The page of a training run: finished or not, watched or not, with the numbers of the files."""

from __future__ import annotations

import dataclasses
import html
import re
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fairaudit.core.errors import DataError
from fairaudit.reports import run_figures, run_wording
from fairaudit.reports.run_page import render
from fairaudit.reports.run_view import step_charts
from fairaudit.reports.watched_view import watched
from fairaudit.runs.run_record import RunRecord
from fairaudit.runs.watch_records import WatchRecord


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main")[2])))


@pytest.fixture(scope="module")
def run(runs: ModuleType) -> RunRecord:
    made: RunRecord = runs.make_run()
    return made


def test_a_finished_run_says_where_it_ended(run_page: str) -> None:
    text = text_of(run_page)
    assert (
        "The run is finished: the network has seen 1,280 images. Loss 3.475; a blind guess gets ln K = 4.159." in text
    )
    assert (
        "k-NN accuracy 0.480 (0.440 to 0.520) after 1,280 images, 0.320 (0.280 to 0.360) with random weights." in text
    )
    assert "812 images/s since the run was last started, looks left out." in text
    assert "Not finished" not in run_page


def test_curves_are_called_exploratory_and_no_verdict_is_given(run_page: str) -> None:
    text = text_of(run_page).partition("The method")[0]
    assert "3 comparisons at 3 looks make 9 intervals, each at 95 % for itself. Nothing is adjusted:" in text
    assert "there is no verdict here" in text
    assert 'class="badge' not in run_page


def test_first_and_last_look_stand_beside_each_other_and_all_looks_below(run_page: str) -> None:
    text = text_of(run_page)
    shown = (
        "feminine against all others in this sample 0.020 −0.030 to 0.070 at 0 (random start) 0.180 0.130 to 0.230 at "
        "1,280 900 400"
    )
    assert shown in text
    every = text.partition("Every look at gender")[2]
    assert "feminine against all others in this sample 0 (random start) 0.020 −0.030 to 0.070 900 400" in every
    assert "640 0.110 0.059 to 0.161 900 400" in every or "640 0.110 0.060 to 0.160 900 400" in every
    assert "Values of groups by gender at every look" in every
    assert "masculine 0 (random start) 0.520 0.400 to 0.600" in every


def test_what_cannot_be_estimated_keeps_its_place_and_its_reason(run_page: str) -> None:
    assert "trend per step of age n/a n/a at 0 (random start) n/a n/a at 1,280 900 400 6 clusters; 20 are needed" in (
        text_of(run_page)
    )


def test_failures_and_unknown_watchers_are_shown(run_page: str) -> None:
    text = text_of(run_page)
    assert "640 images seen. representation_disparity on faces: The disk was gone. Wait." in text
    assert "mine Images seen size 0 (random start) 3.500 640 3.500 1,280 3.500" in text
    assert "Synthetic data. faces was drawn by a program." in text


def test_a_run_that_stopped_and_was_not_watched(runs: ModuleType) -> None:
    page = render(runs.make_run(steps=13, watch_records=(), finished=False))
    text = text_of(page)
    assert "Not finished" in page
    assert "The run is not finished: the network has seen 416 of 1,280 images. Loss " in text
    assert "No disparity was watched. fairaudit pretrain ... --watch READER=DIR shows how" in text
    assert "images/s" not in text
    assert page.count("<svg") == 2


def test_a_run_before_its_first_step_and_one_of_a_single_look(runs: ModuleType) -> None:
    page = render(runs.make_run(steps=0, watch_records=(runs.knn(0, 0.3), runs.record(0, 0.1)), finished=False))
    assert "k-NN accuracy 0.300 (0.260 to 0.340) with random weights." in text_of(page)
    assert page.count("<svg") == 3  # k-NN, gender, age
    untaught = dataclasses.replace(
        runs.make_run(steps=0, watch_records=()), method="random weights", finished={"steps": 0}
    )
    assert "The network was not trained." in render(untaught)


def test_a_loss_no_better_than_a_guess_is_said(runs: ModuleType) -> None:
    made = runs.make_run()
    flat = dataclasses.replace(made, steps=made.steps.assign(loss=4.5), finished={**made.finished, "stuck": True})
    assert run_wording.loss(flat) == "Loss 4.500; a blind guess gets ln K = 4.159, so the loss shows no learning."
    assert "The network learned little." in render(flat)


def test_looks_with_other_options_are_not_joined_in_silence(runs: ModuleType, run_page: str) -> None:
    other = runs.record(640, 0.1)
    watch_records = (runs.record(0, 0.1), WatchRecord(640, "disparity", {**other.values, "settings": "b" * 64}))
    notice = "Options or data of the watcher changed while the run was stopped"
    assert notice in render(runs.make_run(watch_records=watch_records))
    assert notice not in run_page


def test_what_is_declared_of_the_images_is_shown(runs: ModuleType, factory: ModuleType) -> None:
    page = render(runs.make_run(training=factory.training("photos")))
    assert "Training images in photos" in text_of(page)


def test_the_figure_draws_the_values_and_bands_of_the_looks(run: RunRecord) -> None:
    rows = pd.DataFrame(
        {"images": [0, 8, 16], "value": [0.1, 0.2, np.nan], "ci_low": [0, 0.1, np.nan], "ci_high": [0.2, 0.4, np.nan],
         "status": ["ok", "too_few", "not_estimable"]}
    )  # fmt: skip
    (ax,) = run_figures.disparities([("a", rows)]).axes
    assert np.asarray(ax.lines[0].get_xydata())[:2].tolist() == [[0, 0.1], [8, 0.2]]
    band = ax.collections[0].get_paths()[0].vertices
    assert {(0.0, 0.0), (0.0, 0.2), (8.0, 0.1), (8.0, 0.4)} <= {(float(x), float(y)) for x, y in np.asarray(band)}
    assert ax.lines[1].get_ydata() == [0, 0]
    low, high = ax.get_ylim()
    assert low < 0 < 0.4 < high


def test_all_panels_have_one_axis_and_zero_is_on_it(runs: ModuleType) -> None:
    (section,) = watched(runs.make_run())
    assert [block.feature for block in section.features] == ["gender", "age"]
    rows = pd.DataFrame({"images": [0, 8], "value": [0.3, 0.4], "ci_low": [0.2, 0.3], "ci_high": [0.4, 0.5]})
    figure: Figure = run_figures.disparities([("a", rows), ("b", rows + 1)])
    limits = {ax.get_ylim() for ax in figure.axes}
    assert len(limits) == 1
    assert next(iter(limits))[0] <= 0


def test_of_many_comparisons_those_furthest_from_none_are_drawn_and_all_listed(runs: ModuleType) -> None:
    many = runs.record(640, 0.1, n_groups=14)
    section = watched(runs.make_run(watch_records=(many,)))[0]
    block = section.features[0]
    assert len(block.comparisons) == 14
    assert block.figure.count("against all others</text>") == run_figures.MAX_PANELS
    assert "Drawn are the 9 of 14 comparisons" in block.caption


def test_a_long_run_is_drawn_as_means_and_keeps_its_mean(runs: ModuleType) -> None:
    long = runs.make_run(steps=900)
    pieces = run_figures.binned(long.steps)
    assert len(pieces) == run_figures.MAX_POINTS
    assert pieces["loss"].mean() == pytest.approx(long.steps["loss"].mean())
    chart = step_charts(long)[0]
    assert (chart.rows[0][0], chart.rows[-1][0]) == ("32", "28,800")
    assert chart.left_out == "The table has 8 of 900 steps; metrics.jsonl has all."


def test_the_same_files_give_the_same_page(runs: ModuleType, run_page: str) -> None:
    assert render(runs.make_run()) == run_page


def test_a_damaged_look_is_refused(runs: ModuleType) -> None:
    with pytest.raises(
        DataError,
        match=r"^disparities in watch\.jsonl, in the line of 0 images and watcher 'w', must be objects with numbers ",
    ):
        render(runs.make_run(watch_records=(WatchRecord(0, "w", {"disparities": [{"value": "high"}]}),)))


def test_the_terminal_gets_the_same_sentences(run: RunRecord) -> None:
    assert run_wording.lines(run) == [
        "The run is finished: the network has seen 1,280 images.",
        "Loss 3.475; a blind guess gets ln K = 4.159. 812 images/s",
        "k-NN accuracy 0.480 (0.440 to 0.520) after 1,280 images, 0.320 (0.280 to 0.360) with random weights.",
    ]
