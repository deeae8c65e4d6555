"""Images a second of ``extract``, beside the model's forward alone and beside a plain loop over ``transformers``.

::

    python -m benchmarks.extraction               # all processors
    python -m benchmarks.extraction --threads 1

First, where the model is the limit (RegNetY-4GF, drawn chips of 200 pixels, as UTKFace has them): images a second from
files to tables, over those of ``model.embed`` alone on batches that are ready. Bar: at least .9.

Then a small RegNet with JPEGs as large as a phone's (4,032 x 3,024 pixels), where decoding is the limit: beside the
plain loop of ``transformers``, an image processor and a model, batch by batch, in ``torch.inference_mode``. Its
processor is the fastest that this machine has (torchvision's where it can be imported, else Pillow's), and of its batch
sizes the fastest is the one that counts; a form with the processor in workers of a ``DataLoader`` is printed, too, and
has no bar. Both sides read the same files and get the same vectors, which is checked first. Bar: at least 1.5 times as
fast.

Sides are timed in turn; a ratio is the median over the rounds. Below stands what one image costs by stage, each alone
on one thread, and what a second pass takes, which finds everything in the cache. Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch
import transformers
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from fairaudit.core.samples import Samples
from fairaudit.extraction.extract import extract
from fairaudit.images.decode import EncodedImage, read_image
from fairaudit.models import open_model
from fairaudit.models._torch_model import TorchModel

OF_FORWARD, FASTER = 0.9, 1.5
ROUNDS = 3
BATCH = 32  # of chips; of photos 4, so that both sides begin to compute early
CHIPS, PHOTOS = 64, 12
BATCHES = (1, 4, 12)
LARGE = {"embedding_size": 32, "hidden_sizes": [128, 192, 512, 1088], "depths": [2, 6, 12, 2], "groups_width": 64}
SMALL = {"embedding_size": 32, "hidden_sizes": [32, 64, 160, 384], "depths": [1, 1, 3, 2], "groups_width": 16}


def write_images(folder: Path, count: int, *, width: int, height: int) -> Samples:
    """Draw JPEGs with structure at every scale, of some 1.5 bits a pixel, as cameras write them."""
    folder.mkdir()
    rng, names = np.random.default_rng(0), [f"{at:03}.jpg" for at in range(count)]
    for name in names:
        grain = 6 * rng.standard_normal((-(-height // 2), -(-width // 2), 3), dtype=np.float32)
        pixels = grain.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
        for cells in (3, 12, 48):
            coarse = Image.fromarray(rng.integers(0, 86, (cells, cells, 3), dtype=np.uint8))
            pixels += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name, quality=90)
    table = pd.DataFrame({"sample_id": names, "path": names, "cluster_id": names, "split": "", "label": "", "text": ""})
    return Samples("drawn", "benchmark", "objects", folder, table, (), "image", "none", synthetic=True)


def save_network(folder: Path, values: dict[str, Any]) -> TorchModel:
    """Save a RegNetY with random weights and its image processor, and open it."""
    torch.manual_seed(0)
    transformers.RegNetModel(transformers.RegNetConfig(**values)).save_pretrained(folder)
    transformers.ConvNextImageProcessorPil(size={"shortest_edge": 224}, crop_pct=0.875).save_pretrained(folder)
    model = open_model(str(folder))
    assert isinstance(model, TorchModel)
    return model


class PlainLoop:
    """What the documentation of ``transformers`` shows for features of many images."""

    def __init__(self, folder: Path, *, channels_last: bool = False) -> None:
        processors: Any = transformers.AutoImageProcessor
        self.processor = processors.from_pretrained(folder)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        network: Any = transformers.AutoModel.from_pretrained(folder).eval()
        self._network = network.to(memory_format=layout)
        self._layout = layout

    def prepare(self, paths: Sequence[Path]) -> Tensor:
        """Return the pixels (B, 3, H, W) of a batch."""
        images = [Image.open(path).convert("RGB") for path in paths]
        pixels: Tensor = self.processor(images, return_tensors="pt")["pixel_values"]
        return pixels

    def __call__(self, paths: Sequence[Path], *, batch: int, workers: int = 0) -> Tensor:
        """Return the vectors (N, D)."""
        parts = [paths[start : start + batch] for start in range(0, len(paths), batch)]
        pixels: Iterator[Tensor] | DataLoader[Tensor] = (self.prepare(part) for part in parts)
        if workers:
            loader: Any = DataLoader(parts, batch_size=None, num_workers=workers, collate_fn=self.prepare)  # type: ignore[arg-type]
            pixels = loader
        with torch.inference_mode():
            return torch.cat([
                self._network(one.contiguous(memory_format=self._layout)).pooler_output.flatten(1) for one in pixels
            ])  # fmt: skip


def in_turn(sides: Sequence[Callable[[], object]]) -> list[list[float]]:
    """Return the seconds of each side by round; one round that is not counted warms up."""
    rows = []
    for _ in range(ROUNDS + 1):
        row = []
        for side in sides:
            start = time.perf_counter()
            side()
            row.append(time.perf_counter() - start)
        rows.append(row)
    return rows[1:]


def of_forward(folder: Path) -> float:
    """Print and return images a second of ``extract`` over those of the forward pass alone."""
    samples = write_images(folder / "chips", CHIPS, width=200, height=200)
    model = save_network(folder / "large", LARGE)
    ready = torch.stack([model.preprocess(EncodedImage(path).decode()) for path in samples.paths])

    def forward() -> None:
        for start in range(0, CHIPS, BATCH):
            model.embed(ready[start : start + BATCH])

    rows = in_turn([lambda: extract(model, samples, batch_size=BATCH), forward])
    whole, alone = (CHIPS / median(column) for column in zip(*rows, strict=True))
    ratio = median(b / a for a, b in rows)
    print(f"RegNetY-4GF, chips: extract {whole:.1f} images/s, forward alone {alone:.1f}, {ratio:.2f} of it")
    return ratio


def beside_the_plain_loop(folder: Path) -> float:
    """Print both sides' images a second and return ours over the fastest of theirs without workers."""
    samples = write_images(folder / "photos", PHOTOS, width=4032, height=3024)
    model, paths = save_network(folder / "small", SMALL), samples.paths
    plain, last = PlainLoop(folder / "small"), PlainLoop(folder / "small", channels_last=True)
    ours = extract(model, samples, batch_size=4).embeddings.vectors
    np.testing.assert_allclose(ours, plain(paths, batch=4).numpy(), atol=1e-4 * float(np.abs(ours).max()))
    print(f"RegNet of {model.card.n_parameters / 1e6:.1f} M parameters, phone JPEGs of "
          f"{sum(path.stat().st_size for path in paths) / len(paths) / 1e6:.1f} MB; their processor: "
          f"{type(plain.processor).__name__}")  # fmt: skip
    sides: dict[str, Callable[[], object]] = {"extract, batches of 4": lambda: extract(model, samples, batch_size=4)}
    for batch in BATCHES:
        sides[f"plain loop, batches of {batch}"] = lambda batch=batch: plain(paths, batch=batch)  # type: ignore[misc]
    sides["plain loop, batches of 4, channels last"] = lambda: last(paths, batch=4)
    counted = len(sides)
    workers = torch.get_num_threads()
    sides[f"DataLoader with {workers} workers, batches of 4"] = lambda: plain(paths, batch=4, workers=workers)
    rows = in_turn(list(sides.values()))
    ratios = [median(row[at] / row[0] for row in rows) for at in range(len(sides))]
    for name, column, ratio in zip(sides, zip(*rows, strict=True), ratios, strict=True):
        print(f"  {name:44} {PHOTOS / median(column):6.2f} images/s, {ratio:.2f} times as long as extract")
    stages(model, paths)
    with tempfile.TemporaryDirectory() as cache:
        extract(model, samples, batch_size=4, cache=Path(cache))
        start = time.perf_counter()
        assert extract(model, samples, batch_size=4, cache=Path(cache)).from_cache == PHOTOS
        print(f"  a second pass, all from the cache: {PHOTOS / (time.perf_counter() - start):.0f} images/s")
    return min(ratios[1:counted])


def stages(model: TorchModel, paths: Sequence[Path]) -> None:
    """Print the milliseconds of one image by stage, each alone on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    spent: dict[str, list[float]] = {name: [] for name in ("read", "digest", "decode", "preprocess", "embed")}
    for path in paths[:12]:
        clock = [time.perf_counter()]
        content = read_image(path)
        clock.append(time.perf_counter())
        hashlib.sha256(content).hexdigest()
        clock.append(time.perf_counter())
        image = EncodedImage(content).decode()
        clock.append(time.perf_counter())
        pixels = model.preprocess(image)
        clock.append(time.perf_counter())
        model.embed(pixels[None])
        clock.append(time.perf_counter())
        for name, seconds in zip(spent, np.diff(clock), strict=True):
            spent[name].append(float(seconds))
    torch.set_num_threads(threads)
    print("  ms an image: " + ", ".join(f"{name} {1e3 * median(values):.1f}" for name, values in spent.items()))


def main() -> int:
    """Measure both and return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=0, help="processor cores; all unless given")
    threads = parser.parse_args().threads or len(os.sched_getaffinity(0))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    torch.set_num_threads(threads)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, Pillow {Image.__version__}, "  # type: ignore[attr-defined]
          f"{platform.machine()}, {threads} threads")  # fmt: skip
    logging: Any = transformers.utils.logging
    logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as name:
        share, faster = of_forward(Path(name)), beside_the_plain_loop(Path(name))
    met = share >= OF_FORWARD and faster >= FASTER
    print(
        f"extraction: {share:.2f} of the forward alone (bar {OF_FORWARD:g}), {faster:.2f} times the plain loop of "
        f"transformers (bar {FASTER:g}): {'pass' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
