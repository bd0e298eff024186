"""Names that load their modules when asked, and frameworks that are not installed."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from tuneplug import MissingDependencyError
from tuneplug.optional import OptionalDependency, is_instance_of, lazy_attributes

NEEDS = [
    ("tuneplug_sklearn.WarpedBayesSearchCV", "sklearn", "scikit-learn", "sklearn"),
    ("tuneplug_sklearn.WarpedBayesSearchCV", "cloudpickle", "scikit-learn", "sklearn"),
    ("tuneplug_sklearn.WarpedBayesSearchCV", "joblib", "scikit-learn", "sklearn"),
    ("tuneplug_xgboost.TrialCallback", "xgboost", "XGBoost", "xgboost"),
    ("tuneplug_optuna.TunePlugSampler", "optuna", "Optuna", "optuna"),
    ("tuneplug_optuna.OptunaStrategy()", "optuna", "Optuna", "optuna"),
    ("tuneplug_optuna.OptunaMirror('sqlite:///x.db')", "optuna", "Optuna", "optuna"),
    ("tuneplug_dask.DaskExecutor().submit(abs, 1)", "distributed", "Dask", "dask"),
    ("tuneplug_ray.RayExecutor().submit(abs, 1)", "ray", "Ray", "ray"),
    ("tuneplug_mlflow.MLflowObserver()", "mlflow", "MLflow", "mlflow"),
    ("tuneplug_report.write_report(None, 'x.html')", "jinja2", "Jinja2", "report"),
    ("tuneplug_rich.ProgressBar()", "rich", "rich", "rich"),
    ("tuneplug_sagemaker.validate({})", "botocore", "botocore", "sagemaker"),
    ("tuneplug_sagemaker.ProgramObjective('ls', 'a=(.)')", "regex", "regex", "sagemaker"),
    (
        "tuneplug_matplotlib.BestSoFarDisplay(tuneplug_matplotlib.Results(values=[1.0])).plot()",
        "matplotlib",
        "matplotlib",
        "plot",
    ),
    (
        "tuneplug_sqlalchemy.PostgresqlStorage('postgresql://host/db')",
        "sqlalchemy",
        "SQLAlchemy",
        "sqlalchemy",
    ),
    (
        "tuneplug_sqlalchemy.MysqlStorage('mysql://host/db')",
        "pymysql",
        "SQLAlchemy",
        "sqlalchemy",
    ),
    ("tuneplug.Study({'x': [1]}).to_frame()", "pandas", "pandas", "pandas"),
]


@pytest.mark.parametrize(
    ("used", "module", "name", "extra"), NEEDS, ids=[f"{n[0]}-{n[1]}" for n in NEEDS]
)
def test_a_framework_that_is_missing_is_named_with_its_extra(used, module, name, extra):
    package = used.partition(".")[0]
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"import {package}\n"
        f"try: {used}\n"
        "except ModuleNotFoundError as error: print(type(error).__name__, error, sep=': ')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingDependencyError: ")
    assert done.stdout.strip().endswith(f" needs {name}: pip install 'tuneplug[{extra}]'")


LAZY = [
    ("tuneplug_catboost", "catboost"),
    ("tuneplug_configspace", "ConfigSpace"),
    ("tuneplug_dask", "distributed"),
    ("tuneplug_lightgbm", "lightgbm"),
    ("tuneplug_matplotlib", "matplotlib"),
    ("tuneplug_mlflow", "mlflow"),
    ("tuneplug_optuna", "optuna"),
    ("tuneplug_ray", "ray"),
    ("tuneplug_report", "jinja2"),
    ("tuneplug_rich", "rich"),
    ("tuneplug_sagemaker", "botocore"),
    ("tuneplug_sklearn", "sklearn"),
    ("tuneplug_skorch", "torch"),
    ("tuneplug_sqlalchemy", "sqlalchemy"),
    ("tuneplug_xgboost", "xgboost"),
]


def test_no_adapter_imports_its_framework_before_there_is_need():
    """Not the package, not its plugin, and not a look at all that can be named."""
    packages, frameworks = zip(*LAZY, strict=True)
    folders = (Path(__file__).parents[1] / "integrations").glob("tuneplug_*")
    assert list(packages) == sorted(folder.name for folder in folders)
    code = (
        f"import sys, {', '.join(packages)}; from tuneplug.plugins import Plugins;"
        f"Plugins().records(); print({{*{frameworks!r}}} & {{*sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_another_module_that_is_missing_is_not_mistaken_for_the_framework():
    with (
        pytest.raises(ModuleNotFoundError, match="nonesuch") as caught,
        OptionalDependency("Thing", "thing", "thing").required_by("this"),
    ):
        import nonesuch  # noqa: F401
    assert not isinstance(caught.value, MissingDependencyError)


def test_an_instance_is_recognized_by_the_names_of_its_module_and_classes():
    fraction = Fraction(1, 2)
    assert is_instance_of(fraction, "fractions", "Decimal", "Fraction")
    assert is_instance_of(True, "builtins", "int")  # a subclass
    assert not is_instance_of(fraction, "fractions", "Decimal", "gcd")
    assert not is_instance_of(fraction, "fractions")


def test_asking_for_a_class_imports_no_module(monkeypatch):
    assert not is_instance_of(Fraction(1, 2), "a_module_that_is_not_there", "Fraction")
    monkeypatch.setitem(sys.modules, "blocked", None)
    assert not is_instance_of(Fraction(1, 2), "blocked", "Fraction")


def test_a_package_lists_its_names_and_refuses_others():
    get, listed = lazy_attributes("tuneplug", {"Study": "study"})
    assert get("Study").__name__ == "Study"
    assert {"Study", "__version__"} <= set(listed())
    with pytest.raises(AttributeError, match="module 'tuneplug' has no attribute 'Sturdy'"):
        get("Sturdy")
