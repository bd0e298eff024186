"""tuneplug: hyperparameter tuning with a warped Gaussian process.

Names are imported on first use, so that ``import tuneplug`` loads almost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug.comparison import Comparison, compare
    from tuneplug.errors import (
        AllTrialsFailedError,
        ConcurrentStudyError,
        LostConnectionError,
        MissingDependencyError,
        NoCompletedTrialError,
        PluginError,
        ReadOnlyStorageError,
        SpaceError,
        SpaceExhausted,
        StaleTrialError,
        StorageError,
        StoredTrialError,
        TrialError,
        TuneplugError,
        UnknownNameError,
    )
    from tuneplug.space import SearchSpace
    from tuneplug.space.categorical import Categorical
    from tuneplug.space.parameters import Float, Int
    from tuneplug.space.scaling import Linear, Log, ReverseLog, Scaling, choose_scaling
    from tuneplug.study import Study
    from tuneplug.trial import Trial, TrialResult, TrialState

__version__ = "0.1.0"

_MODULE_OF = {
    "AllTrialsFailedError": "errors",
    "Categorical": "space",
    "Comparison": "comparison",
    "Float": "space",
    "Int": "space",
    "Linear": "space",
    "Log": "space",
    "LostConnectionError": "errors",
    "MissingDependencyError": "errors",
    "NoCompletedTrialError": "errors",
    "PluginError": "errors",
    "ReadOnlyStorageError": "errors",
    "ReverseLog": "space",
    "Scaling": "space",
    "SearchSpace": "space",
    "SpaceError": "errors",
    "SpaceExhausted": "errors",
    "StaleTrialError": "errors",
    "StorageError": "errors",
    "StoredTrialError": "errors",
    "Study": "study",
    "Trial": "trial",
    "TrialError": "errors",
    "TrialResult": "trial",
    "TrialState": "trial",
    "ConcurrentStudyError": "errors",
    "TuneplugError": "errors",
    "UnknownNameError": "errors",
    "choose_scaling": "space",
    "compare": "comparison",
}

__all__ = [
    "AllTrialsFailedError",
    "Categorical",
    "Comparison",
    "ConcurrentStudyError",
    "Float",
    "Int",
    "Linear",
    "Log",
    "LostConnectionError",
    "MissingDependencyError",
    "NoCompletedTrialError",
    "PluginError",
    "ReadOnlyStorageError",
    "ReverseLog",
    "Scaling",
    "SearchSpace",
    "SpaceError",
    "SpaceExhausted",
    "StaleTrialError",
    "StorageError",
    "StoredTrialError",
    "Study",
    "Trial",
    "TrialError",
    "TrialResult",
    "TrialState",
    "TuneplugError",
    "UnknownNameError",
    "choose_scaling",
    "compare",
]

#: Public names of other packages that users look for here, by package.
_PACKAGES = {
    "tuneplug.execution": "Executor Progress",
    "tuneplug.monitoring": "FitMonitor FitReporter",
    "tuneplug.plugins": "Plugins hookimpl",
    "tuneplug.stopping": "AsynchronousHalving CompletionRule Convergence HyperbandRule MedianRule "
    "Patience StoppingRule Target",
    "tuneplug.strategies": "AsynchronousHyperband BayesianSearch GridSearch HyperbandSearch "
    "RandomSearch Strategy",
    "tuneplug_catboost": "CatBoostMonitor",
    "tuneplug_configspace": "ConfigSpaceConverter",
    "tuneplug_dask": "DaskExecutor",
    "tuneplug_lightgbm": "LightGBMMonitor",
    "tuneplug_matplotlib": "BestSoFarDisplay ComparisonDisplay ContourDisplay FoldScoresDisplay "
    "ImportanceDisplay LearnedWarpsDisplay LearningCurvesDisplay ParallelCoordinatesDisplay "
    "Results SliceDisplay TimelineDisplay TriedConfigurationsDisplay",
    "tuneplug_mlflow": "MLflowObserver log_study",
    "tuneplug_optuna": "OptunaConverter OptunaMirror OptunaStrategy TunePlugSampler mirror",
    "tuneplug_ray": "RayExecutor",
    "tuneplug_report": "write_report",
    "tuneplug_rich": "ProgressBar",
    "tuneplug_sagemaker": "ProgramError ProgramObjective TuningJob analytics_frame as_parent "
    "describe objective_of read_job to_job validate",
    "tuneplug_sklearn": "Fold WarpedBayesSearchCV compare_searches",
    "tuneplug_skorch": "SkorchMonitor",
    "tuneplug_sqlalchemy": "MariadbStorage MysqlStorage PostgresqlStorage",
    "tuneplug_xgboost": "XGBoostMonitor",
    "tuneplug_xgboost, tuneplug_lightgbm or tuneplug_catboost": "TrialCallback recommended_space",
}
_ELSEWHERE = {name: package for package, names in _PACKAGES.items() for name in names.split()}

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF, elsewhere=_ELSEWHERE)
