from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from fairaudit.core.errors import DataError, RequirementError
from fairaudit.core.samples import Samples
from fairaudit.core.tables import Embeddings
from fairaudit.heads.fusion import MAX_EPOCHS, MEMBERS, fit_fusion, hate_scores
from fairaudit.heads.text_encoder import TextEncoder, open_text_encoder

Vectors = npt.NDArray[np.float32]
SPLITS = ["train"] * 300 + ["dev"] * 100 + ["test"] * 300


def embeddings_of(vectors: Vectors) -> Embeddings:
    return Embeddings(tuple(f"m{i}" for i in range(len(vectors))), vectors.astype(np.float32))


def noise(rng: np.random.Generator, n: int, *, dims: tuple[int, int] = (12, 8)) -> tuple[Vectors, Vectors]:
    return rng.normal(size=(n, dims[0])).astype(np.float32), rng.normal(size=(n, dims[1])).astype(np.float32)


def auroc(scores: pd.DataFrame, split: str = "test") -> float:
    rows = scores[scores["split"] == split]
    return float(roc_auc_score(rows["label"], rows["score"]))


@pytest.mark.parametrize("where", ["image", "text", "both"])
def test_what_is_planted_is_found(rng: np.random.Generator, where: str) -> None:
    image, text = noise(rng, 700)
    y = rng.integers(0, 2, 700)
    for name, x in (("image", image), ("text", text)):
        if where in (name, "both"):
            x[:, :3] += 2.5 * y[:, None]
            x *= 100 if name == "image" else 0.01  # scales must not decide which of the two counts
    fusion = fit_fusion(embeddings_of(image), text, y.tolist(), SPLITS)
    scores = fusion.scores(embeddings_of(image), text, y.tolist(), SPLITS)
    assert auroc(scores) > 0.95
    assert list(scores.columns) == ["sample_id", "split", "label", "score"]
    assert scores["sample_id"].tolist() == [f"m{i}" for i in range(700)]
    assert scores["split"].tolist() == SPLITS
    assert scores["label"].tolist() == y.tolist()
    assert scores["label"].dtype == np.int64
    assert scores["score"].between(0, 1).all()


def test_what_only_image_and_text_together_say_is_found(rng: np.random.Generator) -> None:
    """Hateful if the two signs agree: neither alone, nor any sum of them, says anything."""
    image, text = noise(rng, 2400, dims=(3, 3))
    y = ((image[:, 0] > 0) == (text[:, 0] > 0)).astype(int)
    splits = ["train"] * 1600 + ["dev"] * 300 + ["test"] * 500
    fusion = fit_fusion(embeddings_of(image), text, y.tolist(), splits)
    assert auroc(fusion.scores(embeddings_of(image), text, y.tolist(), splits)) > 0.8


def test_noise_is_not_learned(rng: np.random.Generator) -> None:
    image, text = noise(rng, 700)
    y = rng.integers(0, 2, 700)
    scores = fit_fusion(embeddings_of(image), text, y.tolist(), SPLITS).scores(
        embeddings_of(image), text, y.tolist(), SPLITS
    )
    # Three standard errors of an AUROC of one half at 150 against 150.
    assert abs(auroc(scores) - 0.5) < 3 * np.sqrt(301 / (12 * 150 * 150))


def test_test_rows_take_no_part(rng: np.random.Generator) -> None:
    image, text = noise(rng, 400)
    y = rng.integers(0, 2, 400)
    splits = ["train"] * 200 + ["dev"] * 60 + ["test"] * 100 + ["other"] * 40
    before = fit_fusion(embeddings_of(image), text, y.tolist(), splits)
    scores = before.scores(embeddings_of(image), text, y.tolist(), splits)
    changed_image, changed_text, changed_y = image.copy(), text.copy(), y.copy()
    changed_image[260:], changed_text[260:], changed_y[260:] = 1000, -1000, 1 - y[260:]
    changed_image[300], changed_text[300], changed_y[300] = image[300], text[300], y[300]
    after = fit_fusion(embeddings_of(changed_image), changed_text, changed_y.tolist(), splits)
    rescored = after.scores(embeddings_of(changed_image), changed_text, changed_y.tolist(), splits)
    kept = [*range(260), 300]
    pd.testing.assert_frame_equal(rescored.iloc[kept], scores.iloc[kept])
    assert after.params()["epochs"] == before.params()["epochs"]


def test_dev_rows_only_stop_the_training(rng: np.random.Generator) -> None:
    """Every row of dev twice has the same AUROC, so that nothing changes; rows that are fitted would count twice."""
    image, text = noise(rng, 260)
    y = rng.integers(0, 2, 260)
    splits = ["train"] * 150 + ["dev"] * 50 + ["test"] * 60
    twice = [*range(200), *range(150, 200), *range(200, 260)]
    one = fit_fusion(embeddings_of(image), text, y.tolist(), splits)
    two = fit_fusion(embeddings_of(image[twice]), text[twice], y[twice].tolist(), [splits[i] for i in twice])
    first, second = (f.scores(embeddings_of(image), text, y.tolist(), splits) for f in (one, two))
    pd.testing.assert_frame_equal(first, second)
    assert two.params()["n_dev"] == 100


def test_a_fit_is_deterministic_and_leaves_the_global_generator(rng: np.random.Generator) -> None:
    image, text = noise(rng, 200)
    y = rng.integers(0, 2, 200).tolist()
    splits = ["train"] * 150 + ["dev"] * 50
    state = torch.get_rng_state()
    frames = [
        fit_fusion(embeddings_of(image), text, y, splits, seed=s).scores(embeddings_of(image), text, y, splits)
        for s in (1, 1, 2)
    ]
    assert torch.equal(torch.get_rng_state(), state)
    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert (frames[0]["score"] - frames[2]["score"]).abs().max() > 1e-4


def test_without_dev_a_part_of_train_stands_in(rng: np.random.Generator) -> None:
    image, text = noise(rng, 300)
    y = np.array(([1] * 40 + [0] * 160) + [0, 1] * 50)
    image[:, :3] += 2.5 * y[:, None]
    splits = ["train"] * 200 + ["test"] * 100
    fusion = fit_fusion(embeddings_of(image), text, y.tolist(), splits)
    params = fusion.params()
    assert params["dev_taken_from_train"] is True
    assert (params["n_train"], params["n_train_hateful"], params["n_dev"]) == (170, 34, 30)
    assert auroc(fusion.scores(embeddings_of(image), text, y.tolist(), splits)) > 0.95


def test_a_dev_split_with_one_label_is_no_dev_split(rng: np.random.Generator) -> None:
    image, text = noise(rng, 200)
    y = [0, 1] * 50 + [1] * 50 + [0, 1] * 25
    params = fit_fusion(embeddings_of(image), text, y, ["train"] * 100 + ["dev"] * 50 + ["test"] * 50).params()
    assert params["dev_taken_from_train"] is True
    assert (params["n_train"], params["n_dev"]) == (84, 16)


def test_names_of_labels_and_splits(rng: np.random.Generator) -> None:
    image, text = noise(rng, 80)
    y = [0, 1] * 40
    names = ["Not_hateful", " hateful "] * 20 + ["0", "1"] * 19 + ["", ""]
    splits = ["train"] * 40 + ["dev_seen"] * 20 + ["test_unseen"] * 20
    plain = ["train"] * 40 + ["val"] * 20 + ["test"] * 20
    one = fit_fusion(embeddings_of(image), text, names, splits)
    two = fit_fusion(embeddings_of(image), text, y, plain)
    first = one.scores(embeddings_of(image), text, names, splits)
    second = two.scores(embeddings_of(image), text, y, plain)
    assert len(first) == 78  # two rows have no label
    assert first["score"].tolist() == second["score"].tolist()[:78]
    assert first["label"].tolist() == y[:78]
    assert one.params()["n_without_label"] == 2
    assert one.params()["n_test"] == 18


def test_params_are_json_and_progress_ends(rng: np.random.Generator) -> None:
    image, text = noise(rng, 90)
    seen: list[tuple[int, int]] = []
    fusion = fit_fusion(
        embeddings_of(image), text, [0, 1, 1] * 30, ["train"] * 60 + ["dev"] * 30, seed=2,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    params = fusion.params()
    assert json.loads(json.dumps(params, allow_nan=False)) == params
    assert params["seeds"] == [6, 7, 8]
    assert len(params["epochs"]) == len(params["dev_auroc"]) == MEMBERS
    assert seen == sorted(seen)
    assert seen[-1] == (MEMBERS * MAX_EPOCHS, MEMBERS * MAX_EPOCHS)
    params["epochs"].clear()
    assert len(fusion.params()["epochs"]) == MEMBERS


@pytest.mark.parametrize(
    ("labels", "splits", "reason", "what_to_do"),
    [
        (
            [0, 1] * 10,
            ["test"] * 20,
            "There is no labelled training split, and a head cannot be fitted on the rows that it is tested on.",
            "Give the data set with its splits (train, dev, test), e.g. train.jsonl beside test_seen.jsonl.",
        ),
        (
            [""] * 10 + ["0", "1"] * 5,
            ["train"] * 10 + ["test"] * 10,
            "There is no labelled training split, and a head cannot be fitted on the rows that it is tested on.",
            "Give the data set with its splits (train, dev, test), e.g. train.jsonl beside test_seen.jsonl.",
        ),
        (
            [0] * 10 + [0, 1] * 5,
            ["train"] * 10 + ["test"] * 10,
            "The training split must have at least two memes of both labels; got 0 hateful and 10 not hateful.",
            "Add training rows of the other label.",
        ),
    ],
)
def test_requirements(
    rng: np.random.Generator, labels: list[str | int], splits: list[str], reason: str, what_to_do: str
) -> None:
    image, text = noise(rng, 20)
    with pytest.raises(RequirementError) as caught:
        fit_fusion(embeddings_of(image), text, labels, splits)
    assert (caught.value.reason, caught.value.what_to_do) == (reason, what_to_do)


def test_wrong_input_is_one_sentence(rng: np.random.Generator) -> None:
    image, text = noise(rng, 20)
    y, splits = [0, 1] * 10, ["train"] * 20
    with pytest.raises(DataError) as caught:
        fit_fusion(embeddings_of(image), text[:7], y, splits)
    assert str(caught.value) == ("text vectors must be as many as image embeddings; got 7 for 20. Give one per sample.")
    with pytest.raises(DataError) as caught:
        fit_fusion(embeddings_of(image), text, ["hate", *y[1:]], splits)
    assert str(caught.value) == (
        "label of a meme must be 1 (hateful), 0 (not hateful) or empty; got 'hate' in row 1. "
        "Correct the labels of the data set."
    )
    fusion = fit_fusion(embeddings_of(image), text, y, splits)
    with pytest.raises(DataError) as caught:
        fusion.scores(embeddings_of(image[:, :5]), text, y, splits)
    assert str(caught.value) == (
        "features must have the 12 and 8 dimensions of image and text on which the head was fitted; got 5 and 8. "
        "Fit the head on the same model and encoder."
    )


def memes(labels: list[str], texts: list[str], splits: list[str]) -> Samples:
    ids = [f"m{i}" for i in range(len(labels))]
    table = pd.DataFrame(
        {"sample_id": ids, "path": ids, "cluster_id": ids, "split": splits, "label": labels, "text": texts}
    )
    return Samples("memes", "hateful_memes", "memes", Path("memes"), table, (), "image", "none")


@pytest.fixture
def encoder(tiny_bert: Path) -> TextEncoder:
    return open_text_encoder(str(tiny_bert))


def some_memes(rng: np.random.Generator) -> tuple[Samples, Embeddings]:
    """Memes whose label stands in the text alone."""
    y = rng.integers(0, 2, 300)
    texts = [f"the {'cat sat' if label else 'dog ran'} {rng.choice(['home', 'away', 'far'])}" for label in y]
    splits = ["train"] * 180 + ["dev"] * 40 + ["test"] * 80
    samples = memes([str(label) for label in y], texts, splits)
    return samples, embeddings_of(rng.normal(size=(300, 6)).astype(np.float32))


def test_hate_scores_follow_the_ids_of_the_samples(rng: np.random.Generator, encoder: TextEncoder) -> None:
    samples, embeddings = some_memes(rng)
    seen: list[tuple[int, int]] = []
    scores, params = hate_scores(samples, embeddings, encoder, progress=lambda d, t: seen.append((d, t)))
    assert auroc(scores) > 0.95
    assert params["text_encoder"] == encoder.card()
    assert json.loads(json.dumps(params)) == params
    assert seen == sorted(seen)
    assert seen[-1] == (300 + MEMBERS * MAX_EPOCHS, 300 + MEMBERS * MAX_EPOCHS)
    order = rng.permutation(300)
    shuffled = Embeddings(tuple(embeddings.sample_ids[i] for i in order), embeddings.vectors[order])
    pd.testing.assert_frame_equal(hate_scores(samples, shuffled, encoder)[0], scores)


def test_texts_of_train_among_the_test_rows_are_counted(encoder: TextEncoder) -> None:
    texts = ["cat", "dog", "", "home", "mat", " DOG ", "", "mat", "sat", "the  cat"]
    labels = ["0", "1", "0", "1", "0", "1", "0", "1", "0", ""]
    splits = ["train"] * 4 + ["dev"] + ["test"] * 5
    vectors = np.eye(10, dtype=np.float32)
    _, params = hate_scores(memes(labels, texts, splits), embeddings_of(vectors), encoder)
    assert params["n_test_with_text_of_train"] == 2  # dog and mat; empty texts and rows without a label do not count


def test_hate_scores_need_texts_and_embeddings(rng: np.random.Generator, encoder: TextEncoder) -> None:
    samples, embeddings = some_memes(rng)
    fewer = Embeddings(embeddings.sample_ids[:298], embeddings.vectors[:298])
    with pytest.raises(DataError) as caught:
        hate_scores(samples, fewer, encoder)
    assert str(caught.value) == (
        "embeddings must have a row for every sample of 'memes'; 2 are missing, the first is 'm298'. "
        "Extract them again."
    )
    silent = memes(["0", "1"], ["", " "], ["train", "train"])
    with pytest.raises(RequirementError) as missing:
        hate_scores(silent, embeddings, encoder)
    assert missing.value.reason == "Data set 'memes' has no text."
    assert missing.value.what_to_do == "Give a data set with the text of each meme, in the layout of Hateful Memes."


def test_what_cannot_be_fitted_is_said_before_texts_are_encoded(rng: np.random.Generator) -> None:
    samples, embeddings = some_memes(rng)
    only_test = memes(samples.table["label"].tolist(), samples.table["text"].tolist(), ["test"] * 300)
    never: Any = None  # an encoder would be used
    with pytest.raises(RequirementError, match="There is no labelled training split"):
        hate_scores(only_test, embeddings, never)
