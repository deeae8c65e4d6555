"""bfloat16 is only where it may be: in the products of the network's forward and backward pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fairaudit.core.errors import ConfigError
from fairaudit.pretrain.precision import autocast, computes_in
from fairaudit.pretrain.recipe import Recipe, recipe_from_toml
from fairaudit.pretrain.settings import Crops, Schedule, Swav
from fairaudit.pretrain.supervised import LabelObjective
from fairaudit.pretrain.swav import SwavObjective
from tests.reference import swav as reference

CPU = torch.device("cpu")


def recipe(precision: str) -> Recipe:
    return Recipe(
        precision=precision,
        swav=Swav(prototypes=24, dimension=8, hidden=(16,), queue=8),
        crops=Crops(sizes=(32, 16), counts=(2, 1), scales=((0.4, 1.0), (0.1, 0.4)), store=32),
        schedule=Schedule(samples=64, batch=8),
    )


def views(seed: int) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(8, 3, s, s, generator=g) for s in (32, 32, 16)]


def objective(precision: str) -> SwavObjective:
    torch.manual_seed(0)
    return SwavObjective(recipe(precision), device=CPU)


def seen_types(module: nn.Module) -> dict[type[nn.Module], set[torch.dtype]]:
    found: dict[type[nn.Module], set[torch.dtype]] = {}
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            layer.register_forward_hook(lambda layer, _, out: found.setdefault(type(layer), set()).add(out.dtype))
    return found


def test_a_processor_computes_in_float32_unless_told() -> None:
    assert computes_in("auto", CPU) == torch.float32
    assert computes_in("bfloat16", CPU) == torch.bfloat16
    assert computes_in("float32", torch.device("cuda")) == torch.float32
    with autocast("auto", CPU):
        assert not torch.is_autocast_enabled("cpu")


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"recipe key 'precision' must be one of: .*; got 'bfloat'. Did you mean 'bfloat16'"
    ):
        recipe_from_toml('precision = "bfloat"')


def test_a_recipe_keeps_its_precision() -> None:
    assert recipe_from_toml(recipe("bfloat16").to_toml()).precision == "bfloat16"
    assert recipe_from_toml("seed = 1").precision == "auto"


def test_the_network_computes_in_bfloat16_and_keeps_float32() -> None:
    trained = objective("bfloat16")
    types = seen_types(trained.module.trunk)
    loss, _ = trained.loss(views(0), torch.empty(0), share=0.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert types[nn.Conv2d] == {torch.bfloat16}
    assert loss.dtype == torch.float32
    kept = [*trained.module.parameters(), *(b for b in trained.module.buffers() if b.is_floating_point())]
    assert {tensor.dtype for tensor in kept} == {torch.float32}
    assert {p.grad.dtype for p in trained.module.parameters() if p.grad is not None} == {torch.float32}
    assert trained.queue.vectors_ALD.dtype == torch.float32


def test_batch_statistics_are_those_of_float32_on_the_same_inputs() -> None:
    norm, exact = nn.BatchNorm2d(4), nn.BatchNorm2d(4).double()
    x = (100 + torch.randn(64, 4, 9, 9, generator=torch.manual_seed(0))).bfloat16()  # a mean that bfloat16 sums lose
    with autocast("bfloat16", CPU):
        norm(x)
    exact(x.double())
    assert norm.running_mean is not None
    assert norm.running_var is not None
    np.testing.assert_allclose(norm.running_mean.numpy(), exact.running_mean.numpy(), rtol=1e-5)  # type: ignore[union-attr]
    np.testing.assert_allclose(norm.running_var.numpy(), exact.running_var.numpy(), rtol=1e-3)  # type: ignore[union-attr]


def test_the_loss_is_that_of_float64_on_the_vectors_of_bfloat16() -> None:
    trained = objective("bfloat16")
    loss, _ = trained.loss(views(1), torch.empty(0), share=0.0)
    trained = objective("bfloat16")
    trained.module.normalise_prototypes()
    with torch.no_grad(), autocast("bfloat16", CPU):
        vectors = trained.module(views(1))
    assert vectors.dtype == torch.float32
    np.testing.assert_allclose(vectors.norm(dim=-1), 1, atol=1e-6)  # normalised in float32, not in bfloat16
    prototypes = trained.module.prototypes.weight.detach().double().numpy()
    scores = [v @ prototypes.T for v in vectors.double().numpy()]
    codes = [reference.sinkhorn_codes(s, 0.05, 3) for s in scores[:2]]
    assert float(loss.detach()) == pytest.approx(reference.swav_loss(scores, codes, 0.1), rel=1e-5)
    exact, _ = objective("float32").loss(views(1), torch.empty(0), share=0.0)
    assert float(loss.detach()) == pytest.approx(float(exact.detach()), rel=0.02)
    assert float(loss.detach()) != float(exact.detach())


def test_a_classifier_computes_in_bfloat16_too() -> None:
    torch.manual_seed(0)
    taught = LabelObjective(recipe("bfloat16"), ("a", "b"), device=CPU)
    types = seen_types(taught.module)
    loss, _ = taught.loss(views(0)[:1], torch.tensor([0, 1] * 4), share=0.0)
    assert loss.dtype == torch.float32
    assert types[nn.Conv2d] == {torch.bfloat16}
