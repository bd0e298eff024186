"""Which of the evaluated metrics a callback reports, by LightGBM's own names.

An entry is (data set, metric), in the order that LightGBM evaluates; it is printed
``valid_0's auc``.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Entry", "choose", "printed"]

Entry = tuple[str, str]


def printed(entry: Entry) -> str:
    """Return an entry as LightGBM prints it."""
    return "'s ".join(entry)


def choose(
    entries: Sequence[Entry], metric: str | None, dataset: str | None, training: str
) -> Entry:
    """Return the last entry of the last data set that fits what is asked for.

    The training data, by its name, only counts where it is asked for.

    Raises
    ------
    ValueError
        If nothing is evaluated, or nothing fits; the message lists what there is.
    """
    if not entries:
        raise ValueError(
            "a TrialCallback needs an evaluation set, but nothing is evaluated in this training: "
            "pass valid_sets= to train, eval_X= and eval_y= to fit (before LightGBM 4.7 eval_set=),"
            " and do not disable the metric"
        )
    asked = [
        entry
        for entry in entries
        if metric in (None, entry[1], printed(entry)) and dataset in (None, entry[0])
    ]
    if dataset is None and metric not in [printed(entry) for entry in entries]:
        asked = [entry for entry in asked if entry[0] != training]
    if not asked:
        raise ValueError(
            f"metric and dataset must name what is evaluated, but got {metric=}, {dataset=}; "
            f"there are {', '.join(repr(printed(entry)) for entry in entries)} "
            "(the training data is only taken where dataset= names it)"
        )
    return asked[-1]
