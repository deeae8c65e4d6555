"""Find and load indicators: files of ``indicators/``, and plugins of other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairaudit.core.errors import ConfigError
from fairaudit.core.plugins import list_plugins, load_plugin

if TYPE_CHECKING:
    from fairaudit.core.indicator import Indicator

INDICATORS = "fairaudit.indicators"


def list_indicators() -> list[str]:
    """Return the names of all indicators without importing them."""
    return list(list_plugins(INDICATORS))


def load_indicator(name: str) -> Indicator:
    """Import an indicator.

    Raises
    ------
    ConfigError
        If no file has this name, or its INDICATOR is not an :class:`~fairaudit.core.indicator.Indicator` of this name.
    """
    from fairaudit.core.indicator import Indicator  # imports pandas, which listing must not

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
