"""``fairaudit probe`` and ``fairaudit finetune``: a checkpoint learns the labels of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fairaudit.cli.options import with_options
from fairaudit.core.text import one_line

Checkpoint = Annotated[str, typer.Argument(help="Run folder, transformers folder or hub id, or module:function.")]
Labels = Annotated[Path, typer.Option(help="CSV with file,label and perhaps cluster: person, household, source image.")]
Classes = Annotated[str, typer.Option(help="Learn only these labels of the table: A,B,...")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace another result there; files that are not of fairaudit stay.")
]


@with_options(("preprocessing", "batch_size"), before="seed")
def probe(
    checkpoint: Checkpoint,
    labels: Labels,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the probe.")],
    overwrite: Overwrite = False,
    classes: Classes = "",
    seed: Annotated[int, typer.Option(help="Seed of the first split.")] = 0,
    seeds: Annotated[int, typer.Option(help="Splits into fitted and held-out images.")] = 5,
    **chosen: Any,
) -> None:
    """Fit a linear probe on frozen features; `fairaudit audit CHECKPOINT --probe FOLDER` uses it again.

    Prints the accuracy on held-out images with its interval, its spread over splits, and a line for each label.
    """
    from fairaudit.heads.held_out import lines
    from fairaudit.training.adaptation import fit_probe

    found = fit_probe(
        checkpoint,
        labels=labels,
        output=output,
        overwrite=overwrite,
        classes=split(classes),
        seed=seed,
        seeds=seeds,
        **chosen,
    )
    typer.echo(f"{found.n_images:,} images, {len(found.classes)} labels, strength {found.strength:g}, {found.layer}")
    for line in (*lines(found.held_out), *map(one_line, found.notes), output):
        typer.echo(line)


@with_options(("preprocessing",), before="epochs")
def finetune(
    checkpoint: Checkpoint,
    labels: Labels,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the fine-tuned checkpoint.")],
    overwrite: Overwrite = False,
    preset: Annotated[str, typer.Option(help="goyal2022 (as published, for large hardware) or small.")] = "small",
    classes: Classes = "",
    epochs: Annotated[int | None, typer.Option(help="Passes over the images.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Learning rate at a batch of 256; it grows with the batch.")
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="Of the gradient.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="On all weights.")] = None,
    milestones: Annotated[str | None, typer.Option(help="Epochs from which the rate falls: 30,60,90.")] = None,
    factor: Annotated[float | None, typer.Option(help="By which it falls there.")] = None,
    size: Annotated[int | None, typer.Option(help="Side of what the network sees; 0: as the checkpoint says.")] = None,
    resize: Annotated[int | None, typer.Option(help="Short side from which that square is cut, in use.")] = None,
    least_area: Annotated[float | None, typer.Option(help="Least share of an image that is seen in training.")] = None,
    flip: Annotated[float | None, typer.Option(help="Probability of a left-right flip.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of head, split, order and views.")] = None,
    batch_size: Annotated[int, typer.Option(help="Images at once where it is measured.")] = 64,
    **chosen: Any,
) -> None:
    """Fine-tune a whole network; `fairaudit audit FOLDER` opens it as a checkpoint with labels of its own.

    A fifth of the images, by cluster, is held out. Options without a value keep that of the preset.
    """
    from fairaudit.heads.held_out import lines
    from fairaudit.training.adaptation import fine_tune

    found = fine_tune(
        checkpoint,
        labels=labels,
        output=output,
        overwrite=overwrite,
        preset=preset,
        classes=split(classes),
        batch_size=batch_size,
        epochs=epochs,
        batch=batch,
        rate=rate,
        momentum=momentum,
        weight_decay=weight_decay,
        milestones=milestones,
        factor=factor,
        size=size,
        resize=resize,
        least_area=least_area,
        flip=flip,
        seed=seed,
        **chosen,
    )
    typer.echo(f"{found.n_learned:,} images learned, {len(found.classes)} labels, last loss {found.loss:.3f}")
    for line in (*lines([found.held_out]), output):
        typer.echo(line)


def split(names: str) -> list[str]:
    """Return the names of a list with commas."""
    return [name.strip() for name in names.split(",") if name.strip()]
