"""A callback of skorch that reports the epochs of a fit, and ends it when the trial ends."""

from __future__ import annotations

from typing import Any

import torch
from skorch.callbacks import Callback

from tuneplug.monitoring import MonitoredFit, ScoreReporter

__all__ = ["ReportingCallback"]


class ReportingCallback(Callback):  # type: ignore[misc]
    """Reports the epochs of one fit, and ends it as skorch's own early stopping does.

    Parameters
    ----------
    fit : MonitoredFit
        If it has a scoring, its score is reported after each tenth of the epochs.  Otherwise the
        loss of each epoch is reported.

    Attributes
    ----------
    n_epochs : int
        Number of epochs of this fit.
    ended : bool
        Whether the trial has ended the fit.
    """

    def __init__(self, fit: MonitoredFit) -> None:
        self.fit, self.n_epochs, self.ended = fit, 0, False
        self._scores = None
        if fit.scoring is not None:
            self._scores = ScoreReporter(fit, fit.estimator.max_epochs)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Report the epoch, and end the fit if the trial has ended."""
        self.n_epochs += 1
        if self._scores is None:
            self._report_loss(net)
        else:
            with _unchanged_generators():
                self._scores.after(self.n_epochs)
        if self.fit.reporter.should_stop():
            self.ended = True
            raise KeyboardInterrupt  # skorch catches it, and ends the fit

    def complete(self) -> None:
        """Report the score of the fitted net."""
        if self._scores is not None and self.n_epochs:
            with _unchanged_generators():
                self._scores.complete(self.n_epochs)

    def _report_loss(self, net: Any) -> None:
        """Report the loss on the net's own validation data; without them, of the training data."""
        latest = net.history[-1]
        metric = "valid_loss" if "valid_loss" in latest else "train_loss"
        self.fit.reporter.set_metric(metric, "minimize")
        self.fit.reporter.report(float(latest[metric]), self.n_epochs - 1)


def _unchanged_generators() -> Any:
    """Context manager: restore PyTorch's random generators.

    Each pass over data draws a number, which would change the order of the rows of the next epoch.
    """
    return torch.random.fork_rng()
