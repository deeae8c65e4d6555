"""SwAV in float64 numpy, written as the paper's pseudo-code reads: one crop, one pair of views, one matrix at a time.

Source: Caron et al. (2020), "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments",
arXiv:2006.09882, algorithm 1 and appendix A. It shares nothing with the code that it checks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


def sinkhorn_codes(scores: Matrix, epsilon: float, iterations: int) -> Matrix:
    """Codes (B, K) of one crop's scores (B, K)."""
    n, k = scores.shape
    q = np.exp((scores.astype(np.float64) - scores.max()) / epsilon).T  # (K, B)
    q /= q.sum()
    for _ in range(iterations):
        q /= q.sum(axis=1, keepdims=True)
        q /= k
        q /= q.sum(axis=0, keepdims=True)
        q /= n
    return np.asarray((q * n).T)


def log_softmax(x: Matrix) -> Matrix:
    x = x - x.max(axis=1, keepdims=True)
    return np.asarray(x - np.log(np.exp(x).sum(axis=1, keepdims=True)))


def pair_loss(code: Matrix, scores: Matrix, temperature: float) -> float:
    """How badly one view's scores predict another view's code."""
    return float(-(code * log_softmax(scores / temperature)).sum(axis=1).mean())


def swav_loss(scores: list[Matrix], codes: list[Matrix], temperature: float) -> float:
    """Mean over assigned crops of the mean over all other views."""
    total = 0.0
    for i, code in enumerate(codes):
        others = [pair_loss(code, scores[v], temperature) for v in range(len(scores)) if v != i]
        total += sum(others) / len(others)
    return total / len(codes)


def optimal_transport(scores: Matrix, epsilon: float) -> Matrix:
    """The limit of many iterations, by dual ascent in the log domain: rows sum to one, columns to B / K."""
    n, k = scores.shape
    log_kernel = scores.astype(np.float64) / epsilon
    row, column = np.zeros((n, 1)), np.zeros((1, k))
    for _ in range(5000):
        row = -_logsumexp(log_kernel + column, axis=1)
        column = np.log(n / k) - _logsumexp(log_kernel + row, axis=0)
    return np.asarray(np.exp(log_kernel + row + column))


def _logsumexp(x: Matrix, axis: int) -> Matrix:
    top = x.max(axis=axis, keepdims=True)
    return np.asarray(top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True)))
