"""The model card of a trained network: ``README.md`` for the Hugging Face Hub, in Markdown with YAML front matter.

It states the origin of the weights and the declared facts on the images; missing facts are marked as not declared.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence

from fairaudit.core.text import printable
from fairaudit.describe.datasheet import FILE_NAME, NOT_DECLARED
from fairaudit.describe.profile import FieldProfile, Profile
from fairaudit.describe.profile_text import VALUE_HEAD, copy_facts, field_facts, field_title, scope, value_rows
from fairaudit.describe.training_data import TrainingData
from fairaudit.pretrain.recipe import Recipe

#: Number of shown values per field; the run's ``profile.json`` has more.
SHOWN = 5
_METHODS = {
    "swav": "SwAV, self-supervised: no label was used (Caron et al. 2020)",
    "supervised": "supervised: cross-entropy of labels",
    "random weights": "none: these are the first, random weights; only batch normalisations were measured",
}
_TAGS = {
    "swav": ["swav", "self-supervised-learning"],
    "supervised": ["supervised"],
    "random weights": ["random-weights"],
}
_LIMITS = (
    "What the network does to people is unknown until it is audited, on people it was not trained on: "
    "`fairaudit audit RUN --data READER=DIR -o out`. The profile counts what tables declare, and nothing was inferred "
    "from pixels: a value that is rare or unknown here is one that the network may serve badly, and that a value is "
    "frequent is no proof that it serves it well."
)


def model_card(recipe: Recipe, *, method: str, images: int, data: Sequence[TrainingData]) -> str:
    """Return the card as Markdown; texts from data are escaped.

    Parameters
    ----------
    recipe : Recipe
    method : str
        As in ``data.json`` of the run.
    images : int
        Number of readable images.
    data : sequence of TrainingData
        One per folder of images.
    """
    facts = [
        ("Method", _METHODS.get(method, method)),
        ("Recipe", recipe.name),
        ("Seed", str(recipe.seed)),
        ("Network", f"RegNet-Y ({recipe.network.preset})"),
        ("Training images", f"{images:,}"),
        ("Licence of the weights", NOT_DECLARED),
    ]
    parts = [
        _front_matter(method),
        f"# {_plain(recipe.name)}",
        "A vision network trained with fairaudit. `AutoModel.from_pretrained` opens this folder; the embedding is the "
        "output of the trunk, average-pooled.",
        "## How it was made",
        _table(("", ""), facts),
        "## What is declared of the training images",
        *(block for source in data for block in _source(source)),
        "## Intended use and limits",
        _uses(data),
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(method: str) -> str:
    """Return the YAML block; on the Hub, the licence "other" with a name declares none of its closed list."""
    values: dict[str, object] = {
        "library_name": "transformers",
        "license": "other",
        "license_name": NOT_DECLARED.replace(" ", "-"),
        "pipeline_tag": "image-classification" if method == "supervised" else "image-feature-extraction",
        "tags": ["fairaudit", "regnet", "vision", *_TAGS.get(method, [])],
    }
    # JSON values are YAML values.
    return "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in values.items()), "---"])


def _source(source: TrainingData) -> list[str]:
    profile = source.profile
    blocks = [
        f"### {_plain(source.folder)}",
        "" if source.datasheet else f"No `{FILE_NAME}` lies in the folder.",
        _table(("Datasheet", ""), source.declared.rows(), emphasise=NOT_DECLARED),
    ]
    if profile is None:
        blocks.append(f"Who and where is in the images: *{NOT_DECLARED}* ({_plain(source.note)}).")
    else:
        blocks += [_plain(scope(profile)), *(block for field in profile.fields for block in _field(field, profile))]
        blocks.append(_table(("Copies", ""), copy_facts(profile)))
        blocks.append("\n".join(f"- {_plain(note)}" for note in profile.notes))
    return [block for block in blocks if block]


def _field(field: FieldProfile, profile: Profile) -> list[str]:
    notes = [f"- {_plain(note)}" for note in field.notes]
    return [
        f"#### {_plain(field_title(field))}",
        _table(VALUE_HEAD, value_rows(field, limit=SHOWN)),
        "\n".join([*(f"- {_plain(name)}: {_plain(text)}" for name, text in field_facts(field, profile)), *notes]),
    ]


def _uses(data: Sequence[TrainingData]) -> str:
    lines = []
    for source in data:
        for key, use in (("intended_use", "is meant for"), ("misuse", "should not be used for")):
            answer = source.declared.answers.get(key)
            lines.append(f"- What {_plain(source.folder)} {use}: {_plain(answer) if answer else f'*{NOT_DECLARED}*'}")
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, emphasise: str = "") -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(f'*{c}*' if c == emphasise and c else _plain(c) for c in cells)} |"

    return "\n".join([line(head), "|" + " --- |" * len(head), *map(line, rows)])


def _plain(text: str) -> str:
    """Return ``text`` on one line with Markdown, HTML and table separators escaped."""
    line = " ".join(printable(text).split())
    return re.sub(r"([\\`*_\[\]#|~$])", r"\\\1", html.escape(line, quote=False))
