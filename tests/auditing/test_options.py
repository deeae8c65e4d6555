"""Options of an audit: one field each, which the command line, Python and the recorded configuration read."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fairaudit
from fairaudit.auditing.config import AuditConfig, make_config
from fairaudit.auditing.options import AuditKeywords, AuditOptions, WatcherKeywords, WatchKeywords
from fairaudit.core.plan import Plan

Run = Callable[..., tuple[int, str, str]]
WATCHED = ["probe", "text_encoder", "indicators", "options", "allow_unreadable"]
HELPS = {f.name: f.metadata["help"] for f in dataclasses.fields(AuditOptions)}
PLAN = '[[primary]]\nindicator = "hate_speech"\nmetric = "auroc"\nfeature = "target"\nkind = "one_vs_rest"\n'


def words(text: str) -> str:
    return " ".join(text.split())


def test_python_names_every_option_with_its_type() -> None:
    """The keywords are what a type checker sees, the fields are what runs: neither may lack one."""
    hints = {name: hint.__forward_arg__ for name, hint in AuditKeywords.__annotations__.items()}
    assert set(hints) == set(HELPS)
    for field in dataclasses.fields(AuditOptions):
        default = field.metadata["default"]
        assert hints[field.name].split(" | ")[-1] == ("None" if default is None else type(default).__name__)


@pytest.mark.parametrize(
    ("function", "keywords", "listed"),
    [
        (fairaudit.audit, AuditKeywords, list(HELPS)),
        (fairaudit.train, WatchKeywords, WATCHED),
        (fairaudit.DisparityWatcher, WatcherKeywords, [*WATCHED[:-1], "seed", "batch_size", "allow_unreadable"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_signature_lists_its_options_with_their_defaults(
    function: Callable[..., Any], keywords: type, listed: list[str]
) -> None:
    parameters = list(inspect.signature(function).parameters.values())[-len(listed) :]
    assert [p.name for p in parameters] == listed
    assert set(keywords.__annotations__) == set(listed)
    defaults = {p.name: p.default for p in parameters}
    config = make_config("m", {"utkface": "x"})
    assert defaults["allow_unreadable"] is config.allow_unreadable is False
    assert defaults.get("seed", 0) == config.seed == 0
    assert defaults.get("batch_size", 64) == config.batch_size == 64
    assert defaults["probe"] is config.probe is None


def test_the_help_of_an_option_is_said_by_command_line_and_python(run: Run) -> None:
    code, audit_help, _ = run("audit", "--help")
    assert code == 0
    for name, told in HELPS.items():
        assert (told in words(audit_help)) == (name != "alpha")  # alpha is an option of Python alone
        assert words(f"{name} : ") in words(fairaudit.audit.__doc__ or "")
        assert words(told) in words(fairaudit.audit.__doc__ or "")
    code, watch_help, _ = run("pretrain", "--help")
    assert code == 0
    for name, told in HELPS.items():
        assert (f"With --watch: {told}" in words(watch_help)) == (name in WATCHED)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda **more: fairaudit.audit("m", data={"utkface": "x"}, **more), "tests"),
        (lambda **more: fairaudit.audit("m", data={"utkface": "x"}, **more), "asked"),
        (lambda **more: fairaudit.train("quick", data=["x"], output="y", **more), "batch_size"),
        (lambda **more: fairaudit.DisparityWatcher(data={"utkface": "x"}, every=8, **more), "prompts"),
    ],
)
def test_a_keyword_that_is_no_option_is_refused(call: Callable[..., Any], name: str) -> None:
    with pytest.raises(TypeError, match=rf"^got an unexpected keyword argument '{name}'$"):
        call(**{name: None})


def test_paths_may_be_text(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    plan = str(tmp_path / "plan.toml")
    config = make_config("m", {"utkface": tmp_path}, probe="a/p.csv", text_encoder=Path("a/bert"), cache="c", plan=plan)
    assert (config.probe, config.text_encoder, config.cache) == (Path("a/p.csv"), "a/bert", Path("c"))
    assert isinstance(config.plan, Plan)
    assert config.plan.primary[0].indicator == "hate_speech"
    assert make_config("m", {"utkface": tmp_path}, plan=config.plan, prompts="t.toml").prompts == Path("t.toml")


def test_what_decides_the_result_is_recorded_without_folders(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    shared = {
        "data": [{"name": "ours", "reader": "utkface", "folder": tmp_path.name}],
        "text_encoder": None, "preprocessing": None, "layer": "trunk", "prompts": None,
        "seed": 0, "allow_unreadable": False, "alpha": 0.05,
    }  # fmt: skip
    config = make_config(
        str(tmp_path / "net"), {"ours:utkface": tmp_path}, indicators=["hate_speech"], probe=tmp_path / "p.csv",
        batch_size=8, trust_checkpoint=True, cache=tmp_path,
    )  # fmt: skip
    hate = {"threshold": 0.5, "tolerance": None, "slope_tolerance": None, "control_features": ()}
    assert config.resolved() == {
        **shared, "checkpoint": "net", "probe": "p.csv", "indicators": {"hate_speech": hate}
    }  # fmt: skip
    bare = AuditConfig(
        "hub/net", config.data, text_encoder="hub/bert", preprocessing=tmp_path / "pre.json", layer="projection",
        prompts=tmp_path / "texts.toml", seed=4, allow_unreadable=True, alpha=0.1, preset="mine",
    )  # fmt: skip
    assert bare.resolved() == {
        "checkpoint": "hub/net", "data": shared["data"], "probe": None, "text_encoder": "bert",
        "preprocessing": "pre.json", "layer": "projection", "prompts": "texts.toml", "indicators": {}, "seed": 4,
        "allow_unreadable": True, "alpha": 0.1, "preset": "mine",
    }  # fmt: skip
