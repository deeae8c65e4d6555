"""What the permuted labels are put on: vectors of real faces, or simulated ones with hubs where there are none.

Of a face only 16 x 16 pixels are kept, in a folder that is removed at the end.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.samples import Feature
from fairaudit.datasets import utkface
from fairaudit.datasets.parts.age_groups import AGE_GROUPS
from fairaudit.images.decode import EncodedImage

Floats32 = npt.NDArray[np.float32]

VARIABLE = "FAIRAUDIT_SAMPLE_DATA"
PIXELS = 16
#: The labels of UTKFace, as its reader has them.
RECORDED = (
    Feature("gender", utkface.GENDERS, "perceived", "permuted"),
    Feature("age_group", tuple(AGE_GROUPS), "perceived", "permuted", ordered=True),
    Feature("race", utkface.RACES, "perceived", "permuted"),
)
# Simulated images have values about as often as those of UTKFace.
_SHARES = {
    "gender": (0.52, 0.48),
    "age_group": (0.18, 0.35, 0.24, 0.18, 0.05),
    "race": (0.42, 0.19, 0.15, 0.17, 0.07),
}
_SIMULATED = 2500


@dataclass(frozen=True)
class Vectors:
    """What is looked up.

    Parameters
    ----------
    vectors : ndarray of float32, shape (N, D)
    mirrored : ndarray of float32, shape (N, D), or None
        Of the mirror images: another image of the same person.
    table : DataFrame
        Columns ``gender``, ``age_group`` and ``race``.
    what : str
        What they are, for people.
    real : bool
        Whether they come from real images.
    """

    vectors: Floats32
    mirrored: Floats32 | None
    table: pd.DataFrame
    what: str
    real: bool = True

    def save(self, path: Path) -> None:
        """Write to ``path`` (.npz), for other processes."""
        arrays: dict[str, Any] = {f.name: self.table[f.name].to_numpy(str) for f in RECORDED}
        if self.mirrored is not None:
            arrays["mirrored"] = self.mirrored
        np.savez(path, vectors=self.vectors, **arrays)


def faces(checkpoint: str | None) -> Vectors:
    """Return the vectors of the UTKFace sample: its pixels, or embeddings of ``checkpoint``; else simulated ones."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        if checkpoint is not None:
            raise SystemExit(f"{VARIABLE} must name the folder of real samples for --checkpoint; it is not set.")
        return simulated()
    samples = utkface.samples(Path(folder) / "utkface-sample", name="utkface")
    if checkpoint is None:
        return pixels(samples.paths, samples.table)
    from fairaudit.extraction.extract import extract  # torch is needed for a checkpoint only
    from fairaudit.models import open_model

    found = extract(open_model(checkpoint), samples)
    what = f"{len(found.samples):,} real UTKFace images, embeddings of the checkpoint"
    return Vectors(np.asarray(found.embeddings.vectors), None, found.samples.table, what)


def pixels(paths: list[Path], table: pd.DataFrame) -> Vectors:
    """Return 16 x 16 pixels of each image and of its mirror image, each pixel standardised over the images."""
    images = np.stack([np.asarray(EncodedImage(p).decode().resize((PIXELS, PIXELS)), dtype=np.float32) for p in paths])
    both = np.concatenate([images, images[:, :, ::-1]]).reshape(2 * len(images), -1)
    both = (both - both.mean(axis=0)) / both.std(axis=0)
    what = f"{len(images):,} real UTKFace images, {PIXELS} x {PIXELS} standardised pixels"
    return Vectors(both[: len(images)], both[len(images) :], table.reset_index(drop=True), what)


def simulated() -> Vectors:
    """Return vectors of which every fifth is near the middle, and so in the neighbour list of most others."""
    rng = np.random.default_rng(0)
    spread = np.where(rng.permutation(_SIMULATED) % 5 == 0, 0.3, 1.5)[:, None]
    vectors = np.eye(40)[0] + spread * rng.standard_normal((_SIMULATED, 40)) / np.sqrt(40)
    mirrored = vectors + 0.1 * rng.standard_normal(vectors.shape) / np.sqrt(40)
    table = pd.DataFrame({f.name: rng.choice(f.groups, _SIMULATED, p=_SHARES[f.name]) for f in RECORDED})
    what = f"{_SIMULATED:,} simulated vectors with hubs, NOT real embeddings: {VARIABLE} is not set"
    return Vectors(vectors.astype(np.float32), mirrored.astype(np.float32), table, what, real=False)
