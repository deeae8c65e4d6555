"""The difference of two groups' AUROCs, with moderated standard errors.

References
----------
.. [1] Hanley and McNeil (1982), "The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC)
   Curve", Radiology 143(1), eq. 1 and 2.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from fairaudit.core.estimates import Estimate, difference, together
from fairaudit.core.outcomes import Floats


def auroc_difference(first: Estimate, second: Estimate) -> Estimate:
    """Return ``first`` minus ``second``, both AUROCs, with moderated standard error and degrees of freedom.

    The model of a group's variance is Hanley and McNeil's [1]_ at the AUROC of both together. Events and non-events are
    those of the group that has fewer: each needs both labels of its own.
    """
    least = {name: np.minimum(getattr(first, name), getattr(second, name)) for name in ("events", "non_events")}
    plain = dataclasses.replace(difference(first, second, unit_interval=False), **least)
    if not np.isfinite(plain.value) or min(least.values()) < 1:
        return plain
    n_G, value_G = (np.array([float(getattr(e, name)) for e in (first, second)]) for name in ("n", "value"))
    both = float(np.clip(n_G @ value_G / n_G.sum(), 0.5 / n_G.sum(), 1 - 0.5 / n_G.sum()))
    positives_G = n_G * [float(e.events / (e.events + e.non_events)) for e in (first, second)]
    variance, df = together(first, second, hanley_mcneil(both, positives_G, n_G - positives_G))
    return dataclasses.replace(plain, std_error=np.sqrt(variance), df=df)


def hanley_mcneil(auroc: float, positives: Floats, negatives: Floats) -> Floats:
    """Return the variance of an AUROC where both labels' scores are exponential, a curve that fits most."""
    q1, q2 = auroc / (2 - auroc) - auroc**2, 2 * auroc**2 / (1 + auroc) - auroc**2
    pairs = np.maximum(positives * negatives, 1.0)
    found: Floats = (auroc * (1 - auroc) + (positives - 1) * q1 + (negatives - 1) * q2) / pairs
    return found
