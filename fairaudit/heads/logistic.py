"""``LogisticFit``: the logistic regression of a linear probe, and the choice of its strength."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn requires it

from fairaudit.heads.split import CHOOSE, FIT

# Legend of shape suffixes: N rows, D dimensions, C labels, M coordinates in the span of the rows.

Losses = npt.NDArray[np.float64]

#: Inverse strengths of the L2 penalty that are tried (scikit-learn's ``C``), the strongest penalty first.
STRENGTHS = (0.001, 0.01, 0.1, 1.0)

#: The strength if no class has enough images to choose a strength.
DEFAULT_STRENGTH = 0.01

MAX_ITERATIONS = 300

# Products an iteration below which threads wait longer than they work: ten times as long if other programs run.
_WORTH_THREADS = 100_000_000


@dataclass(frozen=True)
class LogisticFit:
    """A fitted multinomial logistic regression.

    Parameters
    ----------
    classes : ndarray of str, shape (C,)
        Sorted.
    weights_CD, bias_C : ndarray of float64
        Act on raw features: the standardisation is folded in.
    converged : bool
        Whether the solver reached its tolerance.
    """

    classes: npt.NDArray[np.str_]
    weights_CD: npt.NDArray[np.float64]
    bias_C: npt.NDArray[np.float64]
    converged: bool

    def logits(self, x_ND: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the logits (N, C)."""
        logits_NC: npt.NDArray[np.float64] = x_ND @ self.weights_CD.T + self.bias_C
        return logits_NC

    def predict(self, x_ND: npt.NDArray[np.float64]) -> npt.NDArray[np.str_]:
        """Return the most probable label of each row."""
        labels_N: npt.NDArray[np.str_] = self.classes[self.logits(x_ND).argmax(axis=1)]
        return labels_N

    def log_loss(self, x_ND: npt.NDArray[np.float64], y_N: npt.NDArray[np.str_]) -> float:
        """Return the mean negative log probability of the labels ``y_N``, in nats; lower is better."""
        logits_NC = self.logits(x_ND)
        logits_NC -= logits_NC.max(axis=1, keepdims=True)
        own_N = logits_NC[np.arange(len(y_N)), np.searchsorted(self.classes, y_N)]
        return float(np.mean(np.log(np.exp(logits_NC).sum(axis=1)) - own_N))


def fit_logistic(x_ND: npt.NDArray[np.float64], y_N: npt.NDArray[np.str_], strength: float) -> LogisticFit:
    """Fit on standardised features; ``strength`` is ``C`` of scikit-learn, labels are not weighted."""
    mean_D, scale_D = x_ND.mean(axis=0), x_ND.std(axis=0)
    # A constant (dead) unit varies by rounding only; dividing by that would give it weight.
    scale_D[scale_D <= 1e-6 * np.maximum(np.abs(mean_D), 1e-6)] = 1.0
    standard_ND = (x_ND - mean_D) / scale_D
    back_DM = None
    if len(x_ND) < x_ND.shape[1]:
        # With an L2 penalty the weights lie in the span of the rows: N coordinates there give the same fit as D.
        back_DM, r_MN = np.linalg.qr(standard_ND.T)
        standard_ND = r_MN.T
    regression = LogisticRegression(C=strength, solver="lbfgs", max_iter=MAX_ITERATIONS)
    small = standard_ND.size * len(np.unique(y_N)) < _WORTH_THREADS
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1 if small else None):
        warnings.simplefilter("always")
        regression.fit(standard_ND, y_N)
    for other in caught:
        if not issubclass(other.category, ConvergenceWarning):  # non-convergence becomes a note instead
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    weights_CD, bias_C = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:  # scikit-learn has one row for two labels: the second against the first
        weights_CD, bias_C = np.concatenate([-weights_CD, weights_CD]) / 2, np.concatenate([-bias_C, bias_C]) / 2
    weights_CD = (weights_CD if back_DM is None else weights_CD @ back_DM.T) / scale_D
    return LogisticFit(
        classes=regression.classes_,
        weights_CD=weights_CD,
        bias_C=bias_C - weights_CD @ mean_D,
        converged=not any(issubclass(w.category, ConvergenceWarning) for w in caught),
    )


def strength_losses(x_ND: npt.NDArray[np.float64], y_N: npt.NDArray[np.str_], part_N: npt.NDArray[np.str_]) -> Losses:
    """Return the log loss of each of ``STRENGTHS``, in nats, on the rows that choose; empty without such rows."""
    fit_N, choose_N = part_N == FIT, part_N == CHOOSE
    if not choose_N.any():
        return np.empty(0)
    losses = [fit_logistic(x_ND[fit_N], y_N[fit_N], c).log_loss(x_ND[choose_N], y_N[choose_N]) for c in STRENGTHS]
    return np.array(losses)


def best_strength(losses: Losses) -> float:
    """Return the strength with the least loss, in a tie the stronger penalty; without losses, the default."""
    return STRENGTHS[int(np.argmin(losses))] if len(losses) else DEFAULT_STRENGTH
