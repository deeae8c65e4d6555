"""Precision of the network's forward pass; weights, codes and losses stay in float32."""

from __future__ import annotations

import torch


def computes_in(precision: str, device: torch.device) -> torch.dtype:
    """Return the type of the network's products for a recipe's ``precision`` on ``device``."""
    if precision == "auto":
        able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if able else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Return the context of the network's forward pass.

    Convolutions and linear layers compute in ``computes_in``; weights and batch statistics stay in float32.
    """
    dtype = computes_in(precision, device)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)
