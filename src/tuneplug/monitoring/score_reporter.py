"""Report the score of a fit after each of its portions."""

from __future__ import annotations

from tuneplug.monitoring.fit_monitor import MonitoredFit

__all__ = ["ScoreReporter", "portion_ends"]

#: Number of portions of a fit: a scorer is called at most once for each.
N_PORTIONS = 10


def portion_ends(n_steps: int) -> list[int]:
    """Return the numbers of steps after each tenth of a fit; fewer than ten if there are fewer."""
    portions = range(1, N_PORTIONS + 1)
    return sorted({-(-n_steps * portion // N_PORTIONS) for portion in portions})


class ScoreReporter:
    """Reports the score of a fit after each tenth of its steps.

    A fit thus calls the scorer at most ten times, whatever its number of steps is.  If the scorer
    raises, nothing more is reported, with a note.

    Parameters
    ----------
    fit : MonitoredFit
        With a scoring.
    n_steps : int
        Number of steps of the whole fit.

    Raises
    ------
    ValueError
        If the fit has no scoring.
    """

    def __init__(self, fit: MonitoredFit, n_steps: int) -> None:
        if fit.scoring is None:
            raise ValueError("the scores of a fit need its scoring, but got scoring=None")
        self._fit, self._scoring = fit, fit.scoring
        self._reporting = True
        self._ends = portion_ends(n_steps)

    def after(self, n_steps: int) -> None:
        """Report the score after a number of steps if they end a portion, but not the last one."""
        if n_steps in self._ends[:-1]:
            self.report(n_steps)

    def complete(self, n_steps: int) -> None:
        """Report the score of the fitted model, unless its last step was reported."""
        reports = self._fit.reporter.reports
        if not reports or reports[-1].step != n_steps - 1:
            self.report(n_steps)

    def report(self, n_steps: int) -> None:
        """Report the score after a number of steps."""
        if not self._reporting:
            return
        scoring = self._scoring
        try:
            value = float(scoring.score())
        except Exception as error:  # noqa: BLE001  a scorer may raise anything, and the fit goes on
            self._reporting = False
            self._fit.notes.append(
                f"scoring={scoring.name!r} raised {type(error).__name__} for a fit that was not "
                "complete, which therefore was not compared with others: pass a scoring= that can "
                "score the model after any step, or stopping=None"
            )
            return
        self._fit.reporter.set_metric(scoring.name, "maximize")
        self._fit.reporter.report(value, n_steps - 1)
