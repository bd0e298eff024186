"""The score of a fit after each of its portions, for estimators without metrics of their own."""

from __future__ import annotations

from tuneplug.monitoring import MonitoredFit

__all__ = ["N_PORTIONS", "report_score"]

#: Number of portions of a fit: a scorer is called at most once for each.
N_PORTIONS = 10


def report_score(watched: MonitoredFit, step: int) -> bool:
    """Report the score; return False, with a note, if the scorer raises."""
    scoring = watched.scoring
    assert scoring is not None
    try:
        value = float(scoring.score())
    except Exception as error:  # noqa: BLE001  a scorer may raise anything, and the fit goes on
        watched.notes.append(
            f"scoring={scoring.name!r} raised {type(error).__name__} for a fit that was not "
            "complete, which therefore was not compared with others: pass a scoring= that can "
            "score the model after any step, or stopping=None"
        )
        return False
    watched.reporter.set_metric(scoring.name, "maximize")
    watched.reporter.report(value, step)
    return True
