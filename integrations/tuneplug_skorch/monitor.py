"""SkorchMonitor: fit the networks of skorch for a search.

This module does not import skorch until it fits one of its networks.
"""

from __future__ import annotations

from typing import Any, ClassVar, final

from tuneplug.monitoring import FitMonitor, MonitoredFit
from tuneplug.optional import is_instance_of

__all__ = ["SkorchMonitor"]

#: Name of the callback in the net while it is fitted.
_NAME = "tuneplug"
_DISABLED = (
    "stopping rules and time limits need a net that calls its callbacks, but got "
    "callbacks='disable', and its fits ran to the end: pass None or a list of callbacks"
)


@final
class SkorchMonitor(FitMonitor):
    """Fit the networks of skorch, and report their epochs.

    The net trains by its own ``fit``, with one more callback before those of the user.  If the fit
    has a scoring, its score is reported after each tenth of ``max_epochs`` and after the last
    epoch.  A fit thus calls the scorer at most ten times, whatever ``max_epochs`` is.  Otherwise
    the loss of each epoch is reported, on the net's own validation data if it has some.

    Callbacks of the net, such as skorch's ``EarlyStopping``, work as in its own ``fit``: they use
    validation data that the net splits off (``train_split=``).  PyTorch's random generators are
    restored after each score, so that the net is the one that ``fit`` trains.

    A net with ``callbacks="disable"`` calls no callback: it is fitted without reports, with a note.
    """

    name: ClassVar[str] = "skorch"

    def accepts(self, estimator: Any) -> bool:
        """Return whether the estimator is a net of skorch."""
        return is_instance_of(estimator, "skorch", "NeuralNet")

    def fit(self, watched: MonitoredFit) -> int | None:
        from tuneplug_skorch.callback import ReportingCallback

        net = watched.estimator
        own = net.callbacks
        if isinstance(own, str):
            watched.notes.append(_DISABLED)
            net.fit(watched.X, watched.y, **watched.params)
            return None
        callback = ReportingCallback(watched)
        net.callbacks = [(_NAME, callback), *(own or [])]  # before one that ends the fit
        try:
            net.fit(watched.X, watched.y, **watched.params)
            if not callback.ended:
                callback.complete()
        finally:
            net.callbacks = own
            kept = net.__dict__.get("callbacks_", ())
            net.callbacks_ = [pair for pair in kept if pair[0] != _NAME]
        return None
