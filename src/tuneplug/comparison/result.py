"""``Comparison``: the best-so-far curves of strategies, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.comparison.statistics import (
    Interval,
    JobsToMatch,
    PairedTest,
    interval_of,
    jobs_to_level,
    resampled_means,
    sign_flip_p_value,
)
from tuneplug.errors import check_choice, check_count, did_you_mean, safe_repr
from tuneplug.optional import OptionalDependency
from tuneplug.trial import as_real
from tuneplug.trial.reporting import Direction

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison"]

#: Columns of the printed table: key, heading, format.
COLUMNS = (
    ("strategy", "strategy", "{}"),
    ("mean", "mean", "{:.4g}"),
    ("interval", "interval", "[{0[0]:.4g}, {0[1]:.4g}]"),
    ("jobs", "jobs to match", "{:g}"),
    ("ratio", "ratio", "{:.3g}"),
    ("ratio_interval", "interval of ratio", "[{0[0]:.3g}, {0[1]:.3g}]"),
    ("p_value", "p", "{:.3g}"),
)


@final
class Comparison:
    """The best values so far of several strategies, in paired replications.

    Parameters
    ----------
    curves : mapping of str to array of shape (replications, jobs)
        Best value of each replication after each job, by strategy.  Row r of all strategies belongs
        together.  NaN before the first value.
    direction : {"minimize", "maximize"}, default "minimize"
        Whether smaller or larger values are better.
    seed : int, default 0
        Seed of the bootstrap and of the sign flips.
    n_failed : mapping of str to int, optional
        Number of failed trials, by strategy.

    Attributes
    ----------
    curves : dict of str to array
        The arrays are read-only.
    mean : dict of str to array of shape (jobs,)
        Mean over replications, by strategy; NaN as long as a replication has no value.

    Raises
    ------
    ValueError
        If the curves do not have the same shape, or there are fewer than two replications.

    Examples
    --------
    >>> from tuneplug import Comparison
    >>> fast = [[3.0, 1.0, 0.0], [4.0, 1.0, 0.5]]
    >>> slow = [[4.0, 3.0, 1.0], [4.0, 2.0, 1.0]]
    >>> comparison = Comparison({"fast": fast, "slow": slow})
    >>> comparison.jobs_to_match("fast", "slow").jobs
    2.0
    """

    def __init__(
        self,
        curves: Mapping[str, Any],
        direction: Direction = "minimize",
        *,
        seed: int = 0,
        n_failed: Mapping[str, int] | None = None,
    ) -> None:
        check_choice("direction", direction, ("minimize", "maximize"))
        check_count("seed", seed, at_least=0)
        self.curves = {name: _read_only(curve) for name, curve in curves.items()}
        self.direction, self.seed = direction, int(seed)
        self.n_failed = dict.fromkeys(self.curves, 0) | dict(n_failed or {})
        self._sign = 1.0 if direction == "minimize" else -1.0
        _check_shapes(self.curves)

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in the order in which they were given."""
        return list(self.curves)

    @property
    def n_replications(self) -> int:
        """Number of replications of each strategy."""
        return self._shape[0]

    @property
    def n_trials(self) -> int:
        """Number of jobs of each replication."""
        return self._shape[1]

    @property
    def _shape(self) -> tuple[int, int]:
        rows, columns = next(iter(self.curves.values())).shape
        return rows, columns

    @cached_property
    def mean(self) -> dict[str, FloatArray]:
        """Mean curve of each strategy."""
        return {name: _read_only(curve.mean(axis=0)) for name, curve in self.curves.items()}

    @cached_property
    def _resampled(self) -> dict[str, FloatArray]:
        return {name: resampled_means(curve, self.seed) for name, curve in self.curves.items()}

    def band(self, level: float = 0.95) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Return the lower and the upper end of a pointwise bootstrap band of each mean curve.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level at each job, between 0 and 1.
        """
        tail = (1.0 - _checked_level(level)) / 2.0
        found = {}
        for name, means in self._resampled.items():
            low, high = np.quantile(means, [tail, 1.0 - tail], axis=0)
            found[name] = (low, high)
        return found

    def jobs_to_match(self, a: str, b: str, level: float = 0.95) -> JobsToMatch:
        """Return the number of jobs that ``a`` needs for the mean that ``b`` reaches at the end.

        Parameters
        ----------
        a, b : str
            Names of strategies.
        level : float, default 0.95
            Confidence level of the interval of the ratio.
        """
        self._check_names(a, b)
        level = _checked_level(level)
        final = self.mean[b][-1:]
        jobs = float(jobs_to_level(self._sign * self.mean[a][None], self._sign * final)[0])
        resampled = jobs_to_level(
            self._sign * self._resampled[a], self._sign * self._resampled[b][:, -1]
        )
        low, high = interval_of(resampled / self.n_trials, level)
        return JobsToMatch(
            level=float(final[0]),
            jobs=jobs,
            n_jobs=self.n_trials,
            ratio=jobs / self.n_trials,
            interval=(low, high),
            confidence=level,
        )

    def test(self, a: str, b: str, level: float = 0.95) -> PairedTest:
        """Test whether the final values of two strategies differ, by flips of signs.

        The test is of the mean difference, which the table and the curves show.  Unlike Wilcoxon's
        signed-rank test, it needs no rule for ties, which are common once both strategies find the
        same best configuration.  It assumes that, were the strategies alike, they could be
        exchanged within each replication.

        Parameters
        ----------
        a, b : str
            Names of strategies.
        level : float, default 0.95
            Confidence level of the interval of the difference.
        """
        self._check_names(a, b)
        level = _checked_level(level)
        difference = self.curves[a][:, -1] - self.curves[b][:, -1]
        means = self._resampled[a][:, -1] - self._resampled[b][:, -1]
        loss = self._sign * difference
        return PairedTest(
            difference=float(difference.mean()),
            interval=interval_of(means, level),
            confidence=level,
            p_value=sign_flip_p_value(difference, self.seed),
            wins=int(np.sum(loss < 0)),
            ties=int(np.sum(loss == 0)),
            losses=int(np.sum(loss > 0)),
        )

    def table(self, baseline: str | None = None, level: float = 0.95) -> list[dict[str, Any]]:
        """Return one row per strategy, as a dict.

        ``mean``, ``interval`` and ``median`` are of the final values; ``jobs``, ``ratio`` and
        ``ratio_interval`` those of ``jobs_to_match``, and ``difference``, ``p_value``, ``wins``,
        ``ties`` and ``losses`` those of ``test``, all against the baseline.  P-values are not
        corrected for the number of strategies.

        Parameters
        ----------
        baseline : str or None, default None
            Strategy that the others are compared with.  If None, the last one.
        level : float, default 0.95
            Confidence level of all intervals.
        """
        baseline = self.strategies[-1] if baseline is None else baseline
        self._check_names(baseline)
        level = _checked_level(level)
        return [self._row(name, baseline, level) for name in self.curves]

    def _row(self, name: str, baseline: str, level: float) -> dict[str, Any]:
        jobs = self.jobs_to_match(name, baseline, level)
        test = self.test(name, baseline, level)
        interval: Interval = interval_of(self._resampled[name][:, -1], level)
        return {
            "strategy": name,
            "mean": float(self.mean[name][-1]),
            "interval": interval,
            "median": float(np.median(self.curves[name][:, -1])),
            "baseline": baseline,
            "jobs": jobs.jobs,
            "ratio": jobs.ratio,
            "ratio_interval": jobs.interval,
            "difference": test.difference,
            "p_value": test.p_value,
            "wins": test.wins,
            "ties": test.ties,
            "losses": test.losses,
            "n_failed": self.n_failed[name],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame: ``strategy``, ``replication``, ``job`` and ``best`` value so far.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        with OptionalDependency("pandas", "pandas", "pandas").required_by("to_frame()"):
            import pandas as pd
        rows, columns = np.indices(self._shape)
        n = len(self.curves)
        return pd.DataFrame(
            {
                "strategy": np.repeat(self.strategies, rows.size),
                "replication": np.tile(rows.ravel(), n),
                "job": np.tile(columns.ravel() + 1, n),
                "best": np.concatenate([curve.ravel() for curve in self.curves.values()]),
            }
        )

    def _check_names(self, *names: str) -> None:
        for name in names:
            if name not in self.curves:
                raise ValueError(
                    f"the strategy must be one of {self.strategies}, but got {safe_repr(name)}"
                    f"{did_you_mean(name, self.strategies)}"
                )

    def __repr__(self) -> str:
        return (
            f"Comparison(strategies={self.strategies}, replications={self.n_replications}, "
            f"n_trials={self.n_trials}, direction={self.direction!r})"
        )

    def __str__(self) -> str:
        rows = self.table()
        cells = [[heading for _, heading, _ in COLUMNS]]
        cells += [[text.format(row[key]) for key, _, text in COLUMNS] for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in cells
        ]
        title = (
            f"{self.n_replications} paired replications of {self.n_trials} jobs, "
            f"{self.direction}; compared with {rows[0]['baseline']!r}; intervals of 95 %"
        )
        return "\n".join([title, *lines])


def _read_only(values: Any) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


def _check_shapes(curves: Mapping[str, FloatArray]) -> None:
    shapes = {name: curve.shape for name, curve in curves.items()}
    alike = len(set(shapes.values())) == 1
    if not alike or any(len(s) != 2 or s[0] < 2 or s[1] < 1 for s in shapes.values()):
        raise ValueError(
            "curves must be arrays of one shape (replications, jobs), with at least 2 replications "
            f"and 1 job, but got {shapes}"
        )


def _checked_level(level: Any) -> float:
    number = as_real(level, "level")
    if not 0.0 < number < 1.0:
        raise ValueError(
            f"level must be between 0 and 1, but got {level!r}: give, for example, 0.95"
        )
    return number
