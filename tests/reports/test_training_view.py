"""The section on training data: what is silent stands there as not declared, and nothing is read as markup."""

from __future__ import annotations

import dataclasses
import html
import re
from types import ModuleType

import pytest

from fairaudit.core.audit import AuditResult
from fairaudit.core.errors import DataError
from fairaudit.reports.html import render
from fairaudit.reports.training_view import training_views


def section(page: str, title: str) -> str:
    found = re.search(rf"<details[^>]*><summary>Training images in {title}.*?</details>", page, flags=re.DOTALL)
    assert found
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0])))


def test_the_datasheet_is_shown_whole_with_what_is_not_declared(report_page: str) -> None:
    text = section(report_page, "photos")
    assert "datasheet: 1 of 13 questions answered; profile: country of 120 rows" in text
    assert "Licence CC0" in text
    assert text.count(" not declared") == 12
    assert section(report_page, "silent").count(" not declared") == 13 + 2  # the summary's, and that of the profile
    assert "datasheet: no datasheet.toml; profile: not declared" in section(report_page, "silent")
    assert "is not declared: no table of the images lies in the folder." in section(report_page, "silent")


def test_the_profile_is_shown_with_n_and_intervals(report_page: str) -> None:
    text = section(report_page, "photos")
    assert "All 120 rows of images were read" in text
    assert "Kenya 60 50.0 % (41.0 to 59.0) 60.0 % (50.0 to 70.0)" in text
    assert "unknown 20 16.6 % (10.0 to 25.0)" in text or "unknown 20 16.7 % (10.0 to 25.0)" in text
    assert "Known: 100 of 120 rows. Unknown: 16.7 % (10.0 to 25.0). Different values: 2." in text
    assert "Effective number of values: 2.0 (1.8 to 2.0)." in text
    assert "Nothing was inferred from pixels." in text
    assert "the same bytes 1 of 120 could go (1 groups)" in text


def test_a_checkpoint_that_does_not_say_has_no_such_section(small_audit: AuditResult) -> None:
    silent = dataclasses.replace(small_audit, model=dataclasses.replace(small_audit.model, training={}))
    assert training_views(silent.model.training) == []
    assert "Training images in" not in render(silent)


def test_markup_in_data_stays_text(factory: ModuleType, small_audit: AuditResult) -> None:
    hostile = dataclasses.replace(
        small_audit, model=dataclasses.replace(small_audit.model, training=factory.training("<script>x</script>"))
    )
    page = render(hostile)
    assert "<script" not in page
    assert page.count("&lt;script&gt;x&lt;/script&gt;") >= 6


def test_something_else_in_its_place_is_refused() -> None:
    wrong = {"datasheets": [{"folder": "a"}], "profiles": [{"profile": {"version": 5}, "note": ""}]}
    with pytest.raises(DataError, match=r"^profile must be a profile of version 1; got 5\. Make it again with "):
        training_views(wrong)
