"""Typical mistakes: each message names the rule, the value and the cure.

``tests/integrations/test_mistakes.py`` has the mistakes that need another package.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tuneplug import Categorical, Float, Int, SearchSpace, Study, TuneplugError
from tuneplug.stopping import AsynchronousHalving, MedianRule, Patience, Target
from tuneplug.strategies import RandomSearch

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


def report(value=0.0, step=0):
    return lambda: study().ask().report(value, step)


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


def import_name(name):
    return lambda: exec(f"from tuneplug import {name}", {})


#: Name of a mistake: (what makes it, rule, value, cure).
MISTAKES = {
    "no space": (lambda: SearchSpace(None), "a mapping of names", "None", "{'x': Float(0, 1)}"),
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
    "Int of floats": (space(Int(1.5, 3)), "must be integers", "low=1.5", "use a Float"),
    "no categories": (space([]), "at least one value", "[]", "add a value"),
    "categories as text": (space("abc"), "Float, Int or Categorical", "'abc'", "['a', 'b']"),
    "categories as a set": (space({1}), "a list of categories", "{1}", "['a', 'b']"),
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
    "when= as text": (conditional("kernel"), "must map", "'kernel'", "when={'kernel': ['rbf']}"),
    "point of another shape": (
        lambda: study().space.decode([0.1, 0.2]),
        "1 coordinates",
        "[0.1, 0.2]",
        "encode(params)",
    ),
    "strategy misspelt": (options(strategy="bayesain"), "one of", "'bayesain'", "mean 'bayesian'"),
    "strategy class": (options(strategy=RandomSearch), "a Strategy", "<class", "RandomSearch(...)"),
    "direction misspelt": (
        options(direction="maximise"),
        "must be one of",
        "'maximise'",
        "did you mean 'maximize'",
    ),
    "stopping misspelt": (options(stopping="medain"), "one of", "'medain'", "mean 'median'"),
    "stopping class": (options(stopping=MedianRule), "StoppingRule", "<class", "MedianRule(...)"),
    "two stopping rules": (
        options(strategy="hyperband", stopping="median"),
        "has its own rule",
        "'median'",
        "leave stopping out",
    ),
    "seed as text": (options(seed="0"), "an integer", "'0'", "seed=0"),
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
    "negative step": (report(step=-1), "at least 0", "step -1", "count from 0"),
    "enqueue of another name": (
        lambda: study().enqueue({"X": 0.5}),
        "every active parameter",
        "{'X': 0.5}",
        "did you mean 'x'",
    ),
    "enqueue outside of the range": (lambda: study().enqueue({"x": 5}), "must lie", "5", "[0, 1]"),
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
    "target as text": (lambda: Target("a"), "must be a number", "'a'", "Target(0.9)"),
    "no patience": (lambda: Patience(0), "an integer", "got 0", "of at least 1"),
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
