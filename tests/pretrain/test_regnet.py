from __future__ import annotations

import pytest
import torch

from fairaudit.core.errors import ConfigError
from fairaudit.pretrain.regnet import PRESETS, build_trunk, count_parameters, width_rule

# Depths, widths and millions of trunk weights, as published or recomputed from the published configurations.
PUBLISHED = {
    "y_200mf": ((1, 1, 4, 7), (24, 56, 152, 368), 2.8),
    "y_400mf": ((1, 3, 6, 6), (48, 104, 208, 440), 3.9),
    "y_800mf": ((1, 3, 8, 2), (64, 128, 320, 768), 5.5),
    "y_8gf": ((2, 4, 10, 1), (168, 448, 896, 2016), 37.2),
    "y_16gf": ((2, 4, 11, 1), (224, 448, 1232, 3024), 80.6),
    "y_32gf": ((2, 5, 12, 1), (232, 696, 1392, 3712), 141.3),
    "seer_64gf": ((2, 5, 12, 1), (328, 984, 1968, 4920), 276.5),
    "seer_128gf": ((2, 7, 17, 1), (528, 1056, 2904, 7392), 637.4),
    "seer_256gf": ((2, 7, 17, 1), (746, 1492, 4103, 10444), 1272.0),
    "seer_10b": ((2, 7, 17, 1), (2020, 4040, 11110, 28280), 9324.0),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_have_the_published_shapes_and_sizes(name: str) -> None:
    depths, widths, millions = PUBLISHED[name]
    assert PRESETS[name].depths == depths
    assert PRESETS[name].widths == widths
    assert count_parameters(PRESETS[name]) / 1e6 == pytest.approx(millions, rel=0.015)


def test_every_preset_is_listed_here() -> None:
    assert set(PRESETS) == {*PUBLISHED, "tiny"}


def test_tiny_ends_in_four_by_four_for_64_pixels() -> None:
    with torch.no_grad():
        out = build_trunk(PRESETS["tiny"]).eval()(pixel_values=torch.zeros(1, 3, 64, 64))
    assert out.last_hidden_state.shape == (1, 128, 4, 4)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((3, 48, 27.89, 2.09, 8), "network must have depth >= 4, w_0 a multiple of 8"),
        ((16, 50, 27.89, 2.09, 8), "got depth 16, w_0 50"),
        ((16, 48, 27.89, 1.0, 8), "w_m > 1"),
        ((16, 48, 0.1, 2.09, 8), "network must have four stages; got 1 from depth 16"),
    ],
)
def test_numbers_that_make_no_network_are_refused(numbers: tuple[int, int, float, float, int], text: str) -> None:
    with pytest.raises(ConfigError, match=r"network must") as caught:
        width_rule(*numbers)
    assert text in str(caught.value)
