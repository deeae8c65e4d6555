"""A program of its own: it reads every kind of input that a user may name, with little memory and little time.

Its first argument is a folder with a folder of inputs for each kind of file. For each input it prints a line of JSON:
the kind, the input, and the class and words of the error. What takes more than ``SECONDS`` or ``BYTES`` is one, too.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS = 20
BYTES = 1024**3
MIB = 2**20
UNLIMITED = -1


def inputs() -> dict[str, tuple[Callable[[Path], Any], int]]:
    """Return how each input is read, and the bytes above which it is too large.

    0 where only a part is read at a time, so that a file of any size is refused for what it holds; ``UNLIMITED`` where
    all of it may be read, in little memory (a digest) or as far as it is mapped. The key is the name of the file, in a
    folder where nothing else lies.
    """
    from fairaudit.auditing.label_tests import read_tests
    from fairaudit.auditing.run import load_audit
    from fairaudit.core.plan import read_plan
    from fairaudit.core.tables import Embeddings
    from fairaudit.datasets import open_reader
    from fairaudit.datasets.parts.csv_table import read_csv
    from fairaudit.datasets.parts.table_mapping import read_mapping
    from fairaudit.datasets.parts.text_files import read_json
    from fairaudit.describe.datasheet import find_datasheet
    from fairaudit.describe.training_data import read_documents
    from fairaudit.heads.learned_images import LearnedImages
    from fairaudit.heads.probe_folder import load_probe
    from fairaudit.heads.probe_table import read_probe_table
    from fairaudit.heads.prompts import read_prompts
    from fairaudit.images.decode import EncodedImage, image_digest, image_size, read_image
    from fairaudit.images.listing import list_images
    from fairaudit.images.table import find_table
    from fairaudit.indicators import label_association
    from fairaudit.measures.labels import load_label_map
    from fairaudit.measures.taxonomy import load_taxonomy
    from fairaudit.models import open_model
    from fairaudit.models._processor import preprocessing_from_file
    from fairaudit.models.weights_file import read_file
    from fairaudit.pretrain.checkpoint import load_checkpoint
    from fairaudit.pretrain.labels import read_labels
    from fairaudit.pretrain.recipe import load_recipe
    from fairaudit.runs.run_record import read_run
    from fairaudit.tabular.file import column_names

    shipped = Path(label_association.__file__).parent / "taxonomies"
    return {
        "plan.toml": (read_plan, 16 * MIB),
        "recipe_of_a_user.toml": (load_recipe, 16 * MIB),
        "prompts.toml": (read_prompts, 16 * MIB),
        "taxonomy.toml": (lambda path: load_taxonomy(str(path), shipped_in=shipped), 16 * MIB),
        "map.toml": (lambda path: load_label_map(str(path)), 16 * MIB),
        "tests.toml": (read_tests, 16 * MIB),
        "datasheet.toml": (lambda path: find_datasheet(path.parent), 16 * MIB),
        "image_table.toml": (read_mapping, 16 * MIB),
        "preprocessing.json": (preprocessing_from_file, 16 * MIB),
        "recipe.toml": (lambda path: read_run(path.parent), 16 * MIB),
        "datasheet.json": (lambda path: read_documents(path.parent), 256 * MIB),
        "audit.json": (lambda path: load_audit(path.parent), 256 * MIB),
        "probe.json": (lambda path: load_probe(path.parent), 256 * MIB),
        "probe.csv": (read_probe_table, 500_000_000),
        "labels.csv": (read_labels, 500_000_000),
        "table.csv": (lambda path: read_csv(path, required=("file",)), 500_000_000),
        "annotations.json": (lambda path: read_json(path, kind=list, what="a list"), 500_000_000),
        "images_v2.csv": (lambda path: open_reader("dollar_street").samples(path.parent, name="x"), 500_000_000),
        "fairface_label_val.csv": (lambda path: open_reader("fairface").samples(path.parent, name="x"), 500_000_000),
        "MMHS150K_GT.json": (lambda path: open_reader("mmhs150k").samples(path.parent, name="x"), 500_000_000),
        "outcomes.csv": (lambda path: column_names(path, "outcomes"), 500_000_000),
        "outcomes.parquet": (lambda path: column_names(path, "outcomes"), 0),
        "images.csv": (lambda path: find_table(path.parent), 0),
        "metadata.parquet": (lambda path: find_table(path.parent), 0),
        "images.parquet": (lambda path: LearnedImages.load(path.parent), 0),
        "embeddings.npy": (lambda path: open_model(path.parent), 0),
        "samples.parquet": (lambda path: Embeddings.load(path.parent), 0),
        "weights.pth": (read_file, 0),
        "weights.safetensors": (read_file, UNLIMITED),
        "network.pt2": (open_model, 0),
        "config.json": (lambda path: open_model(path.parent), 256 * MIB),
        "checkpoint.pt": (load_checkpoint, 0),
        "shard.tar": (lambda path: list_images([path]), 0),
        "read.jpg": (read_image, 100 * MIB),
        "opened.jpg": (lambda path: EncodedImage(path).decode(), 100 * MIB),
        "size.png": (image_size, 100 * MIB),
        "digest.jpg": (image_digest, UNLIMITED),
    }


def main(root: Path) -> None:
    readers = inputs()

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} seconds")

    signal.signal(signal.SIGALRM, stop)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
    for folder in sorted(root.iterdir()):
        for name, (read, _) in readers.items():
            path = folder / name / name
            if not path.parent.exists():
                continue
            signal.alarm(SECONDS)
            try:
                read(path)
                error = ("", "")
            except BaseException as problem:
                error = (" ".join(kind.__name__ for kind in type(problem).__mro__), str(problem))
            signal.alarm(0)
            print(json.dumps([folder.name, name, *error]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
