"""Read an Optuna study as a parent of a warm start."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuneplug_optuna._compat import PANDAS
from tuneplug_optuna.constraints import constraints_by_name, shared_names, values_of

if TYPE_CHECKING:
    import optuna
    import pandas as pd

__all__ = ["as_parent"]


def as_parent(study: optuna.Study) -> pd.DataFrame:
    """Return the complete trials of an Optuna study as a data frame for ``warm_start_from=[...]``.

    Parameters
    ----------
    study : optuna.Study
        A study with one objective, from any storage.

    Returns
    -------
    pandas.DataFrame
        One row a complete trial: ``value``, ``cost`` (seconds), ``param_*`` and ``constraint_*``.
        The attribute ``direction`` is that of the study.

    Raises
    ------
    ValueError
        If the study has several objectives, or no complete trial.
    MissingDependencyError
        If pandas is not installed.

    Examples
    --------
    >>> import optuna
    >>> from tuneplug import Float, Study
    >>> from tuneplug_optuna import as_parent
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> earlier = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    >>> earlier.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0) ** 2, n_trials=10)
    >>> study = Study({"x": Float(0.0, 1.0)}, warm_start_from=[as_parent(earlier)], seed=0)
    >>> study.overall_best.value == earlier.best_value
    True
    """
    with PANDAS.required_by("as_parent()"):
        import pandas as pd
    if len(study.directions) > 1:
        raise ValueError(
            f"a parent has one objective, but this study has {len(study.directions)}: copy the "
            "trials with the values of one of them into a study of their own"
        )
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not trials:
        raise ValueError(
            f"a parent needs complete trials, but the study {study.study_name!r} has none: "
            "leave it out"
        )
    table: dict[str, list[Any]] = {
        "value": [trial.value for trial in trials],
        "cost": [None if t.duration is None else t.duration.total_seconds() for t in trials],
    }
    for name in dict.fromkeys(name for trial in trials for name in trial.params):
        table[f"param_{name}"] = [trial.params.get(name) for trial in trials]
    constraints = [constraints_by_name(trial) for trial in trials]
    names = shared_names(constraints)
    unknown = (math.nan,) * len(names)
    rows = [values_of(named, names) or unknown for named in constraints]
    for number in range(len(names)):
        table[f"constraint_{number}"] = [row[number] for row in rows]
    # Without dtype=object, pandas turns integers beside None into floats.
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in table.items()})
    frame.attrs["direction"] = study.direction.name.lower()
    return frame
