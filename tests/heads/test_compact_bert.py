from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import BertWordPieceTokenizer

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.heads.compact_bert import SPECIAL, build_tokenizer, train_compact_bert
from fairaudit.heads.text_encoder import open_text_encoder

SUBJECTS = ("the cat", "a dog", "my friend", "the old man", "nobody")
VERBS = ("likes", "sees", "forgets", "draws")
THINGS = ("the rain", "bread and butter", "a long walk", "this film", "the sea")
TEXTS = [f"{s} {v} {t}" for s in SUBJECTS for v in VERBS for t in THINGS]


def train(output: Path, *, seed: int = 0, epochs: int = 2, texts: list[str] = TEXTS) -> Path:
    return train_compact_bert(texts, output=output, seed=seed, epochs=epochs, hidden=16)


def test_a_round_trip_is_deterministic(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    encoders = [open_text_encoder(str(train(tmp_path / name, seed=s))) for name, s in (("a", 1), ("b", 1), ("c", 2))]
    assert torch.equal(torch.get_rng_state(), state)
    vectors = [encoder.encode(["The cat likes bread", "", "zzz unseen!"]) for encoder in encoders]
    assert vectors[0].shape == (3, 16)
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert encoders[0].digest == encoders[1].digest != encoders[2].digest
    card = encoders[0].card()
    assert card["name"] == "a"
    assert card["trained_by_fairaudit"]["n_texts"] == 100
    assert card["trained_by_fairaudit"]["kind"] == "compact BERT, trained from scratch on these texts only"
    assert card["trained_by_fairaudit"]["seed"] == 1
    assert json.loads((tmp_path / "a" / "fairaudit.json").read_text()) == card["trained_by_fairaudit"]


def test_the_vocabulary_does_not_follow_the_order_of_texts(rng: np.random.Generator) -> None:
    """Ties are broken by the alphabet, not by what came first or by a hash table."""
    texts = [*TEXTS, "some words only once", "ein Größtes", "日本語"]
    shuffled = [texts[i] for i in rng.permutation(len(texts))]
    assert build_tokenizer(shuffled).get_vocab() == build_tokenizer(texts).get_vocab()


def test_training_learns_to_guess_masked_words(tmp_path: Path) -> None:
    """Below the entropy of the words as they are used, which is all that counting words could reach."""
    note = json.loads((train(tmp_path / "bert", epochs=60) / "fairaudit.json").read_text())
    tokens = [i for ids in build_tokenizer(TEXTS)(TEXTS)["input_ids"] for i in ids if i >= len(SPECIAL)]
    share = np.bincount(tokens)[np.unique(tokens)] / len(tokens)
    assert note["final_loss"] < -(share * np.log(share)).sum() - 0.5
    assert note["epochs"] == 60


def test_tokens_are_those_of_wordpiece() -> None:
    """The reference is BERT's own tokenizer with the same vocabulary."""
    texts = [*TEXTS, "Größe und Höhe", "it's 5 o'clock!!", "स्वागत है दोस्त", "日本語 text"]
    tokenizer = build_tokenizer(texts)
    reference = BertWordPieceTokenizer(tokenizer.get_vocab(), lowercase=True, strip_accents=False)
    for text in [*texts, "The Catlike dogs", "seafood"]:
        assert tokenizer(text)["input_ids"] == reference.encode(text).ids, text


def test_words_and_letters_of_the_texts_are_known() -> None:
    tokenizer = build_tokenizer(["good good morning", "goodness"])
    assert tokenizer.tokenize("GOOD morning") == ["good", *tokenizer.tokenize("morning")]
    assert "".join(t.removeprefix("##") for t in tokenizer.tokenize("sing")) == "sing"
    assert tokenizer.tokenize("x") == ["[UNK]"]
    assert [tokenizer.get_vocab()[mark] for mark in SPECIAL] == list(range(5))


def test_long_texts_and_many_letters(tmp_path: Path) -> None:
    """More tokens than a text may have, and more letters than the vocabulary holds."""
    letters = "".join(chr(0x4E00 + i) for i in range(1500))
    folder = train(tmp_path / "bert", texts=["word " * 300, letters, "a"], epochs=1)
    assert np.isfinite(open_text_encoder(str(folder)).encode([letters, "word " * 300])).all()


def test_one_text_is_enough(tmp_path: Path) -> None:
    assert open_text_encoder(str(train(tmp_path / "bert", texts=["a"], epochs=1))).dims == 16


def test_progress_counts_steps(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = train_compact_bert(
        TEXTS, output=tmp_path / "bert", epochs=3, hidden=8, layers=1,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == [(i, 6) for i in range(1, 7)]  # two batches of 64 at most, three epochs
    assert json.loads((folder / "fairaudit.json").read_text())["epochs"] == 3


def test_its_own_folder_is_replaced_when_asked_and_no_other(tmp_path: Path) -> None:
    train(tmp_path / "bert", epochs=1, seed=1)
    before = (tmp_path / "bert" / "model.safetensors").stat().st_mtime_ns
    train(tmp_path / "bert", epochs=1, seed=1)
    assert (tmp_path / "bert" / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match=r"got one that differs in 'seed' \(1, now 2\)\. Choose another folder"):
        train(tmp_path / "bert", epochs=1, seed=2)
    train_compact_bert(TEXTS, output=tmp_path / "bert", seed=2, epochs=1, hidden=16, overwrite=True)
    assert json.loads((tmp_path / "bert" / "fairaudit.json").read_text())["seed"] == 2
    other = tmp_path / "photos"
    other.mkdir()
    (other / "fairaudit.json").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match=r"fairaudit\.json"):
            train_compact_bert(TEXTS, output=other, hidden=16, overwrite=overwrite)
    assert [p.read_text() for p in other.iterdir()] == ["mine"]


def test_nothing_is_left_of_a_training_that_fails(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_compact_bert(TEXTS, output=tmp_path / "bert", hidden=8, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_texts_without_words(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        train(tmp_path / "bert", texts=["", "  \n"])
    assert str(caught.value) == "texts of a compact BERT must have words; got none. Give texts, or a pretrained BERT."


def test_sizes_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        train_compact_bert(TEXTS, output=tmp_path / "bert", epochs=0)
    assert str(caught.value) == "epochs of a compact BERT must be at least 1; got 0. Give epochs=1 or more."
    with pytest.raises(ConfigError) as caught:
        train_compact_bert(TEXTS, output=tmp_path / "bert", hidden=15)
    assert (
        str(caught.value) == "hidden of a compact BERT must be a multiple of heads; got 15 and 2. Give for example "
        "hidden=16."
    )
