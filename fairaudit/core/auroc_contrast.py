r"""The difference of two groups' AUROCs, with standard errors that small groups cannot take from themselves alone.

The standard error of a small group goes with its AUROC: where few pairs are in the wrong order by luck, their
components hardly vary, and the group looks surest where it is most wrong. A t test then raises seven times as many
alarms at :math:`p < .0025` as it should (11 memes with hate and 13 without against 276 others, AUROC .8). So each
group's variance is moderated [1]_, as if :math:`d_0 = 20` further degrees of freedom knew what groups like it vary:

.. math:: V'_g = \frac{d_g V_g + d_0\, r\, u_g}{d_g + d_0}, \qquad r = \frac{\sum_g d_g V_g / u_g}{\sum_g d_g}

with :math:`u_g` Hanley and McNeil's variance [2]_ at the AUROC of both groups together, and :math:`r` what clusters and
the shape of the scores make of it. Large groups keep their own variance.

References
----------
.. [1] Smyth (2004), "Linear Models and Empirical Bayes Methods for Assessing Differential Expression in Microarray
   Experiments", Statistical Applications in Genetics and Molecular Biology 3(1), eq. 3, with fixed :math:`d_0`.
.. [2] Hanley and McNeil (1982), "The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC)
   Curve", Radiology 143(1), eq. 1 and 2.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from fairaudit.core.estimates import Estimate, difference
from fairaudit.core.outcomes import Floats

PRIOR_DF = 20


def auroc_difference(first: Estimate, second: Estimate) -> Estimate:
    """Return ``first`` minus ``second``, both AUROCs, with moderated standard error and degrees of freedom.

    Events and non-events are those of the group that has fewer: each needs both labels of its own. Their influences are
    DeLong's, and what clusters in both groups have in common is taken from them.
    """
    least = {name: np.minimum(getattr(first, name), getattr(second, name)) for name in ("events", "non_events")}
    plain = dataclasses.replace(difference(first, second, unit_interval=False), **least)
    if not np.isfinite(plain.value) or min(least.values()) < 1:
        return plain
    n_G, value_G, own_G, df_G = (
        np.array([float(getattr(e, name)) for e in (first, second)]) for name in ("n", "value", "std_error", "df")
    )
    own_G, df_G = own_G**2, np.maximum(df_G, 1)
    together = float(np.clip(n_G @ value_G / n_G.sum(), 0.5 / n_G.sum(), 1 - 0.5 / n_G.sum()))
    positives_G = n_G * [float(e.events / (e.events + e.non_events)) for e in (first, second)]
    expected_G = hanley_mcneil(together, positives_G, n_G - positives_G)
    r = df_G @ (own_G / expected_G) / df_G.sum()
    variance_G = (df_G * own_G + PRIOR_DF * r * expected_G) / (df_G + PRIOR_DF)
    total, norm = variance_G.sum(), np.sqrt(own_G.prod())
    correlation = float(first.psi @ second.psi) / norm if norm > 0 else 0.0
    variance = max(total - 2 * correlation * np.sqrt(variance_G.prod()), 0.0)
    df = total**2 / (variance_G**2 / (df_G + PRIOR_DF)).sum() if total > 0 else plain.df
    return dataclasses.replace(plain, std_error=np.sqrt(variance), df=np.asarray(df))


def hanley_mcneil(auroc: float, positives: Floats, negatives: Floats) -> Floats:
    """Return the variance of an AUROC where both labels' scores are exponential, a curve that fits most."""
    q1, q2 = auroc / (2 - auroc) - auroc**2, 2 * auroc**2 / (1 + auroc) - auroc**2
    pairs = np.maximum(positives * negatives, 1.0)
    found: Floats = (auroc * (1 - auroc) + (positives - 1) * q1 + (negatives - 1) * q2) / pairs
    return found
