"""Networks of skorch that are monitored by epochs."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
skorch = pytest.importorskip("skorch", reason="skorch is not installed")

from skorch.callbacks import Callback, EarlyStopping, LRScheduler  # noqa: E402
from stopped_searches import check_last_reports, check_stopped  # noqa: E402

from tuneplug import Float, NoCompletedTrialError  # noqa: E402
from tuneplug.monitoring import MonitoredFit, Scoring, TrialReporter  # noqa: E402
from tuneplug.stopping import MedianRule  # noqa: E402
from tuneplug.testing import FitMonitorContract  # noqa: E402
from tuneplug_sklearn import WarpedBayesSearchCV  # noqa: E402
from tuneplug_skorch import SkorchMonitor  # noqa: E402

X, Y = load_digits(n_class=3, return_X_y=True)
X, Y = (X[:160] / 16).astype(np.float32), Y[:160].astype(np.int64)
NEVER = MedianRule(n_warmup_steps=10**6)
EAGER = MedianRule(n_warmup_steps=1, n_min_trials=2, n_startup_trials=2, n_protected=0)
RATES = {"lr": Float(1e-6, 1.0, "log")}


class Network(torch.nn.Module):
    def __init__(self, n_outputs=3, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.2),
            torch.nn.Linear(8, n_outputs),
        )

    def forward(self, X):
        return self.layers(X)


def net(kind=skorch.NeuralNetClassifier, **params):
    defaults = {"max_epochs": 20, "lr": 0.1, "verbose": 0, "iterator_train__shuffle": True}
    if kind is skorch.NeuralNetClassifier:
        defaults["criterion"] = torch.nn.CrossEntropyLoss
    else:
        defaults["module__n_outputs"] = 1
    return kind(Network, **defaults | params)


KINDS = {
    "classifier": (net(), Y),
    "regressor": (net(skorch.NeuralNetRegressor), Y[:, None].astype(np.float32)),
    "no validation": (net(train_split=None), Y),
    "adam": (net(optimizer=torch.optim.Adam, lr=0.01), Y),
    "scheduler": (net(callbacks=[LRScheduler(step_size=3, gamma=0.5, policy="StepLR")]), Y),
    "early stopping": (
        net(callbacks=[("stop", EarlyStopping(patience=2, threshold=0.02))], max_epochs=100),
        Y,
    ),
    "best weights": (
        net(callbacks=[EarlyStopping(patience=2, threshold=0.02, load_best=True, sink=len)]),
        Y,
    ),
    "few epochs": (net(max_epochs=3), Y),
}


def watched(model, y=Y, scoring=None, **reporter):
    reporting = TrialReporter(**reporter)
    return MonitoredFit(model, X, y, reporting, {}, X, y, scoring=scoring, notes=[])


def of_history(model, *names):
    return [[epoch[name] for name in names if name in epoch] for epoch in model.history]


@pytest.mark.parametrize("by_score", [False, True], ids=["loss", "score"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_that_is_not_stopped_is_the_one_without_a_monitor(kind, by_score):
    given, y = KINDS[kind]
    plain, model = clone(given).fit(X, y), clone(given)
    calls = []

    def score():
        calls.append(model.score(X, y))
        return calls[-1]

    fit = watched(model, y, Scoring("score", None, score) if by_score else None)
    assert SkorchMonitor().fit(fit) is None
    for name, weights in plain.module_.state_dict().items():
        assert torch.equal(weights, model.module_.state_dict()[name])
    names = ("train_loss", "valid_loss", "valid_acc")
    assert of_history(model, *names) == of_history(plain, *names)
    assert [name for name, _ in model.callbacks_] == [name for name, _ in plain.callbacks_]
    assert len(model.callbacks or []) == len(plain.callbacks or [])
    reports = fit.reporter.reports
    assert reports[-1].step == len(plain.history) - 1
    assert fit.reporter.direction == ("maximize" if by_score else "minimize")
    if by_score:
        assert len(calls) <= 10
        assert reports[-1].value == plain.score(X, y)
    else:
        loss = "train_loss" if kind == "no validation" else "valid_loss"
        assert fit.reporter.metric == loss
        assert [report.value for report in reports] == plain.history[:, loss]


def test_a_stopped_fit_ends_after_the_epoch_and_calls_the_callbacks_at_the_end():
    ended = []

    class Ended(Callback):
        def on_train_end(self, net, **kwargs):
            ended.append(len(net.history))

    model = net(callbacks=[Ended()])
    fit = watched(model, deadline=0.0)
    SkorchMonitor().fit(fit)
    assert ended == [len(model.history)] == [1]
    assert fit.reporter.stop_reason == "timeout"
    assert model.predict(X).shape == Y.shape


def test_only_nets_are_accepted():
    monitor = SkorchMonitor()
    assert monitor.accepts(net())
    assert monitor.accepts(net(skorch.NeuralNetRegressor))
    assert not monitor.accepts(StandardScaler())


def searched(model, **options):
    defaults = {"n_iter": 10, "cv": 2, "random_state": 0, "strategy": "random", "lag": 0}
    defaults["monitor"] = SkorchMonitor()
    pipeline = make_pipeline(StandardScaler(), model)
    space = {f"{type(model).__name__.lower()}__lr": RATES["lr"]}
    return WarpedBayesSearchCV(pipeline, space, **defaults | options).fit(X, Y)


def test_a_search_stops_poor_nets_and_keeps_the_scores_of_the_others():
    search = searched(net(), stopping=EAGER)
    plain = searched(net())
    check_stopped(search, plain, at_least=1)
    assert {trial.metric for trial in search.study_.trials} == {"accuracy"}


def test_the_last_report_of_a_fold_is_its_score_by_any_scorer():
    search = searched(net(), stopping=NEVER, n_iter=2, scoring="f1_macro")
    assert {trial.metric for trial in search.study_.trials} == {"f1_macro"}
    check_last_reports(search, n_folds=2)


def test_a_timeout_ends_nets_between_epochs():
    with pytest.raises(NoCompletedTrialError, match="trial_timeout"):
        searched(net(max_epochs=2000), trial_timeout=0.5, n_iter=2)


def test_a_net_without_callbacks_is_fitted_without_a_monitor():
    with pytest.warns(UserWarning, match="got callbacks='disable'"):
        search = searched(net(callbacks="disable"), stopping=NEVER, n_iter=1)
    assert search.study_.trials[0].reports == []
    assert np.isfinite(search.best_score_)


class Interrupting(Callback):
    """Sends a SIGINT in the third epoch, which skorch catches."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 3:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("limits", [{}, {"trial_timeout": 10**6}, {"stopping": NEVER}])
def test_an_interrupt_that_skorch_catches_ends_the_search(limits):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    model = net(callbacks=[Interrupting()], max_epochs=5)
    try:
        with pytest.raises(KeyboardInterrupt):
            WarpedBayesSearchCV(model, RATES, n_iter=3, cv=2, random_state=0, **limits).fit(X, Y)
    finally:
        signal.signal(signal.SIGINT, before)


# ------------------------------------------------------------------ the contract


class TestContract(FitMonitorContract):
    @pytest.fixture
    def monitor(self):
        return SkorchMonitor()

    @pytest.fixture
    def estimator(self):
        return net()

    @pytest.fixture
    def data(self):
        return X[:100], Y[:100], X[100:], Y[100:]

    def test_the_parameters_of_the_estimator_are_restored(self, monitor, estimator, data):
        """The net's own parameters: a fit makes skorch's default callbacks anew."""
        for stop in (False, True):
            fit = self.make_fit(estimator, data, stop=stop)
            before = repr(fit.estimator.get_params(deep=False))
            monitor.fit(fit)
            assert repr(fit.estimator.get_params(deep=False)) == before
