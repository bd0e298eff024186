"""Map trial states between tuneplug and Optuna."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.trial import TrialState as OptunaState

from tuneplug import TrialState

__all__ = ["FROM_OPTUNA", "TO_OPTUNA"]

TO_OPTUNA: Mapping[TrialState, OptunaState] = {
    TrialState.RUNNING: OptunaState.RUNNING,
    TrialState.COMPLETE: OptunaState.COMPLETE,
    TrialState.STOPPED: OptunaState.PRUNED,
    TrialState.FAILED: OptunaState.FAIL,
}
#: Optuna's ``WAITING`` (an enqueued trial that has not started) has no equivalent.
FROM_OPTUNA: Mapping[OptunaState, TrialState] = {
    optuna_state: state for state, optuna_state in TO_OPTUNA.items()
}
