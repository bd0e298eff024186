"""The example on scaling and warping runs, goes on where it was, and reads UCI's data."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tuneplug import Comparison
from tuneplug.storage import SqliteStorage

pytest.importorskip("xgboost")
pytest.importorskip("matplotlib")
EXAMPLE = Path(__file__).parents[2] / "examples" / "scaling_and_warping.py"
FIGURES = {
    "means",
    "means_linear",
    "means_of_network",
    "scalings_and_warps",
    "single_runs",
    "tried_linear",
    "tried_scaled",
}
MACRO = ["emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed"]
COLUMNS = ["age", "job", "duration", "pdays", *MACRO, "y"]


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("scaling_and_warping", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(separator, labels):
    """Return a file of the bank-marketing data with ten rows."""
    jobs = ["student", "admin.", "retired", "services", "admin."] * 2
    rows = [
        [20 + i, job, 100, 999 if i % 2 else 3, *[1.0] * len(MACRO), labels[i % 2]]
        for i, job in enumerate(jobs)
    ]
    return "\n".join(separator.join(map(str, row)) for row in [COLUMNS, *rows])


def quick_run(folder):
    command = [sys.executable, "-W", "error", str(EXAMPLE), "--quick", "--output", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def n_stored(folder):
    storage = SqliteStorage(folder / "runs.db")
    return [len(storage.open(name, {}).records) for name in storage.studies()]


@pytest.mark.slow
def test_a_quick_run_draws_all_figures_and_a_second_one_runs_no_trial(tmp_path):
    first = quick_run(tmp_path)
    assert {path.stem for path in tmp_path.glob("*.png")} == FIGURES
    assert {path.stem for path in tmp_path.glob("*.svg")} == FIGURES
    assert first.count("2 replications prove nothing") == 2
    assert n_stored(tmp_path) == [10] * 16
    assert quick_run(tmp_path) == first
    assert n_stored(tmp_path) == [10] * 16


@pytest.mark.parametrize(("separator", "labels"), [(";", ("yes", "no")), (",", (1, 0))])
def test_both_spellings_of_the_data_give_the_same_features(example, tmp_path, separator, labels):
    path = tmp_path / "bank.csv"
    path.write_text(table(separator, labels), "utf-8")
    train, validation = example.bank_marketing(path)
    assert (train.num_row(), validation.num_row()) == (7, 2)
    # age, pdays, two features that are made, four jobs
    assert train.num_col() == 8
    known = np.concatenate([train.get_label(), validation.get_label()])
    assert set(known) == {0.0, 1.0}


def test_the_data_is_downloaded_once(example, tmp_path, monkeypatch):
    inner, outer = io.BytesIO(), tmp_path / "bank+marketing.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("bank-additional/bank-additional-full.csv", "age;y\n")
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("bank-additional.zip", inner.getvalue())
    monkeypatch.setattr(example, "URL", outer.as_uri())
    path = example.download(tmp_path)
    assert path.read_text("utf-8") == "age;y\n"
    outer.unlink()
    assert example.download(tmp_path) == path


@pytest.mark.parametrize(
    ("interval", "words"),
    [((0.1, 0.2), "holds here"), ((-0.2, 0.0), "does NOT hold here"), ((-1, 1), "not shown here")],
)
def test_a_claim_holds_only_if_the_interval_excludes_the_contrary(example, interval, words):
    assert example.verdict(*interval) == words


def test_the_report_names_the_claims_that_the_replications_contradict(example, capsys):
    random = np.tile(np.linspace(0.0, 1.0, 40), (12, 1))
    curves = dict(zip(example.ARMS, (np.ones_like(random), random, random, random), strict=True))
    example.report("made up", Comparison(curves, "maximize"))
    printed = capsys.readouterr().out
    assert "quarter of the jobs of random, linear or fewer: holds here\n    1 of 40" in printed
    assert "quarter of the jobs of random, scaled or fewer: does NOT hold here" in printed
    assert "log scaling improves random search: does NOT hold here" in printed
