"""``fairaudit probe`` and ``fairaudit finetune``: adapt a checkpoint to the labels of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fairaudit.cli.options import Overwrite, print_path, with_options
from fairaudit.core.text import one_line

Checkpoint = Annotated[str, typer.Argument(help="Run folder, transformers folder or hub id, or module:function.")]
Labels = Annotated[Path, typer.Option(help="CSV with file,label and optionally cluster (person, household, photo).")]
Classes = Annotated[str, typer.Option(help="Labels of the table to learn: A,B,... Default: all.")]


@with_options(("preprocessing", "batch_size"), before="seed")
def probe(
    checkpoint: Checkpoint,
    labels: Labels,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the probe.")],
    overwrite: Overwrite = False,
    classes: Classes = "",
    seed: Annotated[int, typer.Option(help="Seed of the first split.")] = 0,
    seeds: Annotated[int, typer.Option(help="Number of splits into training and held-out images.")] = 5,
    **chosen: Any,
) -> None:
    """Fit a linear probe on frozen features, for `audit --probe`.

    Print the held-out accuracy with its interval, its spread over splits, and a line per label.
    """
    from fairaudit.heads.held_out import lines
    from fairaudit.training.adaptation import fit_probe

    fitted = fit_probe(
        checkpoint,
        labels=labels,
        output=output,
        overwrite=overwrite,
        classes=split(classes),
        seed=seed,
        seeds=seeds,
        **chosen,
    )
    typer.echo(
        f"{fitted.n_images:,} images, {len(fitted.classes)} labels, strength {fitted.strength:g}, {fitted.layer}"
    )
    for line in (*lines(fitted.held_out), *map(one_line, fitted.notes)):
        typer.echo(line)
    print_path(output)


@with_options(("preprocessing",), before="epochs")
def finetune(
    checkpoint: Checkpoint,
    labels: Labels,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the fine-tuned checkpoint.")],
    overwrite: Overwrite = False,
    preset: Annotated[
        str, typer.Option(help="Recipe: goyal2022 (as published, for large hardware) or small.")
    ] = "small",
    classes: Classes = "",
    epochs: Annotated[int | None, typer.Option(help="Passes over the images.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images per step.")] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate for a batch of 256; scales with the batch.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Momentum of the gradient.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Weight decay, on all weights.")] = None,
    milestones: Annotated[str | None, typer.Option(help="Epochs at which the rate drops: 30,60,90.")] = None,
    factor: Annotated[float | None, typer.Option(help="Factor of each drop of the rate.")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the input square; 0: that of the checkpoint.")] = None,
    resize: Annotated[int | None, typer.Option(help="Short side before the square is cut, at inference.")] = None,
    least_area: Annotated[float | None, typer.Option(help="Least share of an image in a training crop.")] = None,
    flip: Annotated[float | None, typer.Option(help="Probability of a left-right flip.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of head, split, order and crops.")] = None,
    batch_size: Annotated[int, typer.Option(help="Images per batch at inference.")] = 64,
    **chosen: Any,
) -> None:
    """Fine-tune a whole network; `audit` opens it with its labels.

    A fifth of the images, by cluster, is held out. Unset options keep the values of the preset.
    """
    from fairaudit.heads.held_out import lines
    from fairaudit.training.adaptation import fine_tune

    tuned = fine_tune(
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
    typer.echo(f"{tuned.n_learned:,} images learned, {len(tuned.classes)} labels, last loss {tuned.loss:.3f}")
    for line in lines([tuned.held_out]):
        typer.echo(line)
    print_path(output)


def split(names: str) -> list[str]:
    """Return the names in a comma-separated list."""
    return [name.strip() for name in names.split(",") if name.strip()]
