"""Which files count as ours: pages by their own digest and kind, files of an open run by their known names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.core.marker import OWN, Marker, clear, is_ours, own_line, with_own_digest, write_marker
from fairaudit.core.output_folder import check_file


def page(text: str, kind: str = "run") -> str:
    return with_own_digest(f'<html><meta name="{OWN}" content="{own_line(kind)}"><p>{text}</p></html>')


def test_a_page_knows_whether_it_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page("é <b>"), encoding="utf-8")
    assert is_ours(path, kind="run")
    check_file(path, "run")
    rule = f"output {path} must be a new file or replace one of kind 'run' as fairaudit wrote it; got"
    for text in (page("a").replace(">a<", ">b<"), page("a") + " ", page("a").replace("run ", f"run {'0' * 64}", 1)):
        path.write_text(text, encoding="utf-8")
        assert not is_ours(path, kind="run")
        with pytest.raises(ConfigError) as caught:
            check_file(path, "run")
        if text.count("0" * 64):
            assert "got another file" in str(caught.value)
            continue
        assert str(caught.value) == (
            f"{rule} one that was edited. Move it away or choose another name, or add --overwrite."
        )
        check_file(path, "run", overwrite=True)
        assert path.read_text(encoding="utf-8") == text
    for text, got in (
        ("<html></html>", "another file"),
        ("", "another file"),
        (page("a", "audit"), "one of kind 'audit'"),
    ):
        path.write_text(text, encoding="utf-8")
        for overwrite in (False, True):
            with pytest.raises(ConfigError, match=f"got {got}.*. Move it away or choose another name.$"):
                check_file(path, "run", overwrite=overwrite)
    with path.open("wb") as file:
        file.truncate(50 * 2**30)  # sparse; read whole, it would take a minute and the memory
    with pytest.raises(ConfigError, match="got another file"):
        check_file(path, "run", overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_only_plain_files_are_replaced(tmp_path: Path, overwrite: bool) -> None:
    os.mkfifo(tmp_path / "pipe.html")
    (tmp_path / "dir.html").mkdir()
    (tmp_path / "page.html").write_text(page("a"))
    (tmp_path / "link.html").symlink_to("page.html")
    (tmp_path / "nothing.html").symlink_to("nowhere.html")
    for name in ("pipe.html", "dir.html", "link.html", "nothing.html"):
        with pytest.raises(ConfigError, match="got no plain file"):
            check_file(tmp_path / name, "run", overwrite=overwrite)


@pytest.mark.parametrize("state", ["open", "complete", "replacing"])
@pytest.mark.parametrize("kind", ["audit", "run"])
def test_a_growing_file_counts_only_in_an_open_run_and_by_a_known_name(tmp_path: Path, kind: str, state: str) -> None:
    for name in ("thesis.txt", "data.json"):
        (tmp_path / name).write_text("mine")
    write_marker(tmp_path, Marker(kind, "1", {}, {"thesis.txt": "", "data.json": ""}, state=state))
    clear(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "data.json").exists() == ((kind, state) != ("run", "open"))
