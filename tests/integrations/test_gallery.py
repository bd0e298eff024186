"""Every example of the gallery and every notebook runs, without a warning."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

plt = pytest.importorskip("matplotlib.pyplot")
pytest.importorskip("sklearn")
EXAMPLES = Path(__file__).parents[2] / "examples"
#: The packages that an example needs beside scikit-learn and matplotlib.
NEEDS = {
    "mlflow_tracking.py": "mlflow",
    "plot_lightgbm_native.py": "lightgbm",
    "plot_mixed_data.py": "pandas",
    "plot_xgboost_stopping.py": "xgboost",
    "pytorch_loop.py": "torch",
}
#: Examples that take more than two seconds.
SLOW = {
    "plot_fidelity.py",
    "plot_nested_cv.py",
    "plot_own_stopping_rule.py",
    "plot_resume.py",
    "plot_several_metrics.py",
    "plot_xgboost_stopping.py",
}
SCRIPTS = {
    "headline.py": ["--n-iter", "6", "--splits", "1"],
    "mlflow_tracking.py": ["--n-iter", "4"],
    "pytorch_loop.py": ["--trials", "6"],
}


def param(path: Path) -> object:
    marks = [pytest.mark.slow] if path.name in SLOW else []
    return pytest.param(path, id=path.name, marks=marks)


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)
    yield
    plt.close("all")


@pytest.mark.parametrize("path", [*map(param, sorted(EXAMPLES.glob("plot_*.py")))])
def test_an_example_of_the_gallery_runs_and_draws(path, in_folder):
    if path.name in NEEDS:
        pytest.importorskip(NEEDS[path.name])
    exec(compile(path.read_text("utf-8"), str(path), "exec"), {"__name__": "__main__"})
    assert plt.get_fignums()


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_of_the_gallery_runs(name, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    command = [sys.executable, str(EXAMPLES / name), *SCRIPTS[name]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.name)
def test_a_notebook_executes_clean(path, in_folder):
    pytest.importorskip("pandas")
    notebook = json.loads(path.read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    namespace: dict[str, object] = {"__name__": "__main__"}
    for cell in cells:
        assert cell["outputs"] == [], "it is stored without outputs"
        exec(compile("".join(cell["source"]), path.name, "exec"), namespace)
    assert len(cells) > 1


def test_every_example_says_what_it_teaches():
    for path in EXAMPLES.glob("*.py"):
        title, underline, *rest = path.read_text("utf-8").removeprefix('"""').splitlines()
        assert set(underline) == {"="}, f"{path.name} has no title"
        assert len(underline) == len(title), path.name
        assert rest[1], f"{path.name} has no paragraph"
