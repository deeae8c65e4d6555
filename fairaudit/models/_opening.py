"""``Opening``: how a checkpoint is to be opened, as the user asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairaudit.core.errors import CheckpointError, unknown_name

#: Where an embedding may be read: before the projection that pretraining adds, or behind it.
LAYERS = ("trunk", "projection")


@dataclass(frozen=True)
class Opening:
    """What ``open_model`` hands to an adapter.

    Parameters
    ----------
    preprocessing : Path or None
        JSON file that takes precedence over what the checkpoint says.
    device : str
        As in ``open_model``.
    layer : {"trunk", "projection"}
        Where the embedding is read.
    trusted : bool
        Whether a file that executes code when it is loaded may do so.

    Raises
    ------
    ConfigError
        If there is no such layer.
    """

    preprocessing: Path | None = None
    device: str = "auto"
    layer: str = "trunk"
    trusted: bool = False

    def __post_init__(self) -> None:
        if self.layer not in LAYERS:
            raise unknown_name("layer", self.layer, LAYERS)

    def require_trunk(self, source: str, what: str) -> None:
        """Refuse the projection of a checkpoint that has none; ``what`` says what it is instead."""
        if self.layer != "trunk":
            raise CheckpointError(
                f"checkpoint '{source}' must have a projection to be read there; got {what}. Leave --layer at trunk."
            )
