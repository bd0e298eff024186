"""Typical mistakes: each message names the rule, the value and the cure.

``tests/integrations/test_mistakes.py`` has the mistakes that need another package.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import stats

from tuneplug import Categorical, Float, Int, SearchSpace, Study, TuneplugError
from tuneplug.plugins import hookimpl
from tuneplug.stopping import AsynchronousHalving, MedianRule, Patience, Target
from tuneplug.strategies import HyperbandSearch, RandomSearch

KERNELS = ["rbf", "linear"]


def space(declared):
    return lambda: SearchSpace({"x": declared})


def conditional(when):
    return lambda: SearchSpace({"kernel": KERNELS, "x": Float(0, 1, when=when)})


def study(**options):
    return Study({"x": Float(0, 1)}, **{"strategy": "random", "seed": 0, **options})


def options(**given):
    return lambda: study(**given)


def never(trial):
    pytest.fail("the objective must not be called")


def optimize(objective=never, **given):
    return lambda: study().optimize(objective, **given)


def report(value=0.0, step=0, fold=None):
    return lambda: study().ask().report(value, step, fold=fold)


def tell(value, **given):
    def mistake():
        mine = study()
        mine.tell(mine.ask(), value, **given)

    return mistake


def tell_twice():
    mine = study()
    trial = mine.ask()
    mine.tell(trial, 1.0)
    mine.tell(trial, 1.0)


def observer(hook, function):
    return type("Observer", (), {hook: hookimpl(function)})()


def ended_trial():
    mine = study()
    trial = mine.ask()
    mine.tell(trial, 1.0)
    return mine, trial


def study_fails(mine, trial):
    mine.fail(trial, "late")


def report_twice():
    trial = study().ask()
    trial.report(1.0, 0)
    trial.report(1.0, 0)


def ask_for_a_third_of_two():
    mine = Study({"x": [1, 2]}, strategy="random", seed=0)
    for _ in range(3):
        mine.ask()


def import_name(name):
    return lambda: exec(f"from tuneplug import {name}", {})


#: Name of a mistake: (what makes it, rule, value, cure).
MISTAKES = {
    "no space": (lambda: SearchSpace(None), "a mapping of names", "None", "{'x': Float(0, 1)}"),
    "completion rule without a list": (
        optimize(n_trials=3, completion=Patience(10)),
        "a list of CompletionRule",
        "got Patience(n_trials=10)",
        "in a list",
    ),
    "name that is a number": (
        lambda: SearchSpace({3: Float(0, 1)}),
        "names must be strings",
        "got 3",
        "in quotes",
    ),
    "tuple of skopt": (
        space((1e-3, 1e3, "log-uniform")),
        "must be a Float or Int",
        "(0.001, 1000.0, 'log-uniform')",
        'Float(0.001, 1000.0, "log")',
    ),
    "ends exchanged": (space(Float(1, 0)), "low <= high", "low=1, high=0", "exchange"),
    "ends that are strings": (space(Float("0", "1")), "be numbers", "low='0'", "declare a list"),
    "end that is NaN": (space(Float(0, np.nan)), "be finite", "high=nan", "scipy distribution"),
    "infinite end": (space(Float(0, np.inf)), "be finite", "high=inf", "scipy distribution"),
    "logarithm of 0": (space(Float(0, 1, "log")), "`low > 0`", "low=0", "such as 1e-8"),
    "scaling misspelt": (space(Float(1, 2, "lgo")), "one of 'auto'", "'lgo'", "mean 'log'"),
    "scaling of scikit-optimize": (
        space(Float(1, 2, "log-uniform")),
        "one of 'auto'",
        "'log-uniform'",
        "mean 'log'",
    ),
    "Int of strings": (space(Int("1", "5")), "must be integers", "low='1'", "without quotes"),
    "Int of floats": (space(Int(1.5, 3)), "must be integers", "low=1.5", "use a Float"),
    "no categories": (space([]), "at least one value", "[]", "add a value"),
    "categories as text": (space("abc"), "Float, Int or Categorical", "'abc'", "['a', 'b']"),
    "categories as a set": (space({1}), "a list of categories", "{1}", "['a', 'b']"),
    "range in a list": (
        space([Float(0, 1)]),
        "must be values",
        "Float(low=0, high=1",
        "without the list",
    ),
    "fixed value": (space(3), "a list of categories", "got 3", "['a', 'b']"),
    "class of a parameter": (space(Float), "must be a Float", "<class", "Float(0, 1)"),
    "categories spread": (
        space(Categorical("a", "b")),
        "must be a list",
        "'a'",
        "Categorical(['a', 'b'])",
    ),
    "unfrozen distribution": (
        space(stats.loguniform),
        "must be given its parameters",
        "loguniform",
        "scipy.stats.loguniform(a=..., b=...)",
    ),
    "when= of an unknown name": (
        conditional({"kernal": ["rbf"]}),
        "not a parameter of this space",
        "'kernal'",
        "did you mean 'kernel'",
    ),
    "when= of an unknown value": (
        conditional({"kernel": ["rbff"]}),
        "must",
        "'rbff'",
        "'rbf'",
    ),
    "when= without a list": (conditional({"kernel": "rbf"}), "be a list", "'rbf'", "in a list"),
    "when= without values": (conditional({"kernel": []}), "a list of", "got []", "add a value"),
    "space as a list of parameters": (
        lambda: SearchSpace([Float(0, 1)]),
        "a mapping of names",
        "Float(low=0, high=1",
        "{'x': Float(0, 1)}",
    ),
    "when= as text": (conditional("kernel"), "must map", "'kernel'", "when={'kernel': ['rbf']}"),
    "point of another shape": (
        lambda: study().space.decode([0.1, 0.2]),
        "1 coordinates",
        "[0.1, 0.2]",
        "encode(params)",
    ),
    "strategy misspelt": (options(strategy="bayesain"), "one of", "'bayesain'", "mean 'bayesian'"),
    "strategy class": (options(strategy=RandomSearch), "a Strategy", "<class", "RandomSearch(...)"),
    "strategy that is a number": (options(strategy=3), "a Strategy", "got 3", "'bayesian'"),
    "direction abbreviated": (options(direction="max"), "one of", "'max'", "mean 'maximize'"),
    "direction misspelt": (
        options(direction="maximise"),
        "must be one of",
        "'maximise'",
        "did you mean 'maximize'",
    ),
    "stopping misspelt": (options(stopping="medain"), "one of", "'medain'", "mean 'median'"),
    "stopping class": (options(stopping=MedianRule), "StoppingRule", "<class", "MedianRule(...)"),
    "stopping switched on": (options(stopping=True), "a StoppingRule", "True", "'median'"),
    "strategy as stopping": (
        options(stopping="hyperband"),
        "stopping must be one of",
        "'hyperband'",
        "pass strategy='hyperband'",
    ),
    "stopping as strategy": (
        options(strategy="asha"),
        "strategy must be one of",
        "'asha'",
        "pass stopping='asha'",
    ),
    "two stopping rules": (
        options(strategy="hyperband", stopping="median"),
        "has its own rule",
        "'median'",
        "leave stopping out",
    ),
    "seed as text": (options(seed="0"), "an integer", "'0'", "seed=0"),
    "seed that is a truth value": (options(seed=True), "an integer", "True", "seed=0"),
    "storage without a name": (
        options(storage="sqlite:///x.db"),
        "needs a name",
        "name=None",
        "name='study'",
    ),
    "generator as seed": (
        options(seed=np.random.default_rng(0)),
        "an integer",
        "Generator",
        "seed=0",
    ),
    "no trials": (options(n_trials=0), "an integer", "got 0", "of at least 1"),
    "plugin without hooks": (options(plugins=[3]), "marked by hookimpl", "3", "@hookimpl above"),
    "plugins without a list": (options(plugins=3), "a list of plugins", "3", "plugins=[plugin]"),
    "unknown storage": (options(storage="sqlit:///x"), "one of", "'sqlit'", "mean 'sqlite'"),
    "path as storage": (options(storage="x.db"), "a URL", "'x.db'", "'sqlite:///study.db'"),
    "storage of another type": (options(storage=3), "a URL", "got 3", "'sqlite:///study.db'"),
    "no folder of the storage": (
        options(storage="sqlite:////no/such/folder/x.db", name="study"),
        "unable to open",
        "/no/such/folder/x.db",
        "its folder must exist",
    ),
    "attributes as a list": (
        options(attributes=["a"]),
        "a mapping of names",
        "['a']",
        "attributes={'data': 'first half'}",
    ),
    "hook misspelt": (
        options(plugins=[observer("tuneplug_trial_ended", lambda self, trial: None)]),
        "name of one of tuneplug",
        "'tuneplug_trial_ended'",
        "mean 'tuneplug_trial_asked'",
    ),
    "argument of a hook misspelt": (
        options(plugins=[observer("tuneplug_trial_finished", lambda self, trail: None)]),
        "among ['study', 'trial']",
        "'trail'",
        "mean 'trial'",
    ),
    "negative lag": (lambda: study().ask(lag=-1), "an integer", "got -1", "of at least 0"),
    "tell of parameters": (lambda: study().tell({"x": 1}, 1), "a Trial", "{'x': 1}", "enqueue("),
    "tell of a number": (lambda: study().tell(0, 1), "get a Trial", "got 0", "study.ask()"),
    "fail of a number": (lambda: study().fail(0, "x"), "get a Trial", "got 0", "study.ask()"),
    "tell twice": (tell_twice, "told once", "trial 0", "ask()"),
    "trial of another study": (
        lambda: study(seed=1).tell(study().ask(), 1),
        "of this study",
        "trial 0",
        "ask()",
    ),
    "tell of text": (tell("a"), "a real number", "'a'", "return or report a float"),
    "negative variance": (tell(1, variance=-1), "not negative", "got -1", "leave it out"),
    "report of text": (report("a"), "a real number", "'a'", "report a float"),
    "report of a tuple": (report((1, 2)), "a real number", "(1, 2)", "report a float"),
    "step as text": (report(step="1"), "a whole number", "'1'", "count boosting rounds"),
    "fold as text": (report(fold="a"), "a whole number", "'a'", "count the folds"),
    "negative fold": (report(fold=-1), "at least 0", "got -1", "count the folds"),
    "step reported twice": (report_twice, "must increase", "step 0 after step 0", "fold=0, 1"),
    "report after the end": (
        lambda: ended_trial()[1].report(1.0, 0),
        "before it ends",
        "trial 0 is complete",
        "ask()",
    ),
    "ask after the last one": (ask_for_a_third_of_two, "exhausted", "2 configurations", "tried"),
    "fail after tell": (lambda: study_fails(*ended_trial()), "told once", "trial 0", "ask()"),
    "negative step": (report(step=-1), "at least 0", "step -1", "count from 0"),
    "enqueue of another name": (
        lambda: study().enqueue({"X": 0.5}),
        "every active parameter",
        "{'X': 0.5}",
        "did you mean 'x'",
    ),
    "enqueue outside of the range": (lambda: study().enqueue({"x": 5}), "must lie", "5", "[0, 1]"),
    "enqueue of text": (
        lambda: study().enqueue({"x": "0.5"}),
        "be numbers in [0, 1]",
        "'0.5'",
        "without quotes",
    ),
    "enqueue of a list": (
        lambda: study().enqueue([{"x": 0.5}]),
        "map names to values",
        "[{'x': 0.5}]",
        "pass one dict",
    ),
    "observation of NaN": (
        lambda: study().add_observation({"x": 0.5}, np.nan),
        "must be finite",
        "nan",
        "leave it out",
    ),
    "no budget": (optimize(), "n_trials, a timeout", "None", "n_trials=50"),
    "objective called": (optimize(3.0, n_trials=1), "a function", "3.0", "without calling it"),
    "fraction of a trial": (optimize(n_trials=2.5), "an integer", "2.5", "of at least 1"),
    "negative timeout": (optimize(timeout=-1), "positive seconds", "got -1", "None for no limit"),
    "timeout as text": (optimize(timeout="1h"), "a real number", "'1h'", "give seconds"),
    "no workers": (optimize(n_trials=1, n_jobs=0), "other than 0", "got 0", "-1 for one per core"),
    "executor without submit": (
        optimize(n_trials=1, executor=3),
        "an object with submit",
        "got 3",
        "ProcessPoolExecutor",
    ),
    "executor that is a class": (
        optimize(n_trials=1, executor=ThreadPoolExecutor),
        "an object with submit",
        "<class",
        "ThreadPoolExecutor(...)",
    ),
    "executor of another name": (
        optimize(n_trials=1, executor="thread"),
        "one of",
        "'thread'",
        "pass n_jobs=",
    ),
    "budget as text": (optimize(n_trials="10"), "an integer", "'10'", "of at least 1"),
    "fail_fast as text": (optimize(n_trials=1, fail_fast="no"), "True or", "'no'", "False"),
    "callbacks as text": (
        optimize(n_trials=1, callbacks="print"),
        "a list of callables",
        "'print'",
        "callbacks=[callback]",
    ),
    "completion of a number": (
        optimize(n_trials=1, completion=[0.9]),
        "CompletionRule objects",
        "0.9",
        "Target(0.9)",
    ),
    "class of a completion rule": (
        optimize(n_trials=1, completion=[Patience]),
        "CompletionRule objects",
        "<class",
        "Patience(10)",
    ),
    "callback without a list": (optimize(n_trials=1, callbacks=print), "a list", "print", "=[c"),
    "callback that is a number": (
        optimize(n_trials=1, callbacks=[3]),
        "must be callables",
        "got 3",
        "pass functions",
    ),
    "target as text": (lambda: Target("a"), "must be a real number", "'a'", "Target(0.9)"),
    "no patience": (lambda: Patience(0), "an integer", "got 0", "of at least 1"),
    "resource as text": (
        lambda: HyperbandSearch(max_resource="81"),
        "max_resource must be an integer",
        "'81'",
        "of at least 1",
    ),
    "halving by 1": (
        lambda: AsynchronousHalving(reduction_factor=1),
        "reduction_factor must be an integer",
        "got 1",
        "of at least 2",
    ),
    "best of nothing": (lambda: study().best_params, "a completed one", "no trials", "optimize("),
    "search from the core": (
        import_name("WarpedBayesSearchCV"),
        "from its own package",
        "'tuneplug'",
        "from tuneplug_sklearn import WarpedBayesSearchCV",
    ),
    "strategy from the core": (
        import_name("BayesianSearch"),
        "from its own package",
        "'tuneplug'",
        "from tuneplug.strategies import BayesianSearch",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_message_names_rule_value_and_cure(name):
    mistake, *parts = MISTAKES[name]
    with pytest.raises((TuneplugError, TypeError, ValueError, ImportError)) as raised:
        mistake()
    missing = [part for part in parts if part not in str(raised.value)]
    assert not missing, str(raised.value)
