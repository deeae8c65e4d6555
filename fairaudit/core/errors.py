"""Every error that a user can meet, as one tree.

::

    FairauditError
    ├── InputError(ValueError)      wrong input; the command line exits with 2
    │   ├── CheckpointError         a checkpoint that is not there, or cannot be trusted or read
    │   ├── DataError               a data set that is not there, or not in its layout
    │   └── ConfigError             an option, a key or a name that does not exist or is out of range
    └── RequirementError            an indicator lacks something; becomes a row of ``AuditResult.failures``

A message has the object by name, the rule, what was found, and a fix.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable

#: A full disk; Rust gives no number.
_FULL = (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FairauditError(Exception):
    """Base of all errors of fairaudit."""


class InputError(FairauditError, ValueError):
    """Input that cannot be used as it is; the command line exits with 2."""


class CheckpointError(InputError):
    """A checkpoint that does not exist, cannot be read, or would have to execute code."""


class DataError(InputError):
    """A data set that does not exist or does not have the layout of its reader."""


class ConfigError(InputError):
    """An option, key or name that does not exist, or a value out of its range."""


class RequirementError(FairauditError):
    """An indicator that cannot run; the audit goes on and reports it.

    Parameters
    ----------
    reason : str
        Sentence on what is missing.
    what_to_do : str
        Sentence on what the user can add or change.
    """

    def __init__(self, reason: str, *, what_to_do: str) -> None:
        super().__init__(f"{reason} {what_to_do}")
        self.reason = reason
        self.what_to_do = what_to_do


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return ``"Did you mean 'x'? "`` for the closest option, or an empty string.

    Examples
    --------
    >>> did_you_mean("utkfaces", ["utkface", "dollar_street"])
    "Did you mean 'utkface'? "
    """
    close = difflib.get_close_matches(name, list(options), n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'? " if close else ""


def unknown_name(kind: str, name: str, options: Iterable[str]) -> ConfigError:
    """Return the error for a name outside a closed list, with the nearest and all options.

    Examples
    --------
    >>> str(unknown_name("reader", "utk", ["utkface", "synthetic"]))
    "reader must be one of: synthetic, utkface; got 'utk'. Did you mean 'utkface'?"
    """
    names = sorted(options)
    hint = did_you_mean(name, names) or "Choose one of them."
    return ConfigError(f"{kind} must be one of: {', '.join(names)}; got '{name}'. {hint}".rstrip())


def disk_error(error: OSError, output: str = "") -> ConfigError:
    """Return the error for a file, or a whole output (``"output out"``), that could not be written or read.

    Examples
    --------
    >>> str(disk_error(OSError(28, "No space left on device", "a.txt")))
    "file a.txt must be readable and writable; got 'No space left on device'. Free its disk or choose another path."
    """
    reason = os.strerror(error.errno) if error.errno else str(error).splitlines()[0]
    file = "" if error.filename is None else os.fsdecode(error.filename)
    if output:
        return ConfigError(
            f"{output} must be written whole; got '{reason}'{file and f' for {file}'}. What was there before is kept. "
            f"{'Free space on its disk' if error.errno in _FULL else 'Check this path'}, or choose another folder."
        )
    return ConfigError(
        f"{f'file {file}' if file else 'a file'} must be readable and writable; got '{reason}'. Free its disk or "
        "choose another path."
    )
