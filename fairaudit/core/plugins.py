"""Plug-ins: the files of a folder, and the entry points of other packages.

The folder is the registry. ``indicators/label_association.py`` is the indicator ``label_association``; a file whose
name starts with ``_`` is a part of others. Listing imports no file. Another package adds a plug-in with an entry point,
in the group with the name of the folder's package:

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
    """Return ``"module"``, or ``"module:object"`` of an entry point, by sorted name of plug-in; import nothing.

    Folders and files whose name starts with ``_`` are no plug-ins. A name of the package's own is not replaced by an
    entry point: a warning names it.

    Examples
    --------
    >>> list_plugins("fairaudit.core")["errors"]
    'fairaudit.core.errors'
    """
    plugins = {name: f"{package}.{name}" for name in _files(package)}
    for entry in entry_points(group=package):
        if entry.name in plugins and plugins[entry.name] != entry.value:
            warnings.warn(
                f"entry point '{entry.name}' of group {package} must have a name that is not taken; got one of "
                f"{plugins[entry.name]}. '{entry.value}' is left out: rename it in the package that adds it.",
                stacklevel=2,
            )
        else:
            plugins[entry.name] = entry.value
    return dict(sorted(plugins.items()))


def load_plugin(kind: str, name: str, package: str, attribute: str = "") -> Any:
    """Import the plug-in of this name and return its object, e.g. ``INDICATOR`` of an indicator.

    Parameters
    ----------
    kind : str
        Kind of plug-in in errors, e.g. ``"indicator"``.
    name : str
        Name of the file or entry point.
    package : str
        As in :func:`list_plugins`.
    attribute : str
        Object that the module must define; empty for the module itself. An entry point of the form ``module:object``
        names its own.

    Raises
    ------
    ConfigError
        If there is no plug-in of this name, or its module does not define the object. Errors of the import pass
        unchanged.
    """
    plugins = list_plugins(package)
    if name not in plugins:
        raise unknown_name(kind, name, plugins)
    module, _, entry_attribute = plugins[name].partition(":")
    attribute = entry_attribute or attribute
    value: Any = importlib.import_module(module)
    for part in filter(None, attribute.split(".")):
        if not hasattr(value, part):
            raise ConfigError(
                f"{kind} '{name}' must define {attribute}; got a module {module} without it. "
                f"Define it at the end of the module, or give the file a name that starts with '_'."
            )
        value = getattr(value, part)
    return value


def _files(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)  # imports the parent package only
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    return [m.name for m in pkgutil.iter_modules(folders) if not m.ispkg and not m.name.startswith("_")]
