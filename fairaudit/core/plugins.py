"""What there is to choose from: the files of a folder, and what other packages add by entry points.

The folder is the registry. ``indicators/label_association.py`` is the indicator ``label_association``; a file whose
name starts with ``_`` is a part of others. Listing imports none of them. Another package adds its own with an entry
point, in the group that has the name of the folder's package:

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
from typing import Any

from fairaudit.core.errors import ConfigError, unknown_name


def list_plugins(package: str) -> dict[str, str]:
    """Return what can be chosen by name, in the order of the names; nothing of it is imported.

    Parameters
    ----------
    package : str
        Package whose files are looked at, e.g. ``"fairaudit.indicators"``. Folders and files whose name starts with
        ``_`` are no plug-ins. Other packages add theirs in the entry-point group of this name; a name that the
        package itself has stays the package's, with a warning.

    Returns
    -------
    dict of str to str
        Name to ``"module"``, or to ``"module:object"`` as an entry point may say.

    Examples
    --------
    >>> list_plugins("fairaudit.core")["errors"]
    'fairaudit.core.errors'
    """
    found = {name: f"{package}.{name}" for name in _files(package)}
    for entry in entry_points(group=package):
        if entry.name in found and found[entry.name] != entry.value:
            warnings.warn(
                f"entry point '{entry.name}' of group {package} must have a name that is not taken; got one of "
                f"{found[entry.name]}. '{entry.value}' is left out: rename it in the package that adds it.",
                stacklevel=2,
            )
        else:
            found[entry.name] = entry.value
    return dict(sorted(found.items()))


def load_plugin(kind: str, name: str, package: str, attribute: str = "") -> Any:
    """Import the plug-in of this name and return its object, e.g. ``INDICATOR`` of an indicator.

    Parameters
    ----------
    kind : str
        What it is called in an error, e.g. ``"indicator"``.
    name : str
        Name of the file or entry point.
    package : str
        As in :func:`list_plugins`.
    attribute : str
        What the module must define; empty for the module itself. An entry point of the form ``module:object`` names
        its own.

    Raises
    ------
    ConfigError
        If there is no plug-in of this name, or its module does not define the object. An error while its module is
        imported is passed on as it is.
    """
    plugins = list_plugins(package)
    if name not in plugins:
        raise unknown_name(kind, name, plugins)
    module, _, own = plugins[name].partition(":")
    value: Any = importlib.import_module(module)
    for part in filter(None, (own or attribute).split(".")):
        if not hasattr(value, part):
            raise ConfigError(
                f"{kind} '{name}' must define {own or attribute}; got a module {module} without it. "
                f"Define it at the end of the module, or give the file a name that starts with '_'."
            )
        value = getattr(value, part)
    return value


def _files(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)  # imports the parent package only
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    return [m.name for m in pkgutil.iter_modules(folders) if not m.ispkg and not m.name.startswith("_")]
