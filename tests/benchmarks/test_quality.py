"""A small benchmark runs, resumes and reports; peers that are not installed are named."""

from __future__ import annotations

import json

import ablation
import latency
import numpy as np
import peers
import pytest
import quality
from _optimizers import Optimizer, Proposal
from _runs import Cell, record_log, run
from _tasks import Task

from tuneplug import Categorical, Float, Int, SearchSpace

SPACE = SearchSpace({"x": Float(0.0, 1.0, scaling="linear")})
TINY = ["--suite", "functions", "--tasks", "branin", "--seeds", "2", "--jobs", "6"]


class Recorder(Optimizer):
    """Proposes 0/100, 1/100, ... and remembers what was open at the time."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self.asked, self.most_open, self.told = 0, 0, []

    def ask(self) -> Proposal:
        self.asked += 1
        self.most_open = max(self.most_open, self.asked - len(self.told))
        return Proposal({"x": (self.asked - 1) / 100})

    def tell(self, proposal: Proposal, loss: float) -> None:
        self.told.append(loss)

    def observe(self, configurations, losses) -> None:
        self.told += losses


def simulate(workers: int):
    made: list[Recorder] = []

    def make(space, seed):
        made.append(Recorder(space, seed))
        return made[-1]

    task = Task("t", "test", SPACE, lambda configuration: configuration["x"])
    return made, run(Cell("t", "recorder", 3, 20, workers), task, make)


def test_k_workers_keep_k_trials_open_and_tell_in_the_order_of_ending():
    for workers in (1, 4):
        made, record = simulate(workers)
        assert made[0].most_open == workers
        assert record.losses == made[0].told
        assert sorted(record.losses) == [i / 100 for i in range(20)]
        assert (record.losses == sorted(record.losses)) == (workers == 1)
        assert len(record.seconds) == 20


def test_a_benchmark_writes_resumes_and_reports(tmp_path, capsys):
    command = [*TINY, "--optimizers", "tuneplug", "--out", str(tmp_path)]
    quality.main(command)
    runs = tmp_path / "runs.jsonl"
    first = runs.read_text()
    assert len(first.splitlines()) == 4  # random search is always there: it scales regret
    assert "4 runs to make" in capsys.readouterr().out
    quality.main(command)
    assert runs.read_text() == first
    assert "0 runs to make, 4" in capsys.readouterr().out
    table = (tmp_path / "tables.md").read_text()
    assert "| tuneplug |" in table
    assert "| random |" in table
    assert (tmp_path / "regret-1-workers.png").stat().st_size > 1000

    runs.write_text(first[: first.rfind('"seconds"')])  # interrupted while writing the last run
    assert len(record_log(runs).read()) == 3


def test_an_unknown_optimizer_is_an_error_that_lists_the_names(tmp_path):
    with pytest.raises(SystemExit, match=r"no optimizer is called \['gues'\].*tuneplug.*smac"):
        quality.main([*TINY, "--optimizers", "gues", "--out", str(tmp_path)])


def test_what_cannot_run_is_skipped_with_its_reason(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda module: None)
    assert peers.catalogue(["random", "smac"]) == (["random"], {"smac": "not installed: smac"})
    monkeypatch.setattr(peers, "find_spec", lambda module: module)
    assert peers.catalogue(["skopt-gp"], 4)[1] == {"skopt-gp": "does not see running trials"}
    entry = peers.Entry(peers.TunePlug, arguments={"no_such": 1})
    assert entry.unavailable_reason() == "this tuneplug has no no_such"


@pytest.mark.parametrize("name", peers.OPTIMIZERS)
def test_an_optimizer_handles_conditions_and_open_trials(name):
    if reason := peers.OPTIMIZERS[name].unavailable_reason():
        pytest.skip(reason)
    space = SearchSpace(
        {
            "kind": Categorical(["a", "b", "c"]),
            "rate": Float(1e-3, 1.0, scaling="log", when={"kind": ["a"]}),
            "size": Int(1, 100, scaling="log"),
        }
    )
    optimizer = peers.OPTIMIZERS[name].make(space, 0)
    proposals = [optimizer.ask() for _ in range(2 if optimizer.parallel else 1)]
    for proposal in reversed(proposals):
        assert space.decode(space.encode(proposal.configuration)) == pytest.approx(
            proposal.configuration
        )
        assert ("rate" in proposal.configuration) == (proposal.configuration["kind"] == "a")
        optimizer.tell(proposal, 1.0)
    assert len({space.key(p.configuration) for p in proposals}) == len(proposals)


@pytest.mark.parametrize("name", ["tuneplug", "random"])
def test_latency_is_measured_after_n_told_trials(name):
    assert len(latency.measure(latency.Point(name, d=2, n=10), repeats=2, limit=60)) == 2
    assert len(latency.measure(latency.Point(name, d=2, n=10), repeats=2, limit=0)) == 1


def test_a_variant_replaces_constants_while_it_runs_only(monkeypatch):
    from tuneplug.strategies import bayesian

    before, during = bayesian.DESIGN_SIZE, []

    def loss(configuration):
        during.append(bayesian.DESIGN_SIZE)
        return configuration["x"]

    variant = ablation.Variant(constants={"tuneplug.strategies.bayesian.DESIGN_SIZE": 3})
    variant.run(Cell("t", "v", 0, 2), Task("t", "test", SPACE, loss))
    assert during == [3, 3]
    assert before == bayesian.DESIGN_SIZE


def test_the_ablation_compares_variants_with_the_default(tmp_path):
    command = ["--variants", "no warping", "--tasks", "branin", "--seeds", "1", "--jobs", "6"]
    ablation.main([*command, "--out", str(tmp_path)])
    table = (tmp_path / "tables.md").read_text()
    assert all(f"| {name} |" in table for name in ("default", "no warping", "random"))
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    assert {json.loads(line)["cell"]["optimizer"] for line in lines} == {
        "default",
        "no warping",
        "random",
    }


def test_a_model_that_fails_counts_as_one_that_knows_nothing():
    models = pytest.importorskip("models")
    tasks = {task.name: task for task in models.tasks()}
    assert len(tasks) >= 8
    network = next(m for m in models.MODELS if m.name == "mlp, digits")
    diverged = {
        "mlpclassifier__solver": "sgd",
        "mlpclassifier__learning_rate_init": 1e300,
        "mlpclassifier__activation": "relu",
    }
    assert network.loss(diverged) == pytest.approx(np.log(10), abs=0.01)
    svm = tasks["svm, diabetes"]
    configuration = svm.space.sample(1, np.random.default_rng(0))[0]
    assert svm.loss(configuration) == svm.loss(configuration)


def test_steps_have_ties_and_a_suite_of_their_own():
    models = pytest.importorskip("models")
    steps = quality.suite("steps")
    assert len(steps) >= 6
    assert list(steps) == [model.name for model in models.STEPS]
    assert not set(steps) & set(quality.suite("models"))
    for name in ("tree, digits", "tree, diabetes", "svm, wine"):
        drawn = steps[name].space.sample(30, np.random.default_rng(0))
        losses = [steps[name].loss(configuration) for configuration in drawn]
        assert np.isfinite(losses).all()
        assert len(set(losses)) < 24
