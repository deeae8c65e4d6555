from __future__ import annotations

import json
from pathlib import Path

import torch

from fairaudit.images.listing import list_images
from fairaudit.pretrain import random_weights
from fairaudit.pretrain.batch_norm import estimate_batch_norm
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.regnet import PRESETS, build_trunk
from fairaudit.pretrain.views import plain_views


def test_weights_are_the_first_ones_and_statistics_those_of_the_images(
    tmp_path: Path, pictures: Path, six_steps: Recipe
) -> None:
    from transformers import AutoModel

    run = random_weights(six_steps, data=[pictures], output=tmp_path / "run", progress=False)
    model = AutoModel.from_pretrained(run / "model")
    torch.manual_seed(six_steps.seed)
    first = build_trunk(PRESETS["tiny"])
    for (name, a), b in zip(model.named_parameters(), first.parameters(), strict=True):
        assert torch.equal(a, b), name
    stem = model.embedder.embedder
    store = ImageStore(list_images([pictures]), short_side=24)
    with torch.no_grad():
        out = [
            stem.convolution(plain_views(store, range(i, i + 8), size=24, device=torch.device("cpu"))[1])
            for i in (0, 8, 16)
        ]
    # The mean over batches of each batch's statistics.
    torch.testing.assert_close(
        stem.normalization.running_mean, torch.stack([o.mean((0, 2, 3)) for o in out]).mean(0), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(
        stem.normalization.running_var, torch.stack([o.var((0, 2, 3)) for o in out]).mean(0), atol=1e-4, rtol=1e-3
    )
    assert json.loads((run / "finished.json").read_text(encoding="utf-8"))["steps"] == 0


def test_measuring_leaves_momentum_and_turns_training_off(pictures: Path) -> None:
    model = build_trunk(PRESETS["tiny"])
    estimate_batch_norm(model, ImageStore(list_images([pictures]), short_side=24), size=24, batch=8)
    assert not model.training
    assert {m.momentum for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {0.1}
