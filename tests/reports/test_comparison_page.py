"""Audits side by side: every checkpoint's numbers, what was planted and found, and what the page does not claim."""

from __future__ import annotations

import dataclasses
import html
import re

import pandas as pd
import pytest

from fairaudit.comparison.change import changes_of
from fairaudit.core.audit import AuditResult
from fairaudit.core.errors import ConfigError
from fairaudit.core.plant import Plant
from fairaudit.reports import plant_view
from fairaudit.reports.comparison import render_comparison


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def table_rows(page: str, caption: str) -> list[list[str]]:
    found = re.search(rf"<caption[^>]*>{re.escape(caption)}</caption>(.*?)</table>", page, flags=re.DOTALL)
    assert found, caption
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", found[1], flags=re.DOTALL)
    return [
        [text_of(c).strip() for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL)] for row in rows
    ]


def test_the_summary_counts_verdicts_and_shows_sizes(compared: dict[str, AuditResult], comparison_page: str) -> None:
    rows = table_rows(comparison_page, "Verdicts of planned comparisons by checkpoint")
    for (name, audit), row in zip(compared.items(), rows[1:], strict=True):
        primary = audit.disparities[audit.disparities["family"] == "primary"]["verdict"]
        verdicts = ("disparity", "inconclusive", "within_tolerance", "not_estimable")
        assert row[0].startswith(name)
        assert row[2] == "4,770,000"
        assert row[3:7] == [str(int((primary == v).sum())) for v in verdicts]
        assert row[7] == "copy_robustness"
    assert '<a href="b/report.html">second</a>' in comparison_page


def test_groups_of_every_checkpoint_stand_side_by_side(compared: dict[str, AuditResult], comparison_page: str) -> None:
    caption = "auroc by target: value, 95 % interval, images and clusters by checkpoint"
    rows = {row[0]: row[1:] for row in table_rows(comparison_page, caption)}
    for i, audit in enumerate(compared.values()):
        groups = audit.result("hate_speech").groups
        for row in groups[groups["feature"] == "target"].itertuples():
            assert rows[str(row.group)][i].startswith(f"{row.value:.3f} ")
            assert f"{row.n:,.0f} images, {row.n_clusters:,.0f} clusters" in rows[str(row.group)][i]


def test_verdicts_of_every_checkpoint_stand_side_by_side(comparison_page: str) -> None:
    caption = "Planned comparisons on faces: verdict, estimate and adjusted interval by checkpoint"
    rows = table_rows(comparison_page, caption)
    assert rows[0] == ["Feature", "Comparison", "first", "second"]
    assert rows[1] == [
        "gender",
        "feminine against all others in this sample",
        *["▲ Disparity shown −0.087 −0.135 to −0.039"] * 2,
    ]
    assert all(len(row) == 4 for row in rows)


def test_planted_and_found(comparison_page: str) -> None:
    rows = table_rows(comparison_page, "Planted disparities by checkpoint, with the verdict")
    assert rows[1] == [
        "small share Only a twentieth of the training images show this group.",
        "representation_disparity lower for feminine than for all others in this sample (gender)",
        "● Found Disparity shown",
        "◆ Unexpected Disparity shown",
    ]
    assert rows[2][2:] == ["· Not expected here Inconclusive", "○ Not found Inconclusive"]
    assert rows[3][2:] == ["· Not expected here", "— Not measured"]
    assert (
        "1 of 3 planted disparities were found on the checkpoints where their cause acts. "
        "Of 3 checks where it does not act, 1 raised one all the same."
    ) in text_of(comparison_page)


def test_a_plant_found_in_the_wrong_direction_is_not_found(
    compared: dict[str, AuditResult], plants: tuple[Plant, ...]
) -> None:
    wrong = dataclasses.replace(plants[0], direction="higher")
    assert plant_view.outcome(wrong, "first", compared["first"]) == "missed"


def test_a_plant_may_name_the_model_instead_of_the_label(
    compared: dict[str, AuditResult], plants: tuple[Plant, ...]
) -> None:
    by_model = dataclasses.replace(plants[0], checkpoints=("swav_regnet_400mf",))
    assert plant_view.outcome(by_model, "any label", compared["first"]) == "found"


@pytest.mark.parametrize(
    ("kind", "direction", "words"),
    [("slope", "higher", "rises along income"), ("slope", "lower", "falls along income"),
     ("one_vs_rest", "lower", "lower for low than for all others in this sample (income)")],
)  # fmt: skip
def test_expected_words(kind: str, direction: str, words: str) -> None:
    plant = Plant("p", "i", "income", kind, "low", direction, "c", ())  # type: ignore[arg-type]
    assert plant_view.expected_words(plant) == words


def test_the_page_says_what_it_is_not(comparison_page: str) -> None:
    text = text_of(comparison_page)
    assert "Verdicts are about one checkpoint each." in text
    assert "is no proof that they differ: the table of changes tests that." in text
    assert "Synthetic data." in text


def test_changes_that_cannot_be_estimated_stand_in_the_table(comparison_page: str) -> None:
    assert "9 comparisons without a change that is shown" in text_of(comparison_page)
    rows = table_rows(comparison_page, "No change shown against first, with adjusted interval")
    assert rows[1][0].startswith("— Not estimable the audit of the baseline holds no influence of clusters")
    assert rows[1][1:] == ["second", "gender: feminine against all others in this sample representation_disparity, "
                           "balanced_precision@10, faces", "−0.087", "−0.087", "n/a n/a", "n/a"]  # fmt: skip
    assert "No change against first could be estimated (9 planned disparities)." in text_of(comparison_page)


def test_sizes_that_are_equal_need_no_figure(comparison_page: str) -> None:
    assert "All checkpoints have 4.8 million parameters: no change is due to size." in text_of(comparison_page)
    assert "Figure: disparity by number of parameters" not in comparison_page


def test_another_head_on_the_same_trunk_makes_no_other_size(compared: dict[str, AuditResult]) -> None:
    model = compared["second"].model
    larger = dataclasses.replace(model, n_parameters=round(1.02 * model.n_parameters))
    page = render_comparison({**compared, "second": dataclasses.replace(compared["second"], model=larger)}, title="t")
    assert "4.8 million to 4.9 million parameters; they are nearly of one size." in text_of(page)
    assert "Figure: disparity by number of parameters" not in page


def test_changes_that_are_shown_stand_first(compared: dict[str, AuditResult]) -> None:
    changes = changes_of(compared, baseline="first")
    said = {"verdict": "smaller", "value_before": 0.2, "value": 0.125, "change": -0.075, "ci_low_adjusted": -0.1,
            "ci_high_adjusted": -0.05, "p_adjusted": 0.001}  # fmt: skip
    records = changes.to_dict("records")
    changes = pd.DataFrame([*records[:3], {**records[3], **said}, *records[4:]])
    page = render_comparison(compared, title="t", changes=changes)
    rows = table_rows(page, "Changes that are shown, against first, with adjusted interval")
    assert len(rows) == 2
    assert rows[1][0].startswith("▼ Smaller")
    assert rows[1][3:] == ["0.200", "0.125", "−0.075 −0.100 to −0.050", "0.001"]
    assert "8 comparisons without a change that is shown" in text_of(page)


def test_sizes_that_differ_are_drawn(compared: dict[str, AuditResult]) -> None:
    larger = dataclasses.replace(compared["second"].model, n_parameters=21_000_000)
    page = render_comparison({**compared, "second": dataclasses.replace(compared["second"], model=larger)}, title="t")
    assert "The largest checkpoint has 4.4 times the parameters of the smallest" in text_of(page)
    figure = re.search(r'aria-label="Figure: disparity by number of parameters".*?</svg>', page, flags=re.DOTALL)
    assert figure
    for text in ("4.8 million", "21.0 million", "target: religion against all others"):
        assert text in figure[0]


def test_an_indicator_that_one_audit_lacks_is_named(compared: dict[str, AuditResult]) -> None:
    fewer = dataclasses.replace(compared["second"], results=compared["second"].results[:1])
    only_memes = dataclasses.replace(compared["first"], results=compared["first"].results[1:])
    page = render_comparison({"a": only_memes, "b": fewer}, title="t")
    text = text_of(page)
    assert "Without a comparable result: b." in text
    assert "Without a comparable result: a." in text
    assert "not in this audit" in text


def test_another_headline_is_not_put_on_the_same_axis(small_audit: AuditResult) -> None:
    renamed = dataclasses.replace(small_audit, results=(dataclasses.replace(small_audit.results[0], headline="f1"),))
    page = render_comparison({"a": small_audit, "b": renamed}, title="t")
    assert "Without a comparable result: b." in text_of(page)


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ({"c": "x.html"}, "links must name audits of the comparison; got 'c'. Choose from: a."),
        ({"a": "javascript:alert(1)"}, "link of 'a' must be a relative address; got 'javascript:alert(1)'. "
                                       "Give the path from the page."),
        ({"a": "//host/x"}, "link of 'a' must be a relative address; got '//host/x'. Give the path from the page."),
    ],
)  # fmt: skip
def test_links_that_lead_elsewhere_are_refused(small_audit: AuditResult, links: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        render_comparison({"a": small_audit}, title="t", links=links)
    assert str(caught.value) == message


def test_no_audit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^comparison must have at least one audit; got none\. Give the folders"):
        render_comparison({}, title="t")
