"""The callback through which XGBoost reports to a trial, round after round.

``after_iteration`` reports and asks whether to go on; the training then ends before the next round.
Returning True only there leaves every other callback its look at the last round, keeps all rounds,
and spares ``cv`` the search for a best round that nobody chose.
"""

from __future__ import annotations

import copy
import json
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xgboost

from tuneplug_xgboost.directions import known_direction, maximized
from tuneplug_xgboost.names import choose, printed

if TYPE_CHECKING:
    from tuneplug import Trial
    from tuneplug.monitoring import MonitoredFit, TrialReporter

__all__ = ["OneFitCallback", "TrialCallback"]

#: Held while a fit opens its fold, as fits of one trial may begin on several threads at once.
_OPENING = threading.Lock()

_DART = "under DART later rounds change earlier trees, and the first rounds of a model are not the "
_DART_STOPPED = _DART + "model that was scored after them: the stopped one keeps all its rounds"
_DART_EARLY = _DART + (
    "model that was scored after them, but early stopping predicts with those up to its best round:"
    " take their number and train anew without early stopping"
)


@dataclass
class _Fit:
    """One training under way.

    Attributes
    ----------
    begun : int
        Rounds that the model had before.
    log : mapping
        XGBoost's evaluation log, which grows by a value a round.
    values : sequence or None
        Those of the reported metric, once it is known.
    n_reported : int
    fold : int or None
        Which curve of the trial it reports to, once it has begun.
    ends : bool
        Whether it ends before the next round.
    """

    begun: int
    log: Mapping[str, Mapping[str, Sequence[Any]]]
    values: Sequence[Any] | None = None
    n_reported: int = 0
    fold: int | None = None
    ends: bool = False


class TrialCallback(xgboost.callback.TrainingCallback):
    """Report every boosting round to a trial, and end training where the trial says so.

    For ``xgboost.train``, ``xgboost.cv`` (the means over its folds) and the scikit-learn wrappers
    (``XGBClassifier(callbacks=[...])``).  Each training opens a fold of the trial; one that
    continues a model counts its rounds on.  A model that nobody stops is the one that is trained
    without the callback.  One that is stopped keeps all its rounds.

    Copies, such as those of scikit-learn's ``clone``, report to the same trial.  One callback may
    serve several trainings, on several threads as well.

    Parameters
    ----------
    trial : Trial or TrialReporter
    metric : str, optional
        XGBoost's name of the metric, ``"logloss"``, or as it is printed,
        ``"validation_0-logloss"``.  The default is the last metric.
    dataset : str, optional
        XGBoost's name of the evaluation set: as in ``evals=``, ``"validation_0"`` in the wrappers,
        ``"test"`` in ``cv``.  The default is the last that is not called ``"train"`` or
        ``"training"``.
    maximize : bool, optional
        Whether larger values are better.  Known for XGBoost's own metrics, demanded for others.

    Raises
    ------
    TypeError
        If metric or dataset is not a string, or maximize not a bool.
    ValueError
        While training, before the first round ends: if nothing is evaluated, if no evaluated metric
        fits the names, or if its direction is unknown or not that of the study.
    RuntimeError
        Before the first round, on every worker: if the training is distributed.

    Examples
    --------
    >>> import numpy as np, xgboost
    >>> from tuneplug import Float, Study
    >>> from tuneplug_xgboost import TrialCallback
    >>> X = np.arange(40.0)[:, None]
    >>> train, valid = xgboost.DMatrix(X[::2], X[::2, 0]), xgboost.DMatrix(X[1::2], X[1::2, 0])
    >>> study = Study({"eta": Float(0.01, 1.0)}, seed=0)
    >>> trial = study.ask()
    >>> model = xgboost.train(
    ...     trial.params, train, 5, evals=[(valid, "valid")], verbose_eval=False,
    ...     callbacks=[TrialCallback(trial)],
    ... )
    >>> trial.metric, [report.step for report in trial.reports]
    ('valid-rmse', [0, 1, 2, 3, 4])
    """

    def __init__(
        self,
        trial: Trial | TrialReporter,
        metric: str | None = None,
        *,
        dataset: str | None = None,
        maximize: bool | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("metric", metric), ("dataset", dataset)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{name} must be a string or None, but got {value!r}")
        if maximize is not None and not isinstance(maximize, bool):
            raise TypeError(f"maximize must be True, False or None, but got {maximize!r}")
        self.trial = trial
        self.metric = metric
        self.dataset = dataset
        self.maximize = maximize
        self._fits: dict[int, _Fit] = {}  # by thread: each trains one model at a time

    def before_training(self, model: Any) -> Any:
        """Open a fit; refuse one that is distributed."""
        _refuse_distributed()
        self._fits[threading.get_ident()] = _Fit(model.num_boosted_rounds(), {})
        return model

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Return whether the trial has ended with the round before."""
        fit = self._fits[threading.get_ident()]
        fit.log = evals_log
        return fit.ends

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Report the round."""
        fit = self._fits[threading.get_ident()]
        self._report(fit)
        fit.ends = self.trial.should_stop()
        return False

    def after_training(self, model: Any) -> Any:
        """Close the fit."""
        fit = self._fits.pop(threading.get_ident())
        if fit.log:  # a callback before this one may have ended the training
            self._report(fit)
        if isinstance(model, xgboost.Booster):
            self._mind_dart(model, fit)
        return model

    def _mind_dart(self, model: xgboost.Booster, fit: _Fit) -> None:
        """Under DART keep a stopped model whole, and warn where a best round counts for nothing."""
        early = model.attr("best_iteration") is not None
        if not (fit.ends or early) or not _is_dart(model):
            return
        if fit.ends and early:
            model.set_attr(best_iteration=str(model.num_boosted_rounds() - 1))
        self._warn(_DART_STOPPED if fit.ends else _DART_EARLY)

    def _warn(self, message: str) -> None:
        warnings.warn(message, UserWarning, stacklevel=3)

    def _report(self, fit: _Fit) -> None:
        if fit.values is None:
            fit.values = self._settled(fit)
        while fit.n_reported < len(fit.values):
            value = fit.values[fit.n_reported]  # of cv: (mean, standard deviation)
            mean = float(value[0] if isinstance(value, tuple) else value)
            step = fit.begun + fit.n_reported
            if fit.n_reported == 0:
                with _OPENING:
                    fit.fold = self._open(step)
                    self.trial.report(mean, step, fold=fit.fold)
            else:
                self.trial.report(mean, step, fold=fit.fold)
            fit.n_reported += 1

    def _settled(self, fit: _Fit) -> Sequence[Any]:
        entries = [(dataset, metric) for dataset, log in fit.log.items() for metric in log]
        dataset, metric = choose(entries, self.metric, self.dataset)
        way = self._maximized(metric)
        if way is not None:
            self.trial.set_metric(printed((dataset, metric)), "maximize" if way else "minimize")
        return fit.log[dataset][metric]

    def _maximized(self, metric: str) -> bool | None:
        return maximized(metric, self.maximize)

    def _open(self, step: int) -> int | None:
        return self.trial.start_fold(step)

    def __deepcopy__(self, memo: dict[int, Any]) -> TrialCallback:
        return copy.copy(self)  # the trial is the same

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fits": {}}


class OneFitCallback(TrialCallback):
    """For the fit of a search: reports have no fold, and warnings are left to the search.

    Where reports are not compared, there need be none, nor a known direction.
    """

    def __init__(
        self, watched: MonitoredFit, metric: str | None = None, *, maximize: bool | None = None
    ) -> None:
        super().__init__(watched.reporter, metric, maximize=maximize)
        self.watched = watched

    def _open(self, step: int) -> int | None:
        return None

    def _settled(self, fit: _Fit) -> Sequence[Any]:
        return super()._settled(fit) if fit.log or self.watched.pruning else ()

    def _maximized(self, metric: str) -> bool | None:
        known = known_direction(metric) is not None or self.maximize is not None
        return super()._maximized(metric) if known or self.watched.pruning else None

    def _warn(self, message: str) -> None:
        self.watched.notes.append(message)


def _refuse_distributed() -> None:
    if xgboost.collective.is_distributed():
        raise RuntimeError(
            "a TrialCallback needs training in one process, but this one is distributed (workers: "
            f"{xgboost.collective.get_world_size()}): each would report to a copy of the trial and "
            "end by itself.  Train each trial on one worker, and the trials in parallel through "
            "study.optimize(executor=...)"
        )


def _is_dart(model: xgboost.Booster) -> bool:
    return bool(json.loads(model.save_config())["learner"]["gradient_booster"]["name"] == "dart")
