"""A stopping rule of your own
===========================

A stopping rule looks at the curves of earlier fits and says which values a new fit must not exceed
at which steps.  These thresholds are computed once, when the fit starts, and travel with it to its
worker, so that nothing needs to be asked while it runs and the same seed stops the same fits.
"""

# %%
# Stop what is 30 % worse than the best curve
# -------------------------------------------
#
# Every loss is minimized inside of a rule: ``sign`` is -1 where the study maximizes.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from tuneplug import Float, Study
from tuneplug.stopping import StoppingRule, StopThresholds
from tuneplug_matplotlib import LearningCurvesDisplay


class NearTheBest(StoppingRule):
    """Stop a fit whose loss at a check is more than a factor above the best complete fit's."""

    name = "near_the_best"

    def __init__(self, factor=1.3, checks=(4, 9, 14)):
        self.factor = factor
        self.checks = np.array(checks)

    def make_threshold(self, number, curves, sign):
        complete = [curve for curve in curves.values() if curve.complete]
        if len(complete) < 3:
            return None  # the first fits are never stopped
        best = min(complete, key=lambda curve: curve.losses[-1])
        limits = self.factor * best.value_at(self.checks)
        fits = np.full(len(self.checks), len(complete))
        text = f"{self.factor} times the best fit"
        return StopThresholds(self.name, text, self.checks, limits, fits, sign)


# %%
# Use it as any other rule
# ------------------------

X, X_val, y, y_val = train_test_split(*load_digits(return_X_y=True), random_state=0)


def train(trial):
    model = SGDClassifier("log_loss", learning_rate="constant", random_state=0, **trial.params)
    for epoch in range(20):
        model.partial_fit(X, y, classes=range(10))
        loss = log_loss(y_val, model.predict_proba(X_val))
        trial.report(loss, epoch)
        if trial.should_stop():
            break
    return loss


study = Study(
    {"eta0": Float(1e-6, 1e-2), "alpha": Float(1e-6, 1.0)}, stopping=NearTheBest(), seed=0
)
study.optimize(train, 20)
print(f"best loss {study.best_value:.4f}; {study.savings()}")
for trial in study.trials:
    if trial.stop_reason:
        print(trial.number, trial.stop_reason)

# %%

LearningCurvesDisplay.from_study(study)

# %%
# ``tuneplug.testing.StoppingRuleContract`` has the tests that every rule should pass.
