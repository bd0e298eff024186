"""The callback through which LightGBM reports to a trial, round after round.

LightGBM runs callbacks by their ``order``.  This one comes after those that log and record (10 and
20), and before early stopping (30), which leaves with an exception on the last round.  To end a
training it raises the same exception, with the current round as the best: nothing is cut off.
"""

from __future__ import annotations

import copy
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuneplug_lightgbm.names import Entry, choose, printed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuneplug import Trial
    from tuneplug.monitoring import MonitoredFit, TrialReporter
    from tuneplug_lightgbm._compat import Result

__all__ = ["OneFitCallback", "TrialCallback"]

#: Held while a fit opens its fold, as fits of one trial may begin on several threads at once.
_OPENING = threading.Lock()

_DART_STOPPED = (
    "under DART later rounds change earlier trees, and the first rounds of a model are not the "
    "model that was scored after them: the stopped one keeps all its rounds"
)


@dataclass
class _Fit:
    """One training under way: what it reports, and which curve of the trial to."""

    entry: Entry
    fold: int | None = None


class TrialCallback:
    """Report every boosting round to a trial, and end training where the trial says so.

    For ``lightgbm.train``, ``lightgbm.cv`` (the means over its folds) and ``fit(callbacks=[...])``
    of the scikit-learn wrappers.  Each training opens a fold of the trial; one that continues a
    model counts its rounds on.  A model that nobody stops is the one that is trained without the
    callback.  One that is stopped keeps all its rounds, and calls the last its best.

    Copies report to the same trial.  One callback may serve several trainings, on several threads
    as well.

    Parameters
    ----------
    trial : Trial or TrialReporter
    metric : str, optional
        LightGBM's name of the metric, ``"auc"``, or as it is printed, ``"valid_0's auc"``.  The
        default is the last metric.
    dataset : str, optional
        LightGBM's name of the evaluation set: as in ``valid_names=`` or ``eval_names=``, otherwise
        ``"valid_0"``; ``"valid"`` in ``cv``.  The default is the last one; the training data, which
        LightGBM calls ``"training"`` (``"train"`` in ``cv``), is only taken where it is named.
    maximize : bool, optional
        Whether larger values are better.  LightGBM knows, of custom metrics as well; what is given
        here is checked.

    Raises
    ------
    TypeError
        If metric or dataset is not a string, or maximize not a bool.
    ValueError
        While training, before the first round ends: if nothing is evaluated, if no evaluated metric
        fits the names, or if its direction is not the one given or that of the study.
    RuntimeError
        In the first round, on every worker: if the training is distributed.

    Examples
    --------
    >>> import numpy as np, lightgbm
    >>> from tuneplug import Float, Study
    >>> from tuneplug_lightgbm import TrialCallback
    >>> X = np.arange(200.0)[:, None]
    >>> train = lightgbm.Dataset(X[::2], X[::2, 0])
    >>> valid = train.create_valid(X[1::2], X[1::2, 0])
    >>> study = Study({"learning_rate": Float(0.01, 1.0)}, seed=0)
    >>> trial = study.ask()
    >>> model = lightgbm.train(
    ...     {"verbose": -1, **trial.params}, train, 5, valid_sets=[valid],
    ...     callbacks=[TrialCallback(trial)],
    ... )
    >>> trial.metric, [report.step for report in trial.reports]
    ("valid_0's l2", [0, 1, 2, 3, 4])
    """

    def __init__(
        self,
        trial: Trial | TrialReporter,
        metric: str | None = None,
        *,
        dataset: str | None = None,
        maximize: bool | None = None,
    ) -> None:
        for name, value in (("metric", metric), ("dataset", dataset)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{name} must be a string or None, but got {value!r}")
        if maximize is not None and not isinstance(maximize, bool):
            raise TypeError(f"maximize must be True, False or None, but got {maximize!r}")
        self.trial = trial
        self.metric = metric
        self.dataset = dataset
        self.maximize = maximize
        self.order = 25  # LightGBM reads both from the instance
        self.before_iteration = False
        self._fits: dict[int, _Fit] = {}  # by thread: each trains one model at a time

    def __call__(self, env: Any) -> None:
        """Report the round, and end the training where the trial says so."""
        from tuneplug_lightgbm._compat import results

        evaluated, thread = results(env.evaluation_result_list), threading.get_ident()
        first = env.iteration == env.begin_iteration
        if first:
            _refuse_distributed(env)
            self._fits[thread] = self._begin(env.model, evaluated)
        fit = self._fits[thread]
        value = next(result.value for result in evaluated if result[:2] == fit.entry)
        if first:
            with _OPENING:
                fit.fold = self._open(env.iteration)
                self.trial.report(value, env.iteration, fold=fit.fold)
        else:
            self.trial.report(value, env.iteration, fold=fit.fold)
        if self.trial.should_stop():
            self._end(env)

    def _begin(self, model: Any, evaluated: Sequence[Result]) -> _Fit:
        from tuneplug_lightgbm._compat import training_name

        entries = [result[:2] for result in evaluated]
        entry = choose(entries, self.metric, self.dataset, training_name(model))
        way = evaluated[entries.index(entry)].maximize
        if self.maximize not in (None, way):
            raise ValueError(
                f"maximize must be {way} for {printed(entry)!r}, as LightGBM says so, but got "
                f"maximize={self.maximize}: leave it out, or have the metric return the other flag"
            )
        self.trial.set_metric(printed(entry), "maximize" if way else "minimize")
        return _Fit(entry)

    def _open(self, step: int) -> int | None:
        return self.trial.start_fold(step)

    def _end(self, env: Any) -> None:
        from lightgbm import CVBooster
        from lightgbm.callback import EarlyStopException

        from tuneplug_lightgbm._compat import aliases

        dart = any(env.params.get(name) == "dart" for name in aliases("boosting"))
        if dart and not isinstance(env.model, CVBooster):
            self._warn(_DART_STOPPED)
        raise EarlyStopException(env.iteration, env.evaluation_result_list)

    def _warn(self, message: str) -> None:
        warnings.warn(message, UserWarning, stacklevel=4)

    def __deepcopy__(self, memo: dict[int, Any]) -> TrialCallback:
        return copy.copy(self)  # the trial is the same

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fits": {}}


class OneFitCallback(TrialCallback):
    """For the fit of a search: reports have no fold, and warnings are left to the search.

    Where reports are not compared, there need be none.
    """

    def __init__(
        self, watched: MonitoredFit, metric: str | None = None, *, maximize: bool | None = None
    ) -> None:
        super().__init__(watched.reporter, metric, maximize=maximize)
        self.watched = watched

    def __call__(self, env: Any) -> None:
        """Report the round, if there is anything to report, and end as the trial says."""
        if self.watched.pruning or env.evaluation_result_list:
            super().__call__(env)
        elif self.trial.should_stop():
            self._end(env)

    def _open(self, step: int) -> int | None:
        return None

    def _warn(self, message: str) -> None:
        self.watched.notes.append(message)


def _refuse_distributed(env: Any) -> None:
    """Raise if parameters say that the training spans machines, on each of them alike."""
    from tuneplug_lightgbm._compat import aliases

    where = aliases("machines", "machine_list_filename")
    counts = [int(env.params[name]) for name in aliases("num_machines") if name in env.params]
    if max([1, *counts]) == 1 and not any(env.params.get(name) for name in where):
        return
    env.model.free_network()  # what comes next in this process would wait for the others
    raise RuntimeError(
        "a TrialCallback needs training in one process, but this one is distributed "
        f"(num_machines={max([1, *counts])}): each worker would report to a copy of the trial and "
        "end by itself.  Train each trial on one worker, and the trials in parallel through "
        "study.optimize(executor=...)"
    )
