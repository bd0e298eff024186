"""An Optuna study that has a history of ours behind it, and can be asked for what comes next.

Some samplers find all they need in the trials of a study: to them, trials are added.  Others leave
notes in the study as they sample, which belong to the trial or to the search: which generation a
trial is of, how far a sequence has got.  Those are asked for every trial of the history again, in
order, and what was tried is put in the place of what they say.  So the notes, too, are a function
of the history.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Collection, Sequence
from typing import Any, final

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, BruteForceSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as TheirState

from tuneplug import SearchSpace, Trial, TrialState
from tuneplug.strategies import Context
from tuneplug_optuna.axes import Axis, axis
from tuneplug_optuna.reports import by_step, sign_of_reports
from tuneplug_optuna.reseeding import Template

__all__ = ["Rehearsal"]

FloatArray = NDArray[np.float64]

#: Samplers that leave nothing in the study but what the trials themselves say.
WITHOUT_NOTES = (TPESampler, GPSampler, RandomSampler, BruteForceSampler)
STATES = {
    TrialState.RUNNING: TheirState.RUNNING,
    TrialState.COMPLETE: TheirState.COMPLETE,
    TrialState.STOPPED: TheirState.PRUNED,
    TrialState.FAILED: TheirState.FAIL,
}
#: How often a sampler is asked anew that proposes what was tried or is running.
N_ATTEMPTS = 10
#: Where the coordinate of a parameter stands that is not decided, or not in use.
REST = 0.5


@final
class _Study(optuna.Study):
    """A study outside of ``optimize``, in which a sampler that is through may say so."""

    through = False

    def stop(self) -> None:
        self.through = True


@functools.cache
def _blank() -> bytes:
    """Return a pickled study without trials, made once, as Optuna logs each that is made."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        storage = optuna.storages.InMemoryStorage()
        storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "tuneplug")
    finally:
        optuna.logging.set_verbosity(before)
    return pickle.dumps(_Study("tuneplug", storage, sampler=RandomSampler()))


@final
class Rehearsal:
    """A study of Optuna's for a space, which is told of our trials.

    Parameters
    ----------
    template : Template
        The sampler.
    context : Context
        Of which the space, the seed and earlier results count here; trials are told by ``learn``.
    """

    def __init__(self, template: Template, context: Context) -> None:
        self.template = template
        self.space: SearchSpace = context.space
        self.axes: dict[str, Axis] = {
            name: axis(parameter)
            for name, parameter in zip(
                context.space.column_names, context.space.dimensions, strict=True
            )
        }
        self.seed, self.prior = context.seed, context.extra_observations
        self.study: _Study = pickle.loads(_blank())  # noqa: S301  our own
        self.told: list[tuple[Any, ...]] = []
        self._notes = type(template.seeded(0)) not in WITHOUT_NOTES
        for known in context.extra_observations:
            params, distributions = self._in_their_words(known.point)
            self.study.add_trial(
                create_trial(value=known.loss, params=params, distributions=distributions)
            )

    # ------------------------------------------------------------------ what has been tried

    def fits(self, context: Context) -> bool:
        """Whether all that the study has been told is the beginning of a history."""
        history = context.history
        same = (self.space is context.space, self.seed == context.seed)
        known = self.prior is context.extra_observations and len(self.told) <= len(history)
        return all(same) and known and self.told == list(map(_gist, history[: len(self.told)]))

    def learn(self, trials: Sequence[Trial], sign: float) -> None:
        """Tell the study of the next trials."""
        for trial in trials:
            sampler = self.template.seeded(self.seed, trial.number, 0)
            begin = self._asked_for if self._notes else self._added
            number = begin(trial, sampler)
            if trial.state is TrialState.COMPLETE:
                assert trial.value is not None, "a completed trial has a value"
                self.study.tell(number, sign * trial.value)
            elif trial.state.ended:
                self.study.tell(number, state=STATES[trial.state])
            self.told.append(_gist(trial))

    def copy(self) -> Rehearsal:
        """Return one that can be told more, and leaves this one as it is."""
        copied = object.__new__(Rehearsal)
        copied.__dict__.update(self.__dict__)
        copied.study = pickle.loads(pickle.dumps(self.study))  # noqa: S301  our own
        copied.told = list(self.told)
        return copied

    def _added(self, trial: Trial, sampler: BaseSampler) -> int:
        params, distributions = self._in_their_words(trial.point)
        begun = create_trial(
            state=TheirState.RUNNING,
            params=params,
            distributions=distributions,
            intermediate_values=_reports(trial),
        )
        self.study.sampler = sampler
        self.study.add_trial(begun)
        return len(self.study.get_trials(deepcopy=False)) - 1

    def _asked_for(self, trial: Trial, sampler: BaseSampler) -> int:
        params, distributions = self._in_their_words(trial.point)
        self.study.sampler = _Overruled(sampler, params)
        asked = self.study.ask(distributions)
        self.template.check(sampler)
        for step, loss in _reports(trial).items():
            asked.report(loss, step)
        return asked.number

    def _in_their_words(self, unit: FloatArray) -> tuple[dict[str, Any], dict[str, Any]]:
        used = self.space.active_mask(unit)
        here = [(name, u) for name, u, on in zip(self.axes, unit, used, strict=True) if on]
        return (
            {name: self.axes[name].to_optuna(u) for name, u in here},
            {name: self.axes[name].distribution for name, _ in here},
        )

    # ------------------------------------------------------------------ what comes next

    def next(self, number: int, taken: Collection[bytes]) -> FloatArray | None:
        """Return a free place in the unit cube for trial ``number``, None if none is proposed.

        None is proposed either where the sampler calls for the end: then ``study.through`` says so.
        """
        for attempt in range(N_ATTEMPTS):
            if self.study.through:
                break
            row, asked = self._ask(number, attempt)
            if self.space.keys(row)[0] not in taken:
                return row
            self.study.tell(asked, state=TheirState.FAIL)
        return None

    def _ask(self, number: int, attempt: int) -> tuple[FloatArray, optuna.Trial]:
        sampler = self.template.seeded(self.seed, number, attempt)
        self.study.sampler = sampler
        asked = self.study.ask()
        row = np.full(self.space.n_dimensions, REST)
        for j, (name, one) in enumerate(self.axes.items()):
            # Those that switch a parameter come before it.
            if self.space.active_mask(row)[j]:
                row[j] = one.to_unit(_suggest(asked, name, one.distribution))
        self.template.check(sampler)
        return self.space.snap(row), asked


@final
class _Overruled(BaseSampler):
    """A sampler that is asked, and takes its notes, and whose answer is not taken."""

    def __init__(self, sampler: BaseSampler, params: dict[str, Any]) -> None:
        self._sampler, self._params = sampler, params

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._sampler.sample_relative(study, trial, search_space)
        return {name: value for name, value in self._params.items() if name in search_space}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        self._sampler.sample_independent(study, trial, param_name, param_distribution)
        return self._params[param_name]

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TheirState,
        values: Sequence[float] | None,
    ) -> None:
        self._sampler.after_trial(study, trial, state, values)


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        low, high, log = distribution.low, distribution.high, distribution.log
        return trial.suggest_int(name, low, high, step=distribution.step, log=log)
    assert isinstance(distribution, FloatDistribution), "axes have no others"
    return trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)


def _reports(trial: Trial) -> dict[int, float]:
    """Return the reports of a trial that has ended: what a running one has said depends on when."""
    if not trial.state.ended:
        return {}
    sign = sign_of_reports(trial)
    return {step: sign * value for step, value in by_step(trial.reports).items()}


def _gist(trial: Trial) -> tuple[Any, ...]:
    """Return what a sampler can learn of a trial, in short."""
    ended = len(trial.reports) if trial.state.ended else 0
    return trial.point.tobytes(), trial.state, trial.value if trial.state.ended else None, ended
