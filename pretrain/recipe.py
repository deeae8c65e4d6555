"""``Recipe``: all settings of a training run as typed values, to and from TOML."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.open_file import is_there, parse_toml, read_text
from fairaudit.core.typed_values import build
from fairaudit.pretrain.settings import CUSTOM, Crops, Network, Optimiser, Schedule, Swav, require

PRECISIONS = ("auto", "float32", "bfloat16")
SHIPPED = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """A whole training run: network, objective, views, optimiser, schedule and seed.

    Parameters
    ----------
    name : str
        Name for readers.
    seed : int
        Seed of the first weights, the order of images and the views, 0 <= seed < 2**32.
    precision : {"auto", "float32", "bfloat16"}
        Type of the network's products, under autocast; weights, batch statistics, prototypes, codes and the loss are
        always float32. ``"auto"`` is bfloat16 on a GPU that supports it and float32 elsewhere.
    """

    name: str = "unnamed"
    seed: int = 0
    precision: str = "auto"
    network: Network = field(default_factory=Network)
    swav: Swav = field(default_factory=Swav)
    crops: Crops = field(default_factory=Crops)
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**32, "seed", "be in [0, 2**32)", self.seed, "Use 0.")
        if self.precision not in PRECISIONS:
            raise unknown_name("recipe key 'precision'", self.precision, PRECISIONS)
        require(
            self.swav.queue % self.schedule.batch == 0,
            "swav.queue",
            f"be a multiple of schedule.batch = {self.schedule.batch}",
            self.swav.queue,
            f"Use {max(1, round(self.swav.queue / self.schedule.batch)) * self.schedule.batch}.",
        )

    def advice(self) -> list[str]:
        """Return sentences on choices that are possible but known to fail."""
        sentences = []
        k, d = self.swav.prototypes, self.swav.dimension
        if k < d:
            sentences.append(
                f"swav.prototypes = {k} is below swav.dimension = {d}: some direction is equally far from all "
                "prototypes and training can settle there. Use more prototypes or a smaller dimension."
            )
        if self.schedule.batch < k and self.swav.queue == 0:
            sentences.append(
                f"schedule.batch = {self.schedule.batch} is below swav.prototypes = {k} and there is no queue: an "
                "equal use of prototypes cannot be met by one batch. Set swav.queue or use fewer prototypes."
            )
        return sentences

    def to_toml(self) -> str:
        """Return the recipe as TOML with every key."""
        lines = [f"name = {_toml(self.name)}", f"seed = {self.seed}", f"precision = {_toml(self.precision)}"]
        for part in ("network", "swav", "crops", "optimiser", "schedule"):
            lines += ["", f"[{part}]"]
            for key, value in dataclasses.asdict(getattr(self, part)).items():
                if part != "network" or key == "preset" or self.network.preset == CUSTOM:
                    lines.append(f"{key} = {_toml(value)}")
        return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08X}" for c in value)
        return f'"{escaped}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(v) for v in value)}]"
    return repr(value)


def recipe_from_toml(text: str, *, source: str = "recipe") -> Recipe:
    """Return the recipe that ``text`` holds; ``source`` names it in errors.

    Raises
    ------
    ConfigError
        If the text is not TOML, or a key is unknown, of the wrong type or out of its range.
    """
    try:
        values = parse_toml(text)
    except ValueError as error:
        raise ConfigError(f"{source} must be TOML; got: {error}. Correct that line.") from error
    return build(Recipe, values, where=source)


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_recipe(path_or_name: str | Path) -> Recipe:
    """Return a recipe from a TOML file or, by its name, from those that come with the package.

    Raises
    ------
    ConfigError
        If neither the file nor the name exists, or the recipe is wrong.
    """
    name = str(path_or_name)
    path = SHIPPED / f"{name}.toml" if name in shipped_recipes() else Path(name)
    if not is_there(path):
        if path.suffix != ".toml":
            raise unknown_name("recipe", name, shipped_recipes())
        raise ConfigError(
            f"recipe file '{path}' must exist; got nothing there. "
            f"Give a TOML file or one of: {', '.join(shipped_recipes())}."
        )
    try:
        text = read_text(path, "recipe file", error=ConfigError)
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"recipe file '{path}' must be UTF-8 text; got other bytes. Save it again as UTF-8."
        ) from error
    return recipe_from_toml(text, source=f"recipe '{path.name}'")
