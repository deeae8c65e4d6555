"""Colours of reports and figures: each name has a value for light and one for dark paper."""

from __future__ import annotations

from typing import Final

#: Colour on light paper by CSS variable. Figures are drawn in these; a page replaces them by the theme's colours.
LIGHT: Final[dict[str, str]] = {
    "paper": "#fdfcfa",
    "panel": "#f5f2ec",
    "ink": "#1f1e1b",
    "muted": "#5f5b53",
    "faint": "#8a857b",
    "rule": "#d9d4c9",
    "link": "#1d4f7c",
    "disparity": "#9b2c16",
    "disparity-tint": "#fbe9e3",
    "inconclusive": "#6d5200",
    "inconclusive-tint": "#faf0d2",
    "within": "#17604f",
    "within-tint": "#e1f1ec",
    "none": "#56534c",
    "none-tint": "#ebe8e1",
    "series-0": "#1d5b8f",
    "series-1": "#b3500f",
    "series-2": "#1a7a5e",
    "series-3": "#9a3c79",
    "series-4": "#6b5b00",
    "series-5": "#5a4fa3",
    "series-6": "#a2303f",
    "series-7": "#3f6a76",
}

#: The same names on dark paper.
DARK: Final[dict[str, str]] = {
    "paper": "#16181a",
    "panel": "#1f2225",
    "ink": "#eceae4",
    "muted": "#b0aca3",
    "faint": "#87847c",
    "rule": "#3a3e42",
    "link": "#8fc1ee",
    "disparity": "#ff9f87",
    "disparity-tint": "#3a1f18",
    "inconclusive": "#ebc766",
    "inconclusive-tint": "#332b13",
    "within": "#7fd3b9",
    "within-tint": "#15302a",
    "none": "#bdb9b0",
    "none-tint": "#2b2e31",
    "series-0": "#7db8ec",
    "series-1": "#f2a065",
    "series-2": "#6cd0ac",
    "series-3": "#e59bcb",
    "series-4": "#d8c65a",
    "series-5": "#b3a9f5",
    "series-6": "#f3909c",
    "series-7": "#94c4d1",
}

#: Number of series colours.
N_SERIES: Final = 8


def css() -> str:
    """Return the style rules that set the variables and bind the colour classes of figures to them.

    Figures use ``class="f-ink"`` for a fill and ``class="s-ink"`` for a stroke; see ``svg.inline``.
    """

    def variables(colours: dict[str, str]) -> str:
        return "".join(f"--{name}:{value};" for name, value in colours.items())

    classes = "".join(f".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}" for name in LIGHT)
    return (
        f":root{{color-scheme:light dark;{variables(LIGHT)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}\n"
        f"@media print{{:root{{color-scheme:light;{variables(LIGHT)}}}}}\n"
        f"{classes}\n"
    )
