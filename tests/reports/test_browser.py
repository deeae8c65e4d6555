"""The pages in Chromium: nothing wider than the window, no complaint in the console, details open in print."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fairaudit.core.audit import AuditResult
from fairaudit.reports.html import render

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("FAIRAUDIT_REQUIRE_BROWSER") == "1":
            pytest.fail("FAIRAUDIT_REQUIRE_BROWSER is 1, and no Chromium is on the path")
        pytest.skip("no Chromium on the path; set FAIRAUDIT_REQUIRE_BROWSER=1 to make this a failure")
    return found


def run(chromium: str, profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [chromium, *FLAGS, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


def test_no_page_is_wider_than_its_window(pages: dict[str, str], chromium: str, tmp_path: Path) -> None:
    # Each page stands in a frame of the wanted width (a window cannot be narrower than 500 pixels). The test page
    # may run a script, and reads the frames because all come from one document.
    frames = []
    for name in ("report", "comparison", "run", "hostile report", "hostile comparison", "hostile run"):
        inner = pages[name].replace('http-equiv="Content-Security-Policy"', 'name="policy-of-the-page"')
        escaped = inner.replace("&", "&amp;").replace('"', "&quot;")
        for width in (320, 1280):
            frames.append(
                f'<iframe title="{name}" width="{width}" height="900" frameborder="0" srcdoc="{escaped}"></iframe>'
            )
    script = (
        "document.body.dataset.widths=[...document.querySelectorAll('iframe')].map(f=>{"
        "const d=f.contentDocument.documentElement;"
        "return [f.title,f.width,d.scrollWidth,d.clientWidth].join(',')}).join(';')"
    )
    path = tmp_path / "outer.html"
    path.write_text(
        f"<!doctype html><body>{''.join(frames)}<script>onload=()=>{{{script}}}</script></body>", encoding="utf-8"
    )
    dom = run(chromium, tmp_path / "profile", "--dump-dom", path.as_uri()).stdout
    measured = re.search(r'data-widths="([^"]*)"', dom)
    assert measured
    rows = [row.split(",") for row in measured[1].split(";")]
    assert len(rows) == 12
    for name, wanted, scroll, client in rows:
        assert int(client) == int(wanted), name
        assert int(scroll) <= int(wanted), name


def test_the_policy_lets_the_style_in_and_the_console_stays_empty(
    pages: dict[str, str], chromium: str, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text(pages["hostile report"], encoding="utf-8")
    picture = tmp_path / "page.png"
    done = run(
        chromium, tmp_path / "profile", "--enable-logging=stderr", "--window-size=900,700",
        f"--screenshot={picture}", path.as_uri(),
    )  # fmt: skip
    assert ":CONSOLE" not in done.stderr
    assert picture.stat().st_size > 10_000


def test_a_blocked_style_would_be_noticed(pages: dict[str, str], chromium: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(pages["comparison"].replace("</style>", " </style>", 1), encoding="utf-8")
    done = run(chromium, tmp_path / "profile", "--enable-logging=stderr", "--dump-dom", path.as_uri())
    assert ":CONSOLE" in done.stderr
    assert "Content Security Policy" in done.stderr


def test_print_opens_what_is_folded(audit: AuditResult, chromium: str, tmp_path: Path) -> None:
    one = dataclasses.replace(audit, results=audit.results[:1])
    page = render(one).replace('http-equiv="Content-Security-Policy"', 'name="policy-of-the-page"')
    lengths = []
    # Without the print rule, what is folded stays off the paper.
    for text in (page, page.replace("@media print", "@media speech")):
        path, target = tmp_path / "page.html", tmp_path / "page.pdf"
        path.write_text(text, encoding="utf-8")
        run(chromium, tmp_path / "profile", f"--print-to-pdf={target}", path.as_uri())
        lengths.append(len(re.findall(rb"/Type\s*/Page\b", target.read_bytes())))
    assert lengths[0] > lengths[1] > 1
