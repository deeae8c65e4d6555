r"""Variances of small groups, moderated by what all compared groups say.

The standard error of a small group of clustered images goes with its value: few hits mean few clusters that tell how
much they vary, and few wrong pairs make an AUROC look sure. So the group looks surest where it is most wrong, and a t
test raises up to seven times as many alarms at :math:`p < .0025` as it should. Each group's variance is moderated [1]_,
as if :math:`d_0 = 20` further degrees of freedom knew what groups like it vary:

.. math:: V'_g = \frac{d_g V_g + d_0\, r\, u_g}{d_g + d_0}, \qquad r = \frac{\sum_g d_g V_g / u_g}{\sum_g d_g}

with :math:`u_g` the variance that a model gives at the value of both groups together, and :math:`r` what clusters make
of it. Large groups keep their own variance.

References
----------
.. [1] Smyth (2004), "Linear Models and Empirical Bayes Methods for Assessing Differential Expression in Microarray
   Experiments", Statistical Applications in Genetics and Molecular Biology 3(1), eq. 3, with fixed :math:`d_0`.
"""

from __future__ import annotations

import numpy as np

from fairaudit.core.outcomes import Floats

PRIOR_DF = 20


def moderated(variances: Floats, df: Floats, expected: Floats) -> tuple[Floats, Floats]:
    """Return the variances with what all groups say of them, and their degrees of freedom.

    Parameters
    ----------
    variances, df : ndarray of float, shape (G, ...)
        Of each group alone; ``df`` at least 1.
    expected : ndarray of float, shape (G, ...)
        What the model gives, up to a factor that all groups share; where one is not above 0, nothing is changed.
    """
    known = (expected > 0).all(axis=0)
    expected = np.where(known, expected, 1.0)
    r = (df * variances / expected).sum(axis=0) / df.sum(axis=0)
    pulled = (df * variances + PRIOR_DF * r * expected) / (df + PRIOR_DF)
    return np.where(known, pulled, variances), np.where(known, df + PRIOR_DF, df)
