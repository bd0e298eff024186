"""Same seed, same trials: compare all strategies with a recorded history.

``python tests/study/test_golden.py`` records the history again.  Only a change that is meant to
alter suggestions may do so.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
from scipy.stats import loguniform

from tuneplug import Categorical, Float, Int, SpaceExhausted, Study

GOLDEN = Path(__file__).with_name("golden.json")
N_TRIALS = 16

SPACES = {
    "float": {"x": Float(-2.0, 2.0)},
    "log floats": {"C": Float(1e-3, 1e3), "gamma": Float(1e-6, 1e1, "log")},
    "reverse log": {"momentum": Float(0.5, 0.999, "reverse_log"), "eta": Float(1e-4, 1.0)},
    "integers": {"depth": Int(2, 12), "leaves": Int(2, 4096, "log"), "seed": Int(3, 3)},
    "categories": {"kernel": ["rbf", "poly", "sigmoid"], "C": Float(1e-2, 1e2), "p": [True, False]},
    "conditions": {
        "booster": Categorical(["gbtree", "dart"]),
        "eta": Float(1e-3, 1.0),
        "rate_drop": Float(0.0, 1.0, when={"booster": ["dart"]}),
    },
    "sub-spaces": [{"a": Float(0.0, 1.0), "n": Int(1, 9)}, {"b": ["u", "v", "w"], "n": Int(1, 9)}],
    "distributions": {"C": loguniform(1e-3, 1e2), "depth": Int(1, 6), "k": [1, 2, 4, 8]},
}
STRATEGIES = ("bayesian", "random", "grid", "hyperband")
CASES = [(space, strategy, lag) for space in SPACES for strategy in STRATEGIES for lag in (0, 3)]


def loss_of(params):
    """Return a smooth loss of any configuration, or NaN in a corner of some spaces."""
    total = 0.0
    for i, name in enumerate(sorted(params)):
        value = params[name]
        x = float(value) if isinstance(value, (int, float)) else len(value) / 3.0
        total += (math.asinh(x) - 0.3 * (i + 1)) ** 2
    return math.nan if params.get("depth", 0) == 4 or params.get("C", 0.0) > 50.0 else total


def run(space, strategy, lag):
    """Return the trials of one study, with ``lag + 1`` trials in flight."""
    study = Study(SPACES[space], strategy=strategy, seed=7, n_trials=N_TRIALS)
    running = []
    for _ in range(N_TRIALS):
        try:
            running.append(study.ask(lag=lag))
        except SpaceExhausted:
            break
        if len(running) > lag:
            end(study, running.pop(0))
    for trial in running:
        end(study, trial)
    return [
        {"number": t.number, "params": t.params, "value": t.value, "state": t.state.value}
        for t in study.trials
    ]


def end(study, trial):
    loss = loss_of(trial.params)
    for step in range(9):
        if math.isfinite(loss) and not trial.should_stop():
            trial.report(loss + 1.0 / (step + 1.0), step)
    study.tell(trial, loss)


def key_of(space, strategy, lag):
    return f"{space}, {strategy}, lag {lag}"


def assert_same(trial, recorded, width):
    assert trial["number"] == recorded["number"]
    assert trial["state"] == recorded["state"]
    assert list(trial["params"]) == list(recorded["params"])
    for name, value in trial["params"].items():
        if isinstance(value, float):
            assert value == pytest.approx(recorded["params"][name], rel=width, abs=width)
        else:
            assert value == recorded["params"][name]
    if recorded["value"] is None:
        assert trial["value"] is None
    else:
        assert trial["value"] == pytest.approx(recorded["value"], rel=1e3 * width, abs=width)


@pytest.mark.parametrize(("space", "strategy", "lag"), CASES)
def test_same_seed_gives_the_recorded_trials(space, strategy, lag):
    recorded = json.loads(GOLDEN.read_text())[key_of(space, strategy, lag)]
    trials = run(space, strategy, lag)
    assert len(trials) == len(recorded)
    # Suggestions of a model depend on the last bits of linear algebra, and each one on the earlier
    # ones: for a model, compare the design and the first five suggestions, to 1e-6.
    n_compared = 10 if strategy == "bayesian" else N_TRIALS
    width = 1e-6 if strategy == "bayesian" else 1e-12
    for trial, known in zip(trials[:n_compared], recorded, strict=False):
        assert_same(trial, known, width)


if __name__ == "__main__":
    found = {key_of(*case): run(*case) for case in CASES}
    Path(sys.argv[1] if len(sys.argv) > 1 else GOLDEN).write_text(json.dumps(found, indent=1))
