"""Sinkhorn codes: soft assignments of vectors to prototypes that use every prototype equally.

Shapes: N vectors, K prototypes; leading dimensions are separate problems that are solved together.
"""

from __future__ import annotations

import torch
from torch import Tensor

LOG_DOMAIN_BELOW = 0.02  # exp(1 / epsilon) leaves float32 soon below this


@torch.no_grad()
def sinkhorn(scores: Tensor, *, epsilon: float, iterations: int) -> Tensor:
    """Return codes: each vector's shares over the prototypes, with nearly the same total for all prototypes.

    With more iterations the totals come closer to N / K; every row sums to one after each [1]_. Each iteration
    first makes the columns equal and then the rows, so the first normalisation of the published form cancels.

    Parameters
    ----------
    scores : Tensor, shape (..., N, K)
        Cosine similarities in [-1, 1], any floating dtype; codes are computed in float32. Because of the bounds no
        maximum has to be subtracted for ``epsilon`` >= 0.02; below, logarithms are used.
    epsilon : float
        Smoothness, > 0.
    iterations : int
        >= 1.

    Returns
    -------
    Tensor of float32, shape (..., N, K)
        In [0, 1], without gradient.

    References
    ----------
    .. [1] Caron et al. (2020), arXiv:2006.09882; Cuturi (2013), arXiv:1306.0895.
    """
    logits = scores.float() / epsilon
    if epsilon < LOG_DOMAIN_BELOW:
        for _ in range(iterations):
            logits = logits - torch.logsumexp(logits, dim=-2, keepdim=True)
            logits = logits - torch.logsumexp(logits, dim=-1, keepdim=True)
        return logits.exp()
    # Codes are the kernel times a factor per row and a factor per prototype; matrix-vector products compute the factors
    # without rewriting the table twice per iteration.
    kernel_NK = logits.exp_()
    row_N1, share = torch.ones_like(kernel_NK[..., :1]), kernel_NK.shape[-2] / kernel_NK.shape[-1]
    for _ in range(iterations):
        prototype_1K = share / (row_N1.transpose(-1, -2) @ kernel_NK)
        row_N1 = 1 / (kernel_NK @ prototype_1K.transpose(-1, -2))
    return kernel_NK.mul_(prototype_1K).mul_(row_N1)
