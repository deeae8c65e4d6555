"""Messages name the object, what it got and what to do; closed lists say the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairaudit.core.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    FairauditError,
    InputError,
    RequirementError,
    did_you_mean,
    disk_error,
    unknown_name,
)


@pytest.mark.parametrize("kind", [CheckpointError, DataError, ConfigError])
def test_wrong_input_is_a_value_error_and_an_input_error(kind: type[InputError]) -> None:
    assert issubclass(kind, InputError)
    assert issubclass(kind, ValueError)
    assert issubclass(kind, FairauditError)


def test_a_requirement_is_not_wrong_input() -> None:
    error = RequirementError("the data have one group.", what_to_do="Add another.")
    assert not isinstance(error, InputError)
    assert str(error) == "the data have one group. Add another."
    assert (error.reason, error.what_to_do) == ("the data have one group.", "Add another.")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("utkfaces", "Did you mean 'utkface'? "), ("dolar_street", "Did you mean 'dollar_street'? "), ("zzz", "")],
)
def test_did_you_mean(name: str, hint: str) -> None:
    assert did_you_mean(name, ["utkface", "dollar_street"]) == hint
    assert did_you_mean(name, []) == ""


def test_unknown_name_lists_all_and_the_nearest() -> None:
    error = unknown_name("reader", "utk", iter(["utkface", "synthetic"]))
    assert isinstance(error, ConfigError)
    assert str(error) == "reader must be one of: synthetic, utkface; got 'utk'. Did you mean 'utkface'?"
    assert str(unknown_name("reader", "q", ["b", "a"])) == "reader must be one of: a, b; got 'q'. Choose one of them."


def test_the_disk_is_told_with_file_and_cause(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as caught:
        (tmp_path / "no" / "a.txt").write_text("x")
    file = tmp_path / "no" / "a.txt"
    assert str(disk_error(caught.value)) == (
        f"file {file} must be readable and writable; got 'No such file or directory'. Free its disk or choose another "
        "path."
    )
    assert str(disk_error(caught.value, "output x")) == (
        f"output x must be written whole; got 'No such file or directory' for {file}. What was there before is kept. "
        "Check this path, or choose another folder."
    )
    assert "a file must be readable and writable; got '9 requested and 3 written'" in str(
        disk_error(OSError("9 requested and 3 written"))
    )
