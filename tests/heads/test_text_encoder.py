from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer, ResNetConfig, T5Config
from transformers.utils import logging as transformers_logging

from fairaudit.core.errors import CheckpointError, DataError
from fairaudit.heads.text_encoder import open_text_encoder

TEXTS = [
    "the cat sat on a mat",
    "dog",
    "",
    "it rained all day while the dog ran far away from home and the cat sat on a mat",
    "unseen words only",
    "the cat",
    "home home home",
]


def one_by_one(folder: Path, texts: list[str], *, max_length: int = 128) -> npt.NDArray[np.float64]:
    """Mean of the last hidden states, each text alone and thus without padding, straight from transformers."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    vectors = []
    for text in texts:
        tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_length)
        with torch.no_grad():
            hidden = model(input_ids=tokens["input_ids"]).last_hidden_state[0].double()
        vectors.append(hidden.numpy().mean(axis=0))
    return np.stack(vectors)


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def message_of(source: str | Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_text_encoder(str(source))
    return str(caught.value)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_mean_pooling_equals_each_text_alone(tiny_bert: Path, batch_size: int) -> None:
    vectors = open_text_encoder(str(tiny_bert)).encode(TEXTS, batch_size=batch_size)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 32)
    np.testing.assert_allclose(vectors, one_by_one(tiny_bert, TEXTS), atol=1e-5)


def test_the_order_of_texts_does_not_matter(tiny_bert: Path, rng: np.random.Generator) -> None:
    encoder = open_text_encoder(str(tiny_bert))
    order = rng.permutation(len(TEXTS))
    shuffled = encoder.encode([TEXTS[i] for i in order], batch_size=2)
    np.testing.assert_allclose(shuffled, encoder.encode(TEXTS)[order], atol=1e-5)


def test_long_texts_are_cut_at_128_tokens(tiny_bert: Path) -> None:
    encoder = open_text_encoder(str(tiny_bert))
    words = ["cat", "dog", "home"] * 60
    whole, first, shorter = encoder.encode([" ".join(words), " ".join(words[:126]), " ".join(words[:125])])
    np.testing.assert_array_equal(whole, first)
    assert np.abs(whole - shorter).max() > 1e-4


def test_no_texts_give_an_empty_matrix(tiny_bert: Path) -> None:
    assert open_text_encoder(str(tiny_bert)).encode([]).shape == (0, 32)


def test_progress_counts_texts(tiny_bert: Path) -> None:
    seen: list[tuple[int, int]] = []
    open_text_encoder(str(tiny_bert)).encode(
        TEXTS, batch_size=3, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(3, 7), (6, 7), (7, 7)]


def test_something_else_than_text_is_refused(tiny_bert: Path) -> None:
    texts: Any = ["cat", float("nan")]
    with pytest.raises(DataError) as caught:
        open_text_encoder(str(tiny_bert)).encode(texts)
    assert str(caught.value) == "texts must be strings; got float at position 1. Write an empty string for no text."


def test_the_card_counts_what_is_used(tiny_bert: Path) -> None:
    card = open_text_encoder(str(tiny_bert)).card()
    tensors = load_file(tiny_bert / "model.safetensors")
    assert card["n_parameters"] == sum(t.numel() for name, t in tensors.items() if not name.startswith("pooler"))
    assert {k: card[k] for k in ("name", "architecture", "dims", "max_tokens")} == {
        "name": "tiny-bert",
        "architecture": "BertModel",
        "dims": 32,
        "max_tokens": 128,
    }
    assert "trained_by_fairaudit" not in card
    assert json.loads(json.dumps(card)) == card


def test_the_digest_follows_the_weights(tiny_bert: Path, tmp_path: Path) -> None:
    changed = copied(tiny_bert, tmp_path / "changed")
    tensors = load_file(changed / "model.safetensors")
    name = "encoder.layer.0.output.dense.bias"
    tensors[name][0] += 1
    save_file(tensors, changed / "model.safetensors", metadata={"format": "pt"})
    digests = [open_text_encoder(str(f)).card()["digest"] for f in (tiny_bert, tiny_bert, changed)]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 64


def test_a_missing_pooler_is_not_random(tiny_bert: Path, tmp_path: Path) -> None:
    """Masked-language checkpoints have no pooler; it is not used, and must not make two openings differ."""
    bare = copied(tiny_bert, tmp_path / "bare")
    tensors = {k: v for k, v in load_file(bare / "model.safetensors").items() if not k.startswith("pooler")}
    save_file(tensors, bare / "model.safetensors", metadata={"format": "pt"})
    assert open_text_encoder(str(bare)).digest == open_text_encoder(str(tiny_bert)).digest


def test_opening_leaves_the_logging_of_transformers_as_it_was(
    tiny_bert: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    open_text_encoder(str(tiny_bert))
    assert (transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()) == before
    assert capfd.readouterr() == ("", "")


def test_the_old_layout_of_sentence_transformers(tiny_bert: Path, tmp_path: Path) -> None:
    outer = tmp_path / "sentences"
    copied(tiny_bert, outer / "0_Transformer")
    modules = [{"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    (outer / "modules.json").write_text(json.dumps(modules))
    encoder = open_text_encoder(str(outer))
    assert encoder.name == "sentences"
    np.testing.assert_allclose(encoder.encode(TEXTS), one_by_one(tiny_bert, TEXTS), atol=1e-5)


def test_modules_may_not_lead_out_of_the_folder(tiny_bert: Path, tmp_path: Path) -> None:
    outer = tmp_path / "sentences"
    outer.mkdir()
    copied(tiny_bert, tmp_path / "elsewhere")
    modules = [{"path": "../elsewhere", "type": "sentence_transformers.models.Transformer"}]
    (outer / "modules.json").write_text(json.dumps(modules))
    assert "must hold a configuration" in message_of(outer)


def test_no_such_folder(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert message_of(absent) == (
        f"text encoder must be a folder or the id of a model on the hub; there is no folder '{absent}'. "
        "Give the folder of its config.json."
    )


def test_a_file_is_not_a_folder(tiny_bert: Path) -> None:
    file = tiny_bert / "config.json"
    assert message_of(file) == (
        f"text encoder must be a folder or the id of a model on the hub; got the file '{file}'. "
        "Give the folder of its config.json."
    )


def test_an_id_that_the_hub_does_not_give() -> None:
    assert message_of("nobody/no-such-bert") == (
        "text encoder 'nobody/no-such-bert' must be a folder or the id of a model on the hub; there is no such folder, "
        "and the hub does not return it. Check the id and the connection, or give a local folder."
    )


@pytest.mark.parametrize(
    ("removed", "what"),
    [
        ("config.json", "configuration (config.json)"),
        ("tokenizer.json", "tokenizer (tokenizer.json or vocab.txt)"),
        ("model.safetensors", "weights (model.safetensors or model.safetensors.index.json)"),
    ],
)
def test_a_folder_that_lacks_something(tiny_bert: Path, tmp_path: Path, removed: str, what: str) -> None:
    folder = copied(tiny_bert, tmp_path / "bert")
    (folder / removed).unlink()
    assert message_of(folder) == (
        f"text encoder {folder} must hold a {what}; there is none. "
        "Save the model and its tokenizer with save_pretrained into one folder."
    )


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (ResNetConfig(), "must read text and have no decoder; got a model of the type 'resnet'."),
        (T5Config(), "must read text and have no decoder; got a model of the type 't5'."),
    ],
)
def test_another_kind_of_model(tiny_bert: Path, tmp_path: Path, config: Any, reason: str) -> None:
    folder = copied(tiny_bert, tmp_path / "model")
    config.save_pretrained(folder)
    assert message_of(folder) == f"text encoder 'model' {reason} Give a BERT, e.g. google-bert/bert-base-uncased."


def test_missing_weights_are_never_random(tiny_bert: Path, tmp_path: Path) -> None:
    folder = copied(tiny_bert, tmp_path / "bert")
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert message_of(folder) == (
        "text encoder 'bert' must hold all weights of its configuration; 1 are missing, the first is "
        "'encoder.layer.1.output.dense.weight'. Save the model again: missing weights would be random."
    )


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_damaged_files(tiny_bert: Path, tmp_path: Path, file: str) -> None:
    folder = copied(tiny_bert, tmp_path / "bert")
    (folder / file).write_bytes((folder / file).read_bytes()[:50])
    message = message_of(folder)
    assert message.startswith("text encoder 'bert' must open with transformers; got: ")
    assert message.endswith(". Check its files or save it again.")
    assert "\n" not in message


def test_weights_of_another_size(tiny_bert: Path, tmp_path: Path) -> None:
    folder = copied(tiny_bert, tmp_path / "bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))
    assert message_of(folder).startswith("text encoder 'bert' must")


def test_a_tokenizer_without_padding(tiny_bert: Path, tmp_path: Path) -> None:
    folder = copied(tiny_bert, tmp_path / "bert")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["pad_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    assert message_of(folder) == (
        "text encoder 'bert' must have a padding token; its tokenizer has none. "
        "Give a BERT, e.g. google-bert/bert-base-uncased."
    )


def test_code_of_a_checkpoint_is_never_run(tiny_bert: Path, tmp_path: Path) -> None:
    folder, ran = copied(tiny_bert, tmp_path / "bert"), tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Config: pass\nclass Model: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    assert message_of(folder).startswith("text encoder 'bert' must open with transformers; got: ")
    assert not ran.exists()


def test_a_local_folder_needs_no_network(tiny_bert: Path) -> None:
    """In a process of its own, because the test session is offline already."""
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise SystemExit('a look-up of the network')\n"
        "socket.getaddrinfo = refuse; socket.socket.connect = refuse\n"
        "from fairaudit.heads.text_encoder import open_text_encoder\n"
        "print(open_text_encoder(sys.argv[1]).encode(['cat']).shape)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE"}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_bert)],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "(1, 32)\n"), done.stderr


def test_a_real_bert(minilm: Path) -> None:
    """all-MiniLM-L6-v2: equal to each text alone, and near texts are near."""
    texts = ["a man is eating food", "somebody eats a meal", "the stock market fell by three percent today", ""]
    encoder = open_text_encoder(str(minilm))
    vectors = encoder.encode(texts, batch_size=4)
    assert vectors.shape == (4, 384)
    np.testing.assert_allclose(vectors, one_by_one(minilm, texts), atol=1e-5)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > unit[0] @ unit[2] + 0.3
