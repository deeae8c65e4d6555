from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from fairaudit.describe.datasheet import Datasheet
from fairaudit.describe.training_data import TrainingData, training_data
from fairaudit.pretrain.model_card import model_card
from fairaudit.pretrain.recipe import Recipe

HOSTILE = "<script>x</script> | *b* [a](http://x) `c` \n# d ![i](http://y) ~~e~~ $f$"


def front(card: str) -> dict[str, object]:
    """The metadata as the Hub's own library reads them."""
    values: dict[str, object] = ModelCard(card).data.to_dict()  # type: ignore[no-untyped-call]
    return values


def test_the_front_matter_is_that_of_the_hub() -> None:
    card = model_card(Recipe(name="a: b"), method="swav", images=12, data=())
    assert front(card) == {
        "library_name": "transformers",
        "license": "other",
        "license_name": "not-declared",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["fairaudit", "regnet", "vision", "swav", "self-supervised-learning"],
    }
    supervised = front(model_card(Recipe(), method="supervised", images=12, data=()))
    assert supervised["pipeline_tag"] == "image-classification"


def test_the_card_says_how_it_was_made_and_what_is_not_declared(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "datasheet.toml").write_text('licence = "CC0"\nmisuse = "ranking people"\n')
    (folder / "images.csv").write_text("country,gender\n" + "KE,woman\n" * 30 + "IN,\n" * 10)
    card = model_card(Recipe(name="mine", seed=7), method="swav", images=1234, data=training_data([folder]))
    for line in (
        "| Recipe | mine |",
        "| Seed | 7 |",
        "| Training images | 1,234 |",
        "| Licence of the weights | not declared |",
        "| Licence | CC0 |",
        "| Consent | *not declared* |",
        "| Kenya | 30 | 75.0 % (59.8 to 85.9) | 75.0 % (59.8 to 85.9) |",
        "| unknown | 10 | 25.0 % (14.1 to 40.2) |  |",
        "- Known: 30 of 40 rows",
        "- What photos is meant for: *not declared*",
        "- What photos should not be used for: ranking people",
    ):
        assert line in card.splitlines(), line
    assert card.count("*not declared*") == 11 + 1


def test_silence_is_told() -> None:
    data = (TrainingData("silent", None, None, "no table of the images lies in the folder"),)
    card = model_card(Recipe(), method="random weights", images=1, data=data)
    assert "No `datasheet.toml` lies in the folder." in card
    assert "Who and where is in the images: *not declared* (no table of the images lies in the folder)." in card
    assert card.count("*not declared*") == 13 + 1 + 2


@pytest.mark.parametrize("where", ["recipe", "folder", "answer"])
def test_nothing_in_the_data_becomes_markup(where: str) -> None:
    hostile = {name: HOSTILE if name == where else "plain" for name in ("recipe", "folder", "answer")}
    data = (TrainingData(hostile["folder"], Datasheet({"licence": hostile["answer"]}), None, "none"),)
    card = model_card(Recipe(name=hostile["recipe"]), method="swav", images=1, data=data)
    assert isinstance(front(card), dict)
    parser = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    tokens = [t for token in parser.parse(card.split("---\n", 2)[2]) for t in (token, *(token.children or ()))]
    kinds = {t.type for t in tokens}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "s_open"}
    assert "<script>" not in card
    shown = "".join(t.content for t in tokens if t.type == "text")
    assert "<script>x</script> | *b* [a](http://x) `c` # d ![i](http://y) ~~e~~ $f$" in shown


def test_a_card_is_plain_text_of_json_and_markdown() -> None:
    card = model_card(Recipe(), method="swav", images=1, data=())
    assert json.loads(card.split("tags: ")[1].split("\n")[0])[0] == "fairaudit"
    assert card.endswith("\n")
