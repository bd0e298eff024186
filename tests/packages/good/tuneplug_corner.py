"""A plugin: a strategy, a scaling, a stopping rule, an executor, and an observer that counts."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tuneplug.plugins import hookimpl
from tuneplug.space.scaling import Scaling
from tuneplug.stopping import MedianRule, StoppingRule
from tuneplug.strategies import RandomSearch, Strategy, Suggestion

tuneplug_api_version = 1
finished = []


class Corner(Strategy):
    """Random configurations, none larger than the middle."""

    name = "corner"

    def suggest(self, context, n):
        found = RandomSearch().suggest(context, n)
        halves = [0.5 * context.space.locate(s.params) for s in found]
        return [Suggestion(context.space.decode(u), origin="corner") for u in halves]


class Cubic(Scaling):
    """x cubed."""

    name = "cubic"

    def forward(self, x):
        return np.asarray(x) ** 3

    def inverse(self, t):
        return np.cbrt(t)


class Patient(StoppingRule):
    """The median rule after half of a fit."""

    name = "patient"

    def make_threshold(self, number, curves, sign):
        longest = max((len(curve.steps) for curve in curves.values()), default=2)
        return MedianRule(n_warmup_steps=max(1, longest // 2)).make_threshold(number, curves, sign)


class Pair(ThreadPoolExecutor):
    """Two threads."""

    name = "pair"

    def __init__(self):
        super().__init__(2)


@hookimpl
def tuneplug_strategies():
    return Corner


@hookimpl
def tuneplug_scalings():
    return [Cubic]


@hookimpl
def tuneplug_stopping_rules():
    return [Patient]


@hookimpl
def tuneplug_executors():
    return [Pair]


@hookimpl
def tuneplug_trial_finished(trial):
    finished.append(trial.number)
