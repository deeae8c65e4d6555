"""What there is to choose from: the files of a folder, and what other packages add by entry points.

The folder is the registry. ``indicators/label_association.py`` is the indicator ``label_association``; a file whose
name starts with ``_`` is a part of others. Listing imports none of them. Another package adds its own with an entry
point:

.. code-block:: toml

    [project.entry-points."fairaudit.indicators"]
    my_indicator = "my_package.my_indicator"
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import warnings
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from fairaudit.core.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from fairaudit.core.indicator import Indicator

INDICATORS = "fairaudit.indicators"
MODELS = "fairaudit.models"
READERS = "fairaudit.datasets"


def list_plugins(package: str, group: str) -> dict[str, str]:
    """Return what can be chosen by name, in the order of the names; nothing of it is imported.

    Parameters
    ----------
    package : str
        Package whose files are looked at, e.g. ``"fairaudit.indicators"``. Folders and files whose name starts with
        ``_`` are no plug-ins.
    group : str
        Entry-point group in which other packages add theirs. A name that the package itself has stays the package's,
        with a warning.

    Returns
    -------
    dict of str to str
        Name to ``"module"``, or to ``"module:object"`` as an entry point may say.

    Examples
    --------
    >>> list_plugins("fairaudit.core", "fairaudit.nothing")["errors"]
    'fairaudit.core.errors'
    """
    found = {name: f"{package}.{name}" for name in _files(package)}
    for entry in entry_points(group=group):
        if entry.name in found and found[entry.name] != entry.value:
            warnings.warn(
                f"entry point '{entry.name}' of group {group} must have a name that is not taken; got one of "
                f"{found[entry.name]}. '{entry.value}' is left out: rename it in the package that adds it.",
                stacklevel=2,
            )
        else:
            found[entry.name] = entry.value
    return dict(sorted(found.items()))


def load_plugin(kind: str, name: str, package: str, group: str, attribute: str) -> Any:
    """Import the plug-in of this name and return its object, e.g. ``INDICATOR`` of an indicator.

    Parameters
    ----------
    kind : str
        What it is called in an error, e.g. ``"indicator"``.
    name : str
        Name of the file or entry point.
    package, group : str
        As in :func:`list_plugins`.
    attribute : str
        What the module must define. An entry point of the form ``module:object`` names its own.

    Raises
    ------
    ConfigError
        If there is no plug-in of this name, or its module does not define the object. An error while its module is
        imported is passed on as it is.
    """
    plugins = list_plugins(package, group)
    if name not in plugins:
        raise unknown_name(kind, name, plugins)
    module, _, own = plugins[name].partition(":")
    value: Any = importlib.import_module(module)
    for part in (own or attribute).split("."):
        if not hasattr(value, part):
            raise ConfigError(
                f"{kind} '{name}' must define {own or attribute}; got a module {module} without it. "
                f"Define it at the end of the module, or give the file a name that starts with '_'."
            )
        value = getattr(value, part)
    return value


def list_indicators() -> list[str]:
    """Return the names of all indicators; imports none of them."""
    return list(list_plugins(INDICATORS, INDICATORS))


def load_indicator(name: str) -> Indicator:
    """Import an indicator.

    Raises
    ------
    ConfigError
        If there is none of this name, or what it defines is no :class:`~fairaudit.core.indicator.Indicator` of it.
    """
    from fairaudit.core.indicator import Indicator  # takes pandas, which listing shall not

    indicator = load_plugin("indicator", name, INDICATORS, INDICATORS, "INDICATOR")
    if not isinstance(indicator, Indicator):
        raise ConfigError(
            f"INDICATOR of indicator '{name}' must be a fairaudit.core.indicator.Indicator; "
            f"got {type(indicator).__name__}. Make one from its Config and compute."
        )
    if indicator.name != name:
        raise ConfigError(
            f"INDICATOR of indicator '{name}' must have the name of its file; got '{indicator.name}'. "
            "Give both the same name."
        )
    return indicator


def _files(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)  # imports the parent package only
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    return [m.name for m in pkgutil.iter_modules(folders) if not m.ispkg and not m.name.startswith("_")]
