"""What the page says: every verdict, every group, every failure; grey rows with their reason; same bytes each time."""

from __future__ import annotations

import dataclasses
import html
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from fairaudit.core.audit import AuditResult
from fairaudit.core.errors import ConfigError, InputError
from fairaudit.reports import page, wording
from fairaudit.reports.html import fragment, render, write


def text_of(page_: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page_)))


def cells(page_: str, caption: str) -> list[list[str]]:
    """Rows of the table with ``caption``, as text."""
    found = re.search(
        rf"<caption[^>]*>{re.escape(html.escape(caption))}</caption>(.*?)</table>", page_, flags=re.DOTALL
    )
    assert found, caption
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", found[1], flags=re.DOTALL)
    return [
        [text_of(c).strip() for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL)] for row in rows
    ]


def test_the_banner_counts_primary_rows_only(audit: AuditResult, report_page: str) -> None:
    primary = audit.disparities[audit.disparities["family"] == "primary"]
    shown = re.findall(
        r'<dt><span aria-hidden="true">.</span> ([^<]+)</dt><dd><span class="n">(\d+)</span>', report_page
    )
    expected = primary["verdict"].value_counts()
    assert {word: int(n) for word, n in shown} == {w.text: expected[key] for key, w in wording.VERDICTS.items()}
    assert sum(int(n) for _, n in shown) == len(primary) < len(audit.disparities)


def test_every_planned_comparison_has_its_sentence(audit: AuditResult, report_page: str) -> None:
    primary = audit.disparities[audit.disparities["family"] == "primary"]
    for row in primary.to_dict("records"):
        assert html.escape(wording.sentence(row), quote=False) in html.unescape(report_page).replace("&", "&amp;")


def test_group_table_holds_the_numbers(audit: AuditResult, report_page: str) -> None:
    rows = cells(report_page, "balanced_precision@10 by gender")
    assert rows[0] == ["Group", "Value", "95 % interval", "Images", "Clusters"]
    groups = audit.result("representation_disparity").groups
    groups = groups[(groups["metric"] == "balanced_precision@10") & (groups["feature"] == "gender")]
    for row in groups.itertuples():
        shown = next(r for r in rows if r[0] == row.group)
        assert shown[1] == f"{row.value:.3f}"
        assert shown[3:] == [f"{row.n:,.0f}", f"{row.n_clusters:,.0f}"]
    assert rows[-1][0] == "all images"


def test_a_group_without_a_value_is_grey_with_its_note_and_never_zero(report_page: str) -> None:
    rows = cells(report_page, "balanced_precision@10 by age")
    assert rows[5] == ["60+", "n/a", "n/a", "6", "3", "6 images in 3 clusters; 20 clusters are needed"]
    assert '<tr class="thin"><th scope="row">60+</th>' in report_page


def test_all_groups_are_listed_where_30_are_drawn(report_page: str) -> None:
    rows = cells(report_page, "hit@5 by country")
    assert {row[0] for row in rows} >= {f"Country {i:02d}" for i in range(1, 46)}
    assert "Drawn are the 30 of 45 groups furthest from all images; the table lists all." in report_page


def test_figures_name_the_groups_that_the_table_names(report_page: str) -> None:
    figure = re.search(r'aria-label="Figure: hit@5 by region".*?</svg>', report_page, flags=re.DOTALL)
    assert figure
    rows = cells(report_page, "hit@5 by region")
    for name, value, *_ in rows[1:-1]:
        assert f">{name}</text>" in figure[0]
        assert f">{value}</text>" in figure[0]


def test_exploratory_rows_are_leads_at_most(report_page: str) -> None:
    found = re.search(r"<summary>(\d+) exploratory comparisons</summary>(.*?)</details>", report_page, flags=re.DOTALL)
    assert found
    assert set(re.findall(r"</span> ([^<]+)</span>", found[2])) == {"Exploratory difference", "No difference seen"}


def test_what_is_under_a_control_stands_apart_and_says_which(report_page: str) -> None:
    standardised = cells(report_page, "Standardised over a control, hit@5")
    assert standardised[1] == ["hit@5 by region, standardised by topic"]
    assert [r[0] for r in standardised[2:]] == ["Africa", "Americas", "Asia", "Europe"]
    compared = cells(report_page, "Standardised comparisons on households")
    assert compared[2][0] == "Africa against all others in this sample (standardised by topic)"
    assert compared[2][-1].endswith("without 2 of 9 levels of topic")
    within = cells(report_page, "Within levels of a control, hit@5")
    assert [r for r in within if len(r) == 1] == [
        ["hit@5 by region, within topic=stove"], ["hit@5 by region, within topic=bed"],
    ]  # fmt: skip
    assert "Africa against all others in this sample (within topic=stove)" in [
        r[0] for r in cells(report_page, "Comparisons within levels of a control on households")
    ]
    for caption in ("hit@5 by region", "Planned comparisons on households", "Exploratory comparisons on households"):
        assert not any("topic" in text for row in cells(report_page, caption) for text in row)


def test_failures_stand_before_the_results(report_page: str) -> None:
    text = text_of(report_page)
    failure = text.index("It needs near-duplicate pairs, and no data set gives them.")
    assert failure < text.index("Does the representation find people")
    assert "To make it run: Add a data set of the reader 'copydays'." in text


def test_a_feature_that_gives_leads_alone_says_so(audit: AuditResult) -> None:
    card = audit.data[0]
    exploratory = dataclasses.replace(card, features=({**card.features[0], "exploratory": True}, *card.features[1:]))
    page_ = render(dataclasses.replace(audit, data=(exploratory, *audit.data[1:])))
    assert page_.count("exploratory alone") == 1


def test_data_model_and_provenance_are_told(audit: AuditResult, report_page: str) -> None:
    text = text_of(report_page)
    for told in (
        "4,770,000", "0f" * 32, "size 224", "Trained for 2 epochs on drawn images.", "131 files were skipped",
        "the first 20 of 131", "part/007.jpg", "Synthetic data", "perceived", "cd" * 32, "numpy 2.0.0",
        "1,100 (one cluster is one person)", "trained annotators", "copy detection",
        "passed; planted disparities found 60 of 60",
    ):  # fmt: skip
        assert told in text
    assert "faces was drawn by a program" in text


def test_the_method_stands_in_the_page(report_page: str) -> None:
    text = text_of(report_page)
    for told in ("The method", "Outcomes, clusters and weights", "g z_s² + z_s − (z + g) = 0", "Holm 1979"):
        assert told in text
    assert '<a href="#method">' in report_page
    assert "<h3>Method</h3>" in report_page  # below the section's own heading


def test_a_failed_selftest_stands_at_the_top(small_audit: AuditResult) -> None:
    said = "FAILED: the numbers of this report must not be relied on"
    failed = {"passed": False, "sentence": said, "date": "2026-03-01", "cached": False}
    broken = dataclasses.replace(small_audit, provenance={**small_audit.provenance, "selftest": failed})
    assert "The instrument failed its self-test" not in render(small_audit)
    page = render(broken)
    assert 0 < page.index("The instrument failed its self-test") < page.index('id="what"')
    assert page.count(f"self-test of 2026-03-01: {said}") == 2  # and among the facts
    assert wording.lines(broken)[-1] == f"self-test of 2026-03-01: {said}."


def test_the_selftest_is_told_with_its_date(small_audit: AuditResult) -> None:
    passed = {"passed": True, "sentence": "passed; planted disparities found 29 of 30"}
    for date, told in ({"date": "2026-03-01"}, "self-test of 2026-03-01: passed; "), ({}, "self-test: passed; "):
        tested = dataclasses.replace(small_audit, provenance={**small_audit.provenance, "selftest": {**passed, **date}})
        assert told in text_of(render(tested))
        assert wording.lines(tested)[-1].startswith(told)
    earlier = {key: value for key, value in small_audit.provenance.items() if key != "selftest"}
    untested = dataclasses.replace(small_audit, provenance=earlier)
    assert "Check of the instrument not recorded" in text_of(render(untested))
    assert "self-test" not in "".join(wording.lines(untested))


def test_curves_are_drawn_for_the_headline_and_listed_for_all(report_page: str) -> None:
    assert report_page.count('aria-label="Figure: harmful by') == 3
    rows = cells(report_page, "non_human against threshold, by gender")
    assert rows[0] == ["threshold", "feminine", "masculine"]
    assert [row[0] for row in rows[1:4]] == ["0.05", "0.1", "0.15"]
    assert rows[1][1] == "0.450"  # 0.45 exp(0)


def test_a_realistic_report_is_below_one_megabyte(report_page: str) -> None:
    assert 100_000 < len(report_page.encode()) < 1_000_000


def test_the_same_audit_gives_the_same_bytes_in_another_process(small_audit: AuditResult, tmp_path: Path) -> None:
    factory = Path(__file__).with_name("audit_factory.py")
    code = (
        "import dataclasses, runpy, sys; from pathlib import Path; from fairaudit.reports.html import write\n"
        f"made = runpy.run_path({str(factory)!r})['make_audit']()\n"
        "write(dataclasses.replace(made, results=made.results[3:], data=made.data[2:]), Path(sys.argv[1]))\n"
    )
    path = tmp_path / "deep" / "report.html"
    environment = os.environ | {"PYTHONHASHSEED": "123"}
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=120, env=environment)
    assert path.read_bytes() == render(small_audit).encode()
    assert os.listdir(path.parent) == ["report.html"]  # no temporary file is left


def test_write_returns_the_path_and_replaces_a_page_of_ours(small_audit: AuditResult, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert write(small_audit, path) == path
    assert write(small_audit, path) == path
    path.write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match=r"replace one of kind 'audit' as fairaudit wrote it; got another file"):
            write(small_audit, path, overwrite=overwrite)
    assert path.read_text() == "mine"
    path.write_text(render(small_audit) + "<!-- mine -->", encoding="utf-8")
    with pytest.raises(ConfigError, match="got one that was edited"):
        write(small_audit, path)
    assert write(small_audit, path, overwrite=True) == path
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_page_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(page, "MAX_BYTES", 10)
    rule = r"^page 'r\.html' must be at most 10 bytes; got 12\. Audit fewer features at once\.$"
    with pytest.raises(InputError, match=rule):
        page.write("x" * 12, tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_an_audit_without_results_is_still_a_report(audit: AuditResult) -> None:
    text = text_of(render(dataclasses.replace(audit, results=(), data=(), failures=())))
    assert "No planned comparison could be made, so nothing is shown and nothing is ruled out." in text


def test_two_results_of_one_indicator_on_one_data_set_get_anchors_of_their_own(small_audit: AuditResult) -> None:
    twice = dataclasses.replace(small_audit, results=small_audit.results * 2)
    page_ = render(twice)
    assert 'section id="hate-speech-memes"' in page_
    assert 'section id="hate-speech-memes-2"' in page_


def test_rows_beyond_the_limit_are_counted_not_lost(small_audit: AuditResult, monkeypatch: pytest.MonkeyPatch) -> None:
    result = small_audit.results[0]
    rows = pd.concat([result.disparities.iloc[:1].assign(family="exploratory", verdict="", p_adjusted=0.5)] * 501)
    many = dataclasses.replace(result, disparities=rows.reset_index(drop=True))
    text = text_of(render(dataclasses.replace(small_audit, results=(many,))))
    assert "501 exploratory comparisons" in text
    assert "Listed are the first 500, the smallest q-values first; audit.json holds all." in text


def test_the_fragment_reads_without_its_style(audit: AuditResult) -> None:
    piece = fragment(audit)
    bare = re.sub(r"<style>.*?</style>", "", piece, flags=re.DOTALL)
    text = text_of(bare)
    assert (
        "6 of 19 planned comparisons show a disparity, none of them beyond tolerance. 1 indicator could not run."
        in text
    )
    assert (
        "▲ Disparity shown. gender: feminine is lower than all others in this sample on balanced precision@10" in text
    )
    rows = cells(bare, "auroc. Probability that a hateful meme scores above one that is not; low is bad.")
    assert len(rows) == 6
    assert not re.search(r"<(html|head|body|main|h1)\b", piece)


def test_the_style_of_the_fragment_reaches_nothing_outside_it(audit: AuditResult) -> None:
    style = re.search(r"<style>(.*?)</style>", fragment(audit), flags=re.DOTALL)
    assert style
    selectors = [s.strip() for block in re.findall(r"([^{}]+)\{", style[1]) for s in block.split(",")]
    assert selectors
    assert all(s.startswith(".fairaudit-audit") for s in selectors)


def test_an_unknown_name_in_a_template_is_an_error_not_an_empty_text(factory: ModuleType) -> None:
    template = page.environment().from_string("{{ absent }}")
    with pytest.raises(Exception, match="'absent' is undefined"):
        template.render()


def test_groups_that_an_indicator_made_itself_keep_their_order(audit: AuditResult) -> None:
    result = audit.result("hate_speech")
    bucketed = (
        result.groups[result.groups["feature"] == "target"]
        .iloc[:3]
        .assign(feature="bucket", group=["low", "medium", "high"], value=[0.5, 0.9, 0.1])
    )
    one = dataclasses.replace(result, groups=bucketed.reset_index(drop=True), disparities=result.disparities.iloc[:0])
    rows = cells(render(dataclasses.replace(audit, results=(one,))), "auroc by bucket")
    assert [row[0] for row in rows[1:]] == ["low", "medium", "high"]
