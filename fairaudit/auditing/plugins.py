"""The indicators that there are: files of ``indicators/``, and those of other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairaudit.core.errors import ConfigError
from fairaudit.core.plugins import list_plugins, load_plugin

if TYPE_CHECKING:
    from fairaudit.core.indicator import Indicator

INDICATORS = "fairaudit.indicators"


def list_indicators() -> list[str]:
    """Return the names of all indicators; imports none of them."""
    return list(list_plugins(INDICATORS))


def load_indicator(name: str) -> Indicator:
    """Import an indicator.

    Raises
    ------
    ConfigError
        If there is none of this name, or what it defines is no :class:`~fairaudit.core.indicator.Indicator` of it.
    """
    from fairaudit.core.indicator import Indicator  # takes pandas, which listing shall not

    indicator = load_plugin("indicator", name, INDICATORS, "INDICATOR")
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
