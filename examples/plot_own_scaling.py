"""A scaling of your own
=====================

A scaling says where values of a range are equally far apart.  ``linear``, ``log`` and
``reverse_log`` cover most parameters, and a warp is learned on top.  Where you know more, say it:
the share of a class in a resampled data set, for example, is symmetric in *odds*.  A scaling is a
class of three methods.
"""

# %%
# Log odds
# --------

import numpy as np

from tuneplug import Float, Scaling, Study
from tuneplug_matplotlib import LearnedWarpsDisplay, TriedConfigurationsDisplay


class LogOdds(Scaling):
    """ln(x / (1 - x)): 0.01 is as far from 0.5 as 0.99 is."""

    name = "log_odds"

    def forward(self, x):
        return np.log(x) - np.log1p(-x)

    def inverse(self, t):
        return 1.0 / (1.0 + np.exp(-t))

    def error(self, low, high):
        if low > 0.0 and high < 1.0:
            return None
        return f"log_odds scaling needs 0 < low and high < 1, but got low={low!r}, high={high!r}"


# %%
# Where it helps
# --------------
#
# The best share is 0.01, in a range that is symmetric around 0.5.  On a linear scale most of the
# configurations are far too large.


def loss(trial):
    p, rate = trial.params["share"], trial.params["rate"]
    return (np.log(p / (1 - p)) - np.log(0.01 / 0.99)) ** 2 + (np.log10(rate) + 2) ** 2


for scaling in ["linear", LogOdds()]:
    space = {"share": Float(0.001, 0.999, scaling), "rate": Float(1e-4, 1.0)}
    study = Study(space, seed=0)
    study.optimize(loss, 15)
    print(f"{getattr(scaling, 'name', scaling)}: loss {study.best_value:.4f}")
    print(f"  share {study.best_params['share']:.4f}")

# %%
# A range that the scaling cannot have is refused when it is declared, in the words of ``error``.

try:
    Float(0.0, 1.0, LogOdds())
except ValueError as refused:
    print(refused)

# %%

TriedConfigurationsDisplay.from_study(study)

# %%
# On the right scale there is little left to warp.

LearnedWarpsDisplay.from_study(study)

# %%
# ``tuneplug.testing.ScalingContract`` has the tests that every scaling should pass.
