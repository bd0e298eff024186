"""A process that runs trials of a study in a storage: ``URL NAME N_TRIALS [PAUSE]``."""

from __future__ import annotations

import sys
import time
import warnings

from tuneplug import Float, Study


def main(url, name, n_trials, pause="0"):
    def objective(trial):
        time.sleep(float(pause))
        return trial.params["x"]

    warnings.simplefilter("always")
    space = {"x": Float(0.0, 1.0)}
    times = {"heartbeat_interval": 0.5, "grace_period": 3.0}
    study = Study(space, strategy="random", storage=url, name=name, max_retries=9, **times)
    study.optimize(objective, int(n_trials))


if __name__ == "__main__":
    main(*sys.argv[1:])
