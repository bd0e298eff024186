"""Ctrl-C during fits that catch it themselves."""

from __future__ import annotations

import signal
from contextlib import suppress

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from tuneplug import Float
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.interrupts import caught_interrupts_raised

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
N_EPOCHS = 5


@pytest.fixture(autouse=True)
def _handler():
    """Check that the handler of Python is in force again."""
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Interrupted(MLPClassifier):
    """Gets a SIGINT in a certain fit, which MLPClassifier catches."""

    n_fits = 0

    def fit(self, X, y):
        type(self).n_fits += 1
        return super().fit(X, y)

    def _update_no_improvement_count(self, *args, **kwargs):
        super()._update_no_improvement_count(*args, **kwargs)
        if self.n_fits == self.interrupted_fit and self.n_iter_ == 2:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Training interrupted by user:UserWarning")
@pytest.mark.parametrize("limits", [{}, {"trial_timeout": 10**6}, {"stopping": "median"}])
@pytest.mark.parametrize("fit", ["of a fold", "again on all rows"])
def test_an_interrupt_that_a_fit_catches_ends_the_search(limits, fit):
    n_iter, cv = 4, 2
    expected = n_iter * cv + 1 if fit == "again on all rows" else 3 * cv
    kind = type("Model", (Interrupted,), {"interrupted_fit": expected, "n_fits": 0})
    search = WarpedBayesSearchCV(
        kind((3,), max_iter=N_EPOCHS, random_state=0),
        {"learning_rate_init": Float(1e-3, 0.1)},
        n_iter=n_iter,
        cv=cv,
        random_state=0,
        **limits,
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    assert kind.n_fits == expected
    assert len(search.cv_results_["params"]) == (n_iter if fit == "again on all rows" else 2)
    assert not hasattr(search, "best_estimator_")


def test_an_interrupt_without_a_signal_may_be_caught():
    went_on = False
    with caught_interrupts_raised():
        with suppress(KeyboardInterrupt):
            raise KeyboardInterrupt
        went_on = True
    assert went_on


def test_a_handler_that_raises_nothing_is_called_and_no_interrupt():
    came = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    with caught_interrupts_raised():
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert came == [signal.SIGINT]


def test_a_handler_that_the_body_sets_is_kept():
    def own(number, frame):
        """Do nothing."""

    with caught_interrupts_raised():
        signal.signal(signal.SIGINT, own)
    assert signal.signal(signal.SIGINT, signal.default_int_handler) is own
