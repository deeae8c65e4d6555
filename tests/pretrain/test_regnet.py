from __future__ import annotations

import pytest
import torch

from fairaudit.core.errors import ConfigError
from fairaudit.pretrain.regnet import (
    PRESETS,
    RegNetShape,
    build_trunk,
    nearest_multiple,
    torchvision_multiple,
    width_rule,
)

#: Widths and depths. 400MF to 128GF: the classes RegNetParams of facebookresearch/ClassyVision at 08a82e8 and (with
#: _torchvision) BlockParams of pytorch/vision at 8fb8771 make them of their numbers; 200MF: RegNetCfg of
#: huggingface/pytorch-image-models at aa4b585; SEER: RegNetParams of configs/config/benchmark/**/models/
#: regnet{64Gf_3,128Gf,256Gf_1,10B}.yaml of facebookresearch/vissl at 09270ed.
SHAPES = {
    "tiny": ((16, 32, 64, 128), (1, 1, 2, 1), 16),
    "tiny_narrow": ((8, 16, 32, 64), (1, 1, 2, 1), 8),
    "tiny_wide": ((32, 64, 128, 256), (1, 1, 2, 1), 32),
    "y_200mf": ((24, 56, 152, 368), (1, 1, 4, 7), 8),
    "y_400mf": ((48, 104, 208, 440), (1, 3, 6, 6), 8),
    "y_800mf": ((64, 128, 320, 768), (1, 3, 8, 2), 16),
    "y_800mf_torchvision": ((64, 144, 320, 784), (1, 3, 8, 2), 16),
    "y_1_6gf": ((48, 120, 336, 888), (2, 6, 17, 2), 24),
    "y_3_2gf": ((72, 216, 576, 1512), (2, 5, 13, 1), 24),
    "y_8gf": ((168, 448, 896, 2016), (2, 4, 10, 1), 56),
    "y_8gf_torchvision": ((224, 448, 896, 2016), (2, 4, 10, 1), 56),
    "y_16gf": ((224, 448, 1232, 3024), (2, 4, 11, 1), 112),
    "y_32gf": ((232, 696, 1392, 3712), (2, 5, 12, 1), 232),
    "seer_64gf": ((328, 984, 1968, 4920), (2, 5, 12, 1), 328),
    "seer_128gf": ((528, 1056, 2904, 7392), (2, 7, 17, 1), 264),
    "seer_256gf": ((746, 1492, 4103, 10444), (2, 7, 17, 1), 373),
    "seer_10b": ((2020, 4040, 11110, 28280), (2, 7, 17, 1), 1010),
}

#: Parameters with a classifier of 1000 labels: num_params in torchvision/models/regnet.py of pytorch/vision at 07a929e.
PUBLISHED_BY_TORCHVISION = {
    "y_400mf": 4344144,
    "y_800mf_torchvision": 6432512,
    "y_1_6gf": 11202430,
    "y_3_2gf": 19436338,
    "y_8gf_torchvision": 39381472,
    "y_16gf": 83590140,
    "y_32gf": 145046770,
    "seer_128gf": 644812894,
}

#: The same in millions: results/results-imagenet.csv of huggingface/pytorch-image-models at aa4b585.
PUBLISHED_BY_TIMM = {
    "y_200mf": 3.16,
    "y_400mf": 4.34,
    "y_800mf": 6.26,
    "y_800mf_torchvision": 6.43,
    "y_1_6gf": 11.20,
    "y_3_2gf": 19.44,
    "y_8gf": 39.18,
    "y_8gf_torchvision": 39.38,
    "y_16gf": 83.59,
    "y_32gf": 145.05,
    "seer_64gf": 281.38,
    "seer_128gf": 644.81,
    "seer_256gf": 1282.60,
}


def classifier(name: str) -> int:
    return 1000 * (SHAPES[name][0][-1] + 1)


def parameters_by_hand(widths: tuple[int, ...], depths: tuple[int, ...], group: int, stem: int) -> int:
    """Weights and biases of a RegNet-Y, layer by layer; a normalisation has two per channel."""
    total, n_in = 27 * stem + 2 * stem, stem
    for width, depth in zip(widths, depths, strict=True):
        for _ in range(depth):
            narrow = round(n_in / 4)
            total += (n_in * width + 2 * width) + (9 * width * min(group, width) + 2 * width)
            total += (width * narrow + narrow) + (narrow * width + width) + (width * width + 2 * width)
            total += n_in * width + 2 * width if n_in != width else 0  # the shortcut
            n_in = width
    return total


def count_parameters(shape: RegNetShape) -> int:
    """Trainable weights of the trunk, without allocating them."""
    with torch.device("meta"):
        return sum(p.numel() for p in build_trunk(shape).parameters())


@pytest.mark.parametrize("name", SHAPES)
def test_presets_have_the_published_shapes_and_every_weight(name: str) -> None:
    widths, depths, group = SHAPES[name]
    preset = PRESETS[name]
    assert (preset.widths, preset.depths, preset.group_width) == (widths, depths, group)
    stem = widths[0] if name.startswith("tiny") else 32
    assert count_parameters(preset) == parameters_by_hand(widths, depths, group, stem)


@pytest.mark.parametrize("name", PUBLISHED_BY_TORCHVISION)
def test_parameters_are_those_that_torchvision_publishes(name: str) -> None:
    assert count_parameters(PRESETS[name]) + classifier(name) == PUBLISHED_BY_TORCHVISION[name]


@pytest.mark.parametrize("name", PUBLISHED_BY_TIMM)
def test_parameters_are_those_that_timm_publishes(name: str) -> None:
    assert round((count_parameters(PRESETS[name]) + classifier(name)) / 1e6, 2) == PUBLISHED_BY_TIMM[name]


def test_the_largest_has_over_nine_billion_weights_and_takes_no_memory() -> None:
    assert count_parameters(PRESETS["seer_10b"]) == 9_323_934_872


@pytest.mark.parametrize(
    ("width", "group_width", "nearest", "of_torchvision"),
    [
        (136, 16, 128, 144),  # 8.5 groups: to the even number, or up
        (776, 16, 768, 784),
        (192, 56, 168, 224),  # 168 is less than nine tenths of 192
        (48, 8, 48, 48),
        (640, 373, 746, 746),
        (104, 48, 96, 96),  # 96 is more than nine tenths of 104
    ],
)
def test_the_two_rounding_rules(width: int, group_width: int, nearest: int, of_torchvision: int) -> None:
    assert nearest_multiple(width, group_width) == nearest
    assert torchvision_multiple(width, group_width) == of_torchvision


NUMBERS = {
    "y_400mf": (16, 48, 27.89, 2.09, 8),
    "y_800mf": (14, 56, 38.84, 2.4, 16),
    "y_1_6gf": (27, 48, 20.71, 2.65, 24),
    "y_3_2gf": (21, 80, 42.63, 2.66, 24),
    "y_8gf": (17, 192, 76.82, 2.19, 56),
    "y_16gf": (18, 200, 106.23, 2.48, 112),
    "y_32gf": (20, 232, 115.89, 2.53, 232),
    "seer_128gf": (27, 456, 160.83, 2.52, 264),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_only_800mf_and_8gf_differ_in_torchvision(name: str) -> None:
    of_torchvision = SHAPES[f"{name}_torchvision" if name in ("y_800mf", "y_8gf") else name]
    assert width_rule(*NUMBERS[name]).widths == SHAPES[name][0]
    assert width_rule(*NUMBERS[name], rounding=torchvision_multiple).widths == of_torchvision[0]


def test_every_preset_is_listed_here() -> None:
    assert set(PRESETS) == set(SHAPES)


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


@pytest.mark.parametrize(
    ("widths", "depths", "group", "text"),
    [
        (
            (48, 100),
            (1, 1),
            24,
            "network must have widths that are multiples of its group width, or smaller; got width 100 with "
            "group_width 24. Use 96, or a group_width that divides 100.",
        ),
        (
            (48, 96),
            (1, 0),
            24,
            "network must have a width and a depth of 1 or more for each stage, and a group_width of 1 or more; got "
            "widths (48, 96), depths (1, 0) and group_width 24. Correct them.",
        ),
        ((48,), (1, 1), 24, "got widths (48,), depths (1, 1)"),
        ((), (), 24, "got widths (), depths ()"),
        ((48,), (1,), 0, "and group_width 0. Correct them."),
    ],
)
def test_shapes_that_are_no_network_are_refused(
    widths: tuple[int, ...], depths: tuple[int, ...], group: int, text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        RegNetShape(widths, depths, group)
    assert text in str(caught.value)


def test_a_shape_without_squeeze_and_excitation_is_a_regnet_x() -> None:
    """regnetx_004 with 1000 labels has 5.16 million in results/results-imagenet.csv of pytorch-image-models aa4b585."""
    numbers = width_rule(22, 24, 24.48, 2.54, 16)
    shape = RegNetShape(numbers.widths, numbers.depths, numbers.group_width, squeeze=False)
    assert round((count_parameters(shape) + 1000 * (shape.widths[-1] + 1)) / 1e6, 2) == 5.16
