"""What a candidate's first folds say about all of them.

Folds are shared by all candidates, and some are harder than others.  Notation: Y (c, F) are the
scores of c complete candidates on F folds, larger better, of which

    y_kf = m_k + e_f + r_kf,    sum_f e_f = 0,    sd(r) = s

is estimated by means over rows and columns (two-way layout without replication: Montgomery,
"Design and Analysis of Experiments", section 5.3.7); s has (c - 1)(F - 1) degrees of freedom.

The mean over all folds of a candidate seen on the folds S, f of them, is then predicted by the mean
of y_f - e_f over S, with variance s² (1/f - 1/F): the folds are all there are, not a sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

__all__ = ["FoldModel"]

#: How sure it has to be, each time that another fold is in, that a candidate cannot win.
CONFIDENCE = 0.95
#: Fewest degrees of freedom to judge by.
LEAST_FREEDOM = 4


class FoldModel:
    """Fold effects and residuals, learned from complete candidates.

    Parameters
    ----------
    scores : ndarray of shape (c, F)
        Test scores of complete candidates, larger better, all finite.
    """

    def __init__(self, scores: NDArray[np.float64]) -> None:
        c, n_folds = scores.shape
        self.n_folds = n_folds
        self.best = scores[int(np.argmax(scores.mean(axis=1)))] if c else None
        self.effects = scores.mean(axis=0) - scores.mean() if c else np.zeros(n_folds)
        residuals = scores - scores.mean(axis=1, keepdims=True) - self.effects
        self.freedom = max(c - 1, 0) * (n_folds - 1)
        self.variance = float((residuals**2).sum()) / self.freedom if self.freedom else None

    def whole(self, scores: NDArray[np.float64]) -> tuple[float, float]:
        """Predict the mean over all folds of a candidate, and say how variable that is.

        Parameters
        ----------
        scores : ndarray of shape (F,)
            NaN where a fold was not seen; at least one was.

        Returns
        -------
        mean, variance : float
        """
        adjusted = (scores - self.effects)[np.isfinite(scores)]
        seen = len(adjusted)
        variance = self.variance
        if variance is None:  # its own folds have to do; one alone may be anywhere
            variance = float(adjusted.var(ddof=1) if seen > 1 else adjusted[0] ** 2 or 1.0)
        return float(adjusted.mean()), variance * (1.0 / seen - 1.0 / self.n_folds)

    def hopeless(self, scores: NDArray[np.float64]) -> bool:
        """Whether a candidate cannot win any more against the best, on the folds that both have.

        Its final distance to the best is predicted by that on the folds seen, with twice the
        variance of a partial mean; it is hopeless where the upper bound of a one-sided
        prediction interval of ``CONFIDENCE`` is below zero.
        """
        if self.best is None or self.variance is None or self.freedom < LEAST_FREEDOM:
            return False
        seen = np.isfinite(scores)
        count = int(seen.sum())
        if count in (0, self.n_folds):
            return False
        difference = float((scores - self.best)[seen].mean())
        spread = 2.0 * self.variance * (1.0 / count - 1.0 / self.n_folds)
        bound = difference + student.ppf(CONFIDENCE, self.freedom) * np.sqrt(spread)
        return bool(bound < 0.0)
