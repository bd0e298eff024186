"""Which of the evaluated metrics a callback reports, by XGBoost's own names.

An entry is (data set, metric), in the order of XGBoost's evaluation log; it is printed
``validation_0-logloss``.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Entry", "choose", "printed"]

Entry = tuple[str, str]

#: XGBoost does not tell a callback which set is the training data; ``cv`` calls it so, and so do
#: XGBoost's own examples.
TRAINING = ("train", "training")


def printed(entry: Entry) -> str:
    """Return an entry as XGBoost prints it."""
    return "-".join(entry)


def choose(entries: Sequence[Entry], metric: str | None, dataset: str | None) -> Entry:
    """Return the last entry of the last data set that fits what is asked for.

    Training data only counts where it is asked for by name.

    Raises
    ------
    ValueError
        If nothing is evaluated, or nothing fits; the message lists what there is.
    """
    if not entries:
        raise ValueError(
            "a TrialCallback needs an evaluation set, but nothing is evaluated in this training: "
            "pass evals= to train, eval_set= to fit, and do not disable the metric"
        )
    asked = [
        entry
        for entry in entries
        if metric in (None, entry[1], printed(entry)) and dataset in (None, entry[0])
    ]
    if dataset is None and metric not in [printed(entry) for entry in entries]:
        asked = [entry for entry in asked if entry[0] not in TRAINING]
    if not asked:
        raise ValueError(
            f"metric and dataset must name what is evaluated, but got {metric=}, {dataset=}; "
            f"there are {', '.join(repr(printed(entry)) for entry in entries)} "
            "(training data is only taken where dataset= names it)"
        )
    return asked[-1]
