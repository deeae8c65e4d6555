"""``fit_probe`` and ``fine_tune``: adapt a head or a whole network to the labels of a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairaudit.auditing.run import versions
from fairaudit.core.progress import say, step

if TYPE_CHECKING:
    from fairaudit.heads.linear_probe import LinearProbe
    from fairaudit.heads.tuned_folder import TunedModel

_PACKAGES = ("numpy", "scikit-learn", "torch", "transformers")


def fit_probe(
    checkpoint: str | Path,
    *,
    labels: str | Path,
    output: str | Path,
    overwrite: bool = False,
    classes: Sequence[str] = (),
    preprocessing: str | Path | None = None,
    seed: int = 0,
    seeds: int = 5,
    batch_size: int = 64,
    progress: bool = True,
) -> LinearProbe:
    """Fit a linear probe on frozen features, save it, and return it with its held-out accuracy.

    ``fairaudit.audit(checkpoint, probe=output, ...)`` uses the probe, on this checkpoint only.

    Parameters
    ----------
    checkpoint : str or Path
        As in ``audit``; its weights do not change.
    labels : str or Path
        CSV with ``file`` (relative to its folder), ``label`` and optionally ``cluster``: person, household or source
        image. Images of one cluster are never both learned and held out, and intervals count clusters.
    output : str or Path
        Folder for ``probe.json``, ``weights.safetensors`` and ``images.parquet``. If the folder holds this probe, it is
        returned unchanged; another probe there is refused. Other files stay as they are.
    overwrite : bool
        Whether to replace the unchanged files of another probe in ``output``.
    classes : sequence of str
        Labels of the table to learn; empty for all.
    seed, seeds : int
        Seed of the first split into images for the fit, for the choice of strength and held out; number of splits.
    preprocessing, batch_size, progress
        As in ``audit``.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing is written then.
    """
    from fairaudit.heads import linear_probe
    from fairaudit.heads.probe_folder import load_probe, probe_folder, request_of, save_probe
    from fairaudit.models import open_model

    folder = probe_folder(output, overwrite=overwrite)
    folder.check()
    table = linear_probe.read_probe_table(Path(labels))
    table = table.only(classes) if classes else table
    model = open_model(checkpoint, preprocessing=preprocessing)
    if folder.check(request_of(model, table, seed=seed, seeds=seeds)):
        say(f"{output} holds this probe already: nothing changed", shown=progress)
        return load_probe(folder.path).probe
    with step(f"linear probe on {len(table.files):,} images", shown=progress) as advance:
        probe = linear_probe.fit_probe(model, table, progress=advance, seed=seed, seeds=seeds, batch_size=batch_size)
    save_probe(probe, model, folder, versions=versions(_PACKAGES))
    return probe


def fine_tune(
    checkpoint: str | Path,
    *,
    labels: str | Path,
    output: str | Path,
    overwrite: bool = False,
    preset: str = "small",
    classes: Sequence[str] = (),
    preprocessing: str | Path | None = None,
    batch_size: int = 64,
    progress: bool = True,
    **changes: Any,
) -> TunedModel:
    """Fine-tune a whole network on four fifths of a table, measure it on the rest, and save it as a checkpoint.

    Clusters of the table are never both learned and held out. The same table, recipe and seed give the same weights on
    the same machine. ``fairaudit.audit(output, ...)`` opens the network with its head, and leaves out the images that
    it learned.

    Parameters
    ----------
    checkpoint : str or Path
        A network of ``transformers``, or a run of ``fairaudit pretrain``.
    labels, overwrite, classes, preprocessing, batch_size, progress
        As in ``fit_probe``.
    output : str or Path
        Folder for the network, in the format of ``transformers``, with ``fine_tuning.json`` and ``images.parquet``.
    preset : str
        ``"goyal2022"``, the published recipe for large hardware, or ``"small"``.
    **changes
        Other values of fields of ``heads.tuning_recipe.TuningRecipe``: ``epochs=10, seed=3``.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing is written then.
    """
    from fairaudit.heads.probe_folder import request_of
    from fairaudit.heads.probe_table import read_probe_table
    from fairaudit.heads.tuned_folder import read_tuned, tune, tuned_folder
    from fairaudit.heads.tuning_recipe import make_tuning_recipe
    from fairaudit.models import open_model

    recipe = make_tuning_recipe(preset, changes)
    folder = tuned_folder(output, overwrite=overwrite)
    folder.check()
    table = read_probe_table(Path(labels))
    table = table.only(classes) if classes else table
    model = open_model(checkpoint, preprocessing=preprocessing)
    if folder.check(request_of(model, table, recipe=dataclasses.asdict(recipe))):
        say(f"{output} holds this network already: nothing changed", shown=progress)
        return read_tuned(folder.path)
    with step(f"fine-tuning by '{recipe.name}', {recipe.epochs} epochs", shown=progress) as advance:
        return tune(model, table, recipe, folder, versions=versions(_PACKAGES), batch_size=batch_size, progress=advance)
