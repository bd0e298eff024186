"""Prediction of a candidate's mean score from its first folds.

All candidates share the folds, and some folds are harder than others.  Notation: Y (c, F) are the
scores of c complete candidates on F folds, larger is better.  The model is

    y_kf = m_k + e_f + r_kf,    sum_f e_f = 0,    sd(r) = s

and is estimated by means over rows and columns (two-way layout without replication: Montgomery,
"Design and Analysis of Experiments", section 5.3.7); s has (c - 1)(F - 1) degrees of freedom.

The mean over all folds of a candidate with scores on f folds S is predicted by the mean of
y_f - e_f over S.  Its variance is s² (1/f - 1/F), because the F folds are the whole population and
not a sample of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

__all__ = ["FoldModel"]

#: One-sided confidence level of the racing test, applied after each fold.
CONFIDENCE = 0.95
#: Minimum degrees of freedom for the racing test.
MIN_DOF = 4


class FoldModel:
    """Fold effects and residual variance, estimated from complete candidates.

    Parameters
    ----------
    scores : ndarray of shape (c, F)
        Test scores of complete candidates, larger is better, all finite.
    rivals : ndarray of shape (r, F) or None, default None
        Scores of the candidates whose best one a winner must beat.  If None, ``scores``.
    """

    def __init__(
        self, scores: NDArray[np.float64], rivals: NDArray[np.float64] | None = None
    ) -> None:
        c, n_folds = scores.shape
        self.n_folds = n_folds
        rivals = scores if rivals is None else rivals
        self.best = rivals[int(np.argmax(rivals.mean(axis=1)))] if len(rivals) else None
        self.effects = scores.mean(axis=0) - scores.mean() if c else np.zeros(n_folds)
        residuals = scores - scores.mean(axis=1, keepdims=True) - self.effects
        self.dof = max(c - 1, 0) * (n_folds - 1)
        self.variance = float((residuals**2).sum()) / self.dof if self.dof else None

    def predict_mean(self, scores: NDArray[np.float64]) -> tuple[float, float]:
        """Predict the mean score of a candidate over all folds.

        Parameters
        ----------
        scores : ndarray of shape (F,)
            NaN for folds without a score; at least one score is finite.

        Returns
        -------
        mean, variance : float
            The predicted mean and its variance.
        """
        adjusted = (scores - self.effects)[np.isfinite(scores)]
        seen = len(adjusted)
        variance = self.variance
        if variance is None:  # no complete candidates: estimate it from these scores alone
            variance = float(adjusted.var(ddof=1) if seen > 1 else adjusted[0] ** 2 or 1.0)
        return float(adjusted.mean()), variance * (1.0 / seen - 1.0 / self.n_folds)

    def cannot_win(self, scores: NDArray[np.float64]) -> bool:
        """Whether the folds seen so far show that a candidate cannot beat the best one.

        The final difference to the best candidate is predicted by the difference on the folds seen,
        with twice the variance of a partial mean.  The candidate cannot win if the upper bound of a
        one-sided prediction interval of level ``CONFIDENCE`` is below zero.
        """
        if self.best is None or self.variance is None or self.dof < MIN_DOF:
            return False
        seen = np.isfinite(scores)
        count = int(seen.sum())
        if count in (0, self.n_folds):
            return False
        difference = float((scores - self.best)[seen].mean())
        spread = 2.0 * self.variance * (1.0 / count - 1.0 / self.n_folds)
        bound = difference + student.ppf(CONFIDENCE, self.dof) * np.sqrt(spread)
        return bool(bound < 0.0)
