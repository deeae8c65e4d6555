"""``Opening``: the user's options for opening a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairaudit.core.errors import CheckpointError, unknown_name

#: Layers of an embedding: before the projection that pretraining adds, or behind it.
LAYERS = ("trunk", "projection")


@dataclass(frozen=True)
class Opening:
    """Options that ``open_model`` passes to an adapter, with the meaning that they have there.

    Raises
    ------
    ConfigError
        If ``layer`` is unknown.
    """

    preprocessing: Path | None = None
    device: str = "auto"
    layer: str = "trunk"
    trusted: bool = False

    def __post_init__(self) -> None:
        if self.layer not in LAYERS:
            raise unknown_name("layer", self.layer, LAYERS)

    def require_trunk(self, source: str, kind: str) -> None:
        """Refuse ``--layer projection`` for a checkpoint without a projection; ``kind`` describes the checkpoint."""
        if self.layer != "trunk":
            raise CheckpointError(
                f"checkpoint '{source}' must have a projection to be read there; got {kind}. Leave --layer at trunk."
            )

    def require_preprocessing(self, source: str, kind: str) -> Path:
        """Return the preprocessing file; refuse to go on without one, since ``kind`` of checkpoint holds none."""
        if self.preprocessing is None:
            raise CheckpointError(
                f"checkpoint '{source}' must come with how images are prepared, which {kind} does not say; "
                "got no preprocessing. Give the values it was trained with: --preprocessing FILE."
            )
        return self.preprocessing
