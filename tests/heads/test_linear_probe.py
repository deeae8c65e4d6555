from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.tables import Embeddings
from fairaudit.heads import logistic
from fairaudit.heads.linear_probe import LinearProbe, ProbeTable, fit_embeddings, fit_probe, read_probe_table
from fairaudit.heads.split import split_parts
from tests.heads.mean_colour import MeanColour

Vectors = npt.NDArray[np.float32]


def table_of(labels: list[str]) -> ProbeTable:
    names = tuple(f"{i}.png" for i in range(len(labels)))
    return ProbeTable(Path("labels.csv"), names, tuple(Path("/", n) for n in names), tuple(labels), "0" * 64)


def embeddings_of(vectors: npt.NDArray[Any]) -> Embeddings:
    return Embeddings(tuple(f"{i}.png" for i in range(len(vectors))), vectors.astype(np.float32))


def blobs(rng: np.random.Generator, n: int, dims: int, classes: int, *, distance: float) -> tuple[Vectors, list[str]]:
    """Gaussian blobs on very different scales, so that standardising matters."""
    y = np.arange(n) % classes
    centres = rng.normal(size=(classes, dims)) * distance
    scale = 10.0 ** rng.uniform(-2, 2, dims)
    x = (centres[y] + rng.normal(size=(n, dims))) * scale + 5 * scale
    return x.astype(np.float32), [f"class {c}" for c in y]


def pipeline(strength: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300))


@pytest.mark.parametrize(("classes", "dims"), [(5, 12), (2, 12), (3, 150)])
def test_equals_a_pipeline_of_scikit_learn(rng: np.random.Generator, classes: int, dims: int) -> None:
    x, labels = blobs(rng, 120, dims, classes, distance=0.4)
    probe = fit_embeddings(embeddings_of(x), labels, table_of(labels))
    reference = pipeline(probe.strength).fit(x.astype(np.float64), labels)
    new, _ = blobs(rng, 40, dims, classes, distance=0.4)
    said = probe.predict(embeddings_of(new), k=classes)
    expected = reference.predict_proba(new.astype(np.float64))
    column = {label: i for i, label in enumerate(reference.classes_)}
    got = np.empty_like(expected)
    for row in range(len(new)):
        for label, score in zip(said.labels[row], said.scores[row], strict=True):
            got[row, column[str(label)]] = score
    np.testing.assert_allclose(got, expected, atol=2e-3)


def test_held_out_accuracy_and_strength_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    x, labels = blobs(rng, 300, 10, 6, distance=0.5)
    y = np.array(labels)
    probe = fit_embeddings(embeddings_of(x), labels, table_of(labels), seed=3)
    part = split_parts(y, 3)
    x64 = x.astype(np.float64)
    fit, choose, held = (part == name for name in ("fit", "choose", "held out"))
    losses = {}
    for strength in logistic.STRENGTHS:
        model = pipeline(strength).fit(x64[fit], y[fit])
        losses[strength] = log_loss(y[choose], model.predict_proba(x64[choose]), labels=model.classes_)
    assert probe.strength == min(losses, key=lambda s: losses[s])
    model = pipeline(probe.strength).fit(x64[~held], y[~held])
    assert probe.held_out[0].n == held.sum() == 60
    assert probe.accuracy == pytest.approx(model.score(x64[held], y[held]))
    interval = binomtest(round(probe.accuracy * 60), 60).proportion_ci(method="wilson")
    assert probe.held_out[0].interval == pytest.approx((interval.low, interval.high))


def test_clusters_are_held_out_whole_and_several_splits_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    x, labels = blobs(rng, 300, 10, 4, distance=0.5)
    y, x64, clusters = np.array(labels), x.astype(np.float64), [str(i // 5) for i in range(300)]
    table = dataclasses.replace(table_of(labels), clusters=tuple(clusters))
    probe = fit_embeddings(embeddings_of(x), labels, table, seed=2, seeds=3, clusters=clusters)
    assert [one.seed for one in probe.held_out] == [2, 3, 4]
    total = np.zeros(len(logistic.STRENGTHS))
    for one in probe.held_out:
        part = split_parts(y, one.seed, clusters=clusters)
        fit, choose, held = (part == name for name in ("fit", "choose", "held out"))
        losses = []
        for strength in logistic.STRENGTHS:
            model = pipeline(strength).fit(x64[fit], y[fit])
            losses.append(log_loss(y[choose], model.predict_proba(x64[choose]), labels=model.classes_))
        total += losses
        model = pipeline(logistic.STRENGTHS[int(np.argmin(losses))]).fit(x64[~held], y[~held])
        assert one.value == pytest.approx(model.score(x64[held], y[held]))
        assert int(one.overall["n_clusters"]) == len({clusters[i] for i in np.flatnonzero(held)})
    assert probe.strength == logistic.STRENGTHS[int(np.argmin(total))]
    assert probe.params()["held_out_accuracy_by_seed"] == {str(one.seed): one.value for one in probe.held_out}


def test_there_is_at_least_one_split() -> None:
    with pytest.raises(ConfigError, match=r"^seeds must be at least 1; got 0\. Give for example seeds=5\.$"):
        fit_embeddings(embeddings_of(np.eye(4)), ["a", "b", "a", "b"], table_of(["a", "b", "a", "b"]), seeds=0)


def test_labels_in_one_cluster_cannot_be_held_out() -> None:
    labels = ["a", "b", "a", "b"]
    table = dataclasses.replace(table_of(labels), clusters=("x",) * 4)
    probe = fit_embeddings(embeddings_of(np.eye(4)), labels, table, clusters=table.clusters)
    assert probe.notes == ("No label has two clusters, so nothing was held out and the probe's accuracy is not known.",)


def test_separable_labels_are_learned(rng: np.random.Generator) -> None:
    x, labels = blobs(rng, 200, 16, 8, distance=6)
    probe = fit_embeddings(embeddings_of(x), labels, table_of(labels))
    assert probe.accuracy == 1.0
    said = probe.predict(embeddings_of(x), k=3)
    assert said.labels[:, 0].tolist() == labels
    assert said.source == "linear probe on labels.csv"
    assert said.known_labels == tuple(sorted(set(labels)))
    assert said.labels.shape == said.scores.shape == (200, 3)


def test_noise_is_not_learned(rng: np.random.Generator) -> None:
    x, labels = rng.normal(size=(600, 20)).astype(np.float32), [str(c) for c in rng.integers(0, 4, 600)]
    probe = fit_embeddings(embeddings_of(x), labels, table_of(labels))
    low, high = probe.held_out[0].interval
    assert low < 0.25 < high
    assert probe.strength == min(logistic.STRENGTHS)


@given(
    st.integers(2, 6).flatmap(
        lambda c: st.tuples(
            st.just(c),
            st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=c, max_size=c), min_size=1, max_size=8),
        )
    ),
    st.integers(1, 9),
)
def test_scores_are_a_distribution_in_falling_order(case: tuple[int, list[list[float]]], k: int) -> None:
    c, logits = case
    assume(len(logits) == 1 or np.ptp(logits, axis=0).max() > 0.1)  # equal embeddings are refused
    classes = tuple(f"label {i}" for i in range(c))
    # Identity weights: the embeddings are the logits.
    probe = LinearProbe("labels.csv", "0" * 64, classes, np.eye(c), np.zeros(c), 1.0, c, (), "logits")
    said = probe.predict(embeddings_of(np.array(logits)), k=k)
    k = min(k, c)
    assert said.scores.shape == (len(logits), k)
    assert (np.diff(said.scores, axis=1) <= 0).all()
    assert (said.scores >= 0).all()
    if k == c:
        np.testing.assert_allclose(said.scores.sum(axis=1), 1, atol=1e-5)
        assert all(set(row) == set(classes) for row in said.labels)
    first = [row[classes.index(label)] for row, label in zip(logits, said.labels[:, 0], strict=True)]
    np.testing.assert_allclose(first, np.max(logits, axis=1), atol=1e-9)  # closer than that, exp cannot tell them apart


def test_a_mask_equals_logits_of_minus_infinity(rng: np.random.Generator) -> None:
    x, labels = blobs(rng, 120, 8, 5, distance=0.5)
    probe = fit_embeddings(embeddings_of(x), labels, table_of(labels))
    said = probe.predict(embeddings_of(x), classes=["class 4", "class 1"], data="x")
    logits = x.astype(np.float64) @ probe.weights_CD.T + probe.bias_C
    logits[:, [0, 2, 3]] = -np.inf
    expected = softmax(logits, axis=1)
    assert said.known_labels == ("class 1", "class 4")
    assert said.labels.shape == (120, 2)
    assert said.labels[:, 0].tolist() == [f"class {c}" for c in expected.argmax(axis=1)]
    np.testing.assert_allclose(said.scores[:, 0], expected.max(axis=1), rtol=1e-6)
    with pytest.raises(DataError, match=r"^classes of data set 'x' must be labels of the head; got 'class 9'"):
        probe.predict(embeddings_of(x), classes=["class 9"], data="x")


def test_scale_and_shift_of_a_dimension_change_nothing(rng: np.random.Generator) -> None:
    x, labels = blobs(rng, 150, 8, 3, distance=0.5)
    moved = (x.astype(np.float64) * 7.5 + 3).astype(np.float32)
    one, two = (fit_embeddings(embeddings_of(v), labels, table_of(labels)) for v in (x, moved))
    first, second = one.predict(embeddings_of(x)), two.predict(embeddings_of(moved))
    assert one.strength == two.strength
    np.testing.assert_allclose(first.scores, second.scores, atol=1e-3)


def test_a_dead_unit_does_not_count(rng: np.random.Generator) -> None:
    x, labels = blobs(rng, 90, 6, 3, distance=1)
    dead = np.full((90, 1), 3.0, dtype=np.float32)
    dead[::7] = np.nextafter(np.float32(3), np.float32(4))
    plain = fit_embeddings(embeddings_of(x), labels, table_of(labels))
    probe = fit_embeddings(embeddings_of(np.hstack([x, dead])), labels, table_of(labels))
    with_unit = np.hstack([x, np.full((90, 1), 3.0, dtype=np.float32)])
    np.testing.assert_allclose(
        probe.predict(embeddings_of(with_unit)).scores, plain.predict(embeddings_of(x)).scores, atol=1e-3
    )


def test_params_are_json(rng: np.random.Generator) -> None:
    x, labels = blobs(rng, 60, 4, 3, distance=2)
    table = table_of(labels)
    params = fit_embeddings(embeddings_of(x), labels, table, seed=4).params()
    assert json.loads(json.dumps(params, allow_nan=False)) == params
    assert params["table"] == "labels.csv"
    assert params["table_digest"] == table.digest
    assert params["classes"] == ["class 0", "class 1", "class 2"]
    assert params["held_out_n"] == 12
    assert 0 <= params["held_out_ci_low"] <= params["held_out_accuracy"] <= params["held_out_ci_high"] <= 1
    assert params["seed"] == 4


def test_two_images_cannot_be_held_out() -> None:
    labels = ["a", "b"]
    probe = fit_embeddings(embeddings_of(np.eye(2)), labels, table_of(labels))
    assert probe.held_out[0].n == 0
    assert np.isnan(probe.accuracy)
    params = probe.params()
    assert params["held_out_accuracy"] is None
    assert params["held_out_ci_method"] is None
    assert probe.notes == ("No label has two images, so nothing was held out and the probe's accuracy is not known.",)


def test_the_strength_is_not_chosen_without_images_to_choose_by() -> None:
    labels = ["a", "b", "a", "b"]
    probe = fit_embeddings(embeddings_of(np.eye(4)), labels, table_of(labels))
    assert (probe.held_out[0].n, probe.strength) == (2, 0.01)
    assert probe.notes == ("No label has three images, so the strength was not chosen but set to 0.01.",)


def test_a_solver_that_stops_early_is_noted(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "MAX_ITERATIONS", 1)
    x, labels = blobs(rng, 60, 10, 3, distance=2)
    probe = fit_embeddings(embeddings_of(x), labels, table_of(labels))
    assert any("before its tolerance was reached" in note for note in probe.notes)


def test_another_models_embeddings_are_refused(rng: np.random.Generator) -> None:
    x, labels = blobs(rng, 30, 6, 3, distance=2)
    probe = fit_embeddings(embeddings_of(x), labels, table_of(labels))
    with pytest.raises(DataError) as caught:
        probe.predict(embeddings_of(x[:, :5]))
    assert str(caught.value) == (
        "embeddings must have the 6 dimensions on which the probe was fitted; got 5. Fit the probe on the same model."
    )


def test_labels_must_fit_the_embeddings() -> None:
    with pytest.raises(
        DataError, match=r"^labels must be as many as embeddings; got 2 for 3\. Extract the table again\.$"
    ):
        fit_embeddings(embeddings_of(np.eye(3)), ["a", "b"], table_of(["a", "b"]))
    with pytest.raises(DataError) as caught:
        fit_embeddings(embeddings_of(np.eye(3)), ["a", "a", "a"], table_of(["a", "a", "b"]))
    assert str(caught.value) == (
        "probe table labels.csv must keep at least two labels; only 'a' has images that could be read. "
        "Repair or replace the images."
    )


@pytest.fixture
def colours(tmp_path: Path) -> Callable[[int], Path]:
    """Write images of one colour each, red, green or blue, and their table."""

    def write(n: int) -> Path:
        rows = ["file,label"]
        for i in range(n):
            pixel = [40, 40, 40]
            pixel[i % 3] = 150 + i % 50
            Image.new("RGB", (8, 8), tuple(pixel)).save(tmp_path / f"{i}.png")
            rows.append(f"{i}.png,{('red', 'green', 'blue')[i % 3]}")
        path = tmp_path / "colours.csv"
        path.write_text("\n".join(rows) + "\n")
        return path

    return write


def test_a_probe_is_fitted_through_a_model(colours: Callable[[int], Path]) -> None:
    table = read_probe_table(colours(60))
    seen: list[tuple[int, int]] = []
    probe = fit_probe(MeanColour(), table, progress=lambda done, total: seen.append((done, total)), batch_size=16)
    assert probe.classes == ("blue", "green", "red")
    assert (probe.n_images, probe.accuracy) == (60, 1.0)
    assert seen[-1] == (60, 60)
    new = Embeddings(("x",), np.array([[0.9, 0.2, 0.2]], dtype=np.float32))
    assert probe.predict(new).labels[0, 0] == "red"
    again = fit_probe(MeanColour(), table, batch_size=7, threads=1)
    np.testing.assert_allclose(again.weights_CD, probe.weights_CD, atol=1e-4)


def test_an_unreadable_image_is_noted(colours: Callable[[int], Path]) -> None:
    path = colours(150)
    (path.parent / "7.png").write_bytes(b"not an image")
    probe = fit_probe(MeanColour(), read_probe_table(path))
    assert probe.n_images == 149
    assert probe.notes == ("1 images of colours.csv could not be read and were not learned.",)


def test_many_rows_are_predicted_piece_by_piece(rng: np.random.Generator) -> None:
    x, labels = blobs(rng, 200, 4, 2, distance=1)
    probe = fit_embeddings(embeddings_of(x), labels, table_of(labels))
    # More rows than are computed at once: pieces must join without a seam.
    many = embeddings_of(np.tile(x, (50, 1)))
    whole = probe.predict(many)
    np.testing.assert_array_equal(whole.scores[:200], probe.predict(embeddings_of(x)).scores)
    np.testing.assert_array_equal(whole.scores[8200:8400], whole.scores[:200])
