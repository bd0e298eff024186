"""``compare_searches``: fit searches in paired replications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from tuneplug.comparison import Comparison, seed_of_replication
from tuneplug.execution import Broadcast, Executor, Job, make_pool, run_jobs
from tuneplug.plugins import Plugins
from tuneplug.storage import Storage, as_storage

__all__ = ["compare_searches"]

Curves = dict[tuple[str, int], np.ndarray[Any, Any]]
#: Key of the attribute of a stored study that has the result of a replication.
ATTRIBUTE = "comparison"


def compare_searches(
    searches: Mapping[str, Any],
    X: Any,
    y: Any = None,
    *,
    replications: int = 50,
    seed: int = 0,
    n_jobs: int | None = None,
    executor: Executor | str | None = None,
    storage: str | Storage | None = None,
    name: str | None = None,
) -> Comparison:
    """Compare searches of scikit-learn's interface on the same data, in paired replications.

    A replication fits a clone of each search, and reads the mean test scores of its candidates in
    the order of ``cv_results_``.  Every search that has ``random_state`` gets the same one in a
    replication.  Splits are those of ``cv``: with an integer or a seeded splitter, they are the
    same for all searches and in all replications.

    Parameters
    ----------
    searches : mapping of str to estimator
        Searches that are not fitted, by name, such as ``WarpedBayesSearchCV`` and
        ``RandomizedSearchCV``.  None may have ``resume=True``.
    X, y : array-like
        Data to fit.
    replications : int, default 50
        Number of replications of each search, at least 2.
    seed : int, default 0
        Seed of all replications.
    n_jobs : int or None, default None
        Number of fits of a search at once, besides those of ``n_jobs`` of the searches.  Without an
        executor they run on threads.
    executor : str or object with ``submit``, optional
        Where to fit; see ``Study.optimize``.
    storage : str, Storage or None, default None
        Where to keep each replication that has ended: a study ``name/search/replication`` without
        trials, whose attributes have the best scores.  The next call with the same seed fits the
        others only.  The searches and the data are not compared.
    name : str, optional
        Name of the comparison.  Required with a storage.

    Returns
    -------
    Comparison
        Scores are maximized.  The curve of a search with fewer candidates than others stays at its
        best score.  Candidates without a score, or with a part of the resource only, count as jobs.

    Raises
    ------
    ValueError
        If arguments are wrong, before any fit; or if a search has no score at all, or several
        metrics of which ``refit`` names none.
    """
    _check(searches, replications, seed)
    plugins = Plugins.with_installed(())
    kept = _Kept.of(storage, name, seed, plugins)
    pairs = [(search, r) for r in range(replications) for search in searches]
    found = {pair: curve for pair in pairs if (curve := kept.read(*pair)) is not None}
    keys = iter([pair for pair in pairs if pair not in found])
    with make_pool(executor, n_jobs, plugins.executor_factory(executor)) as pool:
        shared = Broadcast((dict(searches), X, y, seed))

        def next_job() -> Job | None:
            key = next(keys, None)
            return None if key is None else Job(key, _fit, (shared, *key))

        def on_result(job: Job, result: Any) -> None:
            if isinstance(result, Exception):
                raise result
            assert isinstance(job.key, tuple), "the key of a job is its search and replication"
            search, replication = job.key
            found[search, replication] = result
            kept.write(search, replication, result)

        run_jobs(pool, next_job, on_result, _raise_lost)
    return _comparison(found, searches, replications, seed)


@dataclass(frozen=True)
class _Kept:
    """The replications that a storage keeps; without a storage, none."""

    storage: Storage | None
    name: str | None
    seed: int

    @classmethod
    def of(cls, storage: str | Storage | None, name: Any, seed: int, plugins: Plugins) -> _Kept:
        if storage is None:
            return cls(None, None, seed)
        if not isinstance(name, str) or not name:
            raise ValueError(
                f"name must be text if there is a storage, but got {name!r}: give, for example, "
                "name='comparison'"
            )
        return cls(as_storage(storage, partial(plugins.create, "storage")), name, int(seed))

    def read(self, search: str, replication: int) -> Any:
        """Return the best scores of a replication; None if it is not kept."""
        study = f"{self.name}/{search}/{replication}"
        if self.storage is None or study not in self.storage.studies():
            return None
        attributes = self.storage.open(study, {}).settings.get("attributes", {})
        kept = attributes.get(ATTRIBUTE, {})
        if kept.get("seed") != self.seed or "best" not in kept:
            raise ValueError(
                f"the stored study {study!r} must be of this comparison, with seed={self.seed}, "
                f"but has seed={kept.get('seed')}: give that seed, or another name="
            )
        return np.array(kept["best"], dtype=np.float64)

    def write(self, search: str, replication: int, best: Any) -> None:
        """Keep the best scores of a replication."""
        if self.storage is None:
            return
        settings = {
            "direction": "maximize",
            "seed": seed_of_replication(self.seed, replication),
            "attributes": {ATTRIBUTE: {"seed": self.seed, "best": best.tolist()}},
            "space": None,
        }
        self.storage.open(f"{self.name}/{search}/{replication}", settings)


def _check(searches: Any, replications: Any, seed: Any) -> None:
    mistakes = []
    if not isinstance(searches, Mapping) or not searches:
        mistakes.append(
            f"searches must be a mapping of names to searches, but got {type(searches).__name__}"
        )
    for name, search in searches.items() if isinstance(searches, Mapping) else ():
        usable = all(hasattr(search, needed) for needed in ("fit", "get_params"))
        if not usable or isinstance(search, type):
            mistakes.append(
                f"searches[{name!r}] must be a search that is not fitted, such as "
                f"RandomizedSearchCV(...), but got {search!r}"
            )
        elif search.get_params(deep=False).get("resume") is True:
            mistakes.append(
                f"searches[{name!r}] must not resume a stored search, as others may have the same "
                "name and go on with its candidates, but has resume=True: leave it out, and pass "
                "storage= and name= to compare_searches"
            )
    for argument, value, least in (("replications", replications, 2), ("seed", seed, 0)):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or value < least:
            mistakes.append(f"{argument} must be an integer of at least {least}, but got {value!r}")
    if mistakes:
        raise ValueError("; ".join(mistakes))


def _fit(shared: Broadcast, name: str, replication: int) -> Any:
    """Fit a search on a worker; return the scores of its candidates, or the exception."""
    searches, X, y, seed = shared.value
    search = clone(searches[name])
    if "random_state" in search.get_params(deep=False):
        search.set_params(random_state=seed_of_replication(seed, replication))
    try:
        search.fit(X, y)
        return _best_so_far(search, name)
    except Exception as error:  # noqa: BLE001  raised by the comparison
        error.add_note(f"in the comparison: search {name!r}, replication {replication}")
        return error


def _best_so_far(fitted: Any, name: str) -> Any:
    """Return the best feasible score after each candidate; NaN before the first one."""
    results, head = fitted.cv_results_, "mean_test_"
    metrics = [key.removeprefix(head) for key in results if key.startswith(head)]
    refit = getattr(fitted, "refit", None)
    if len(metrics) > 1 and refit not in metrics:
        raise ValueError(
            f"refit must name one of the metrics {metrics} of search {name!r}, but is {refit!r}"
        )
    metric = metrics[0] if len(metrics) == 1 else refit
    scores = np.array(results[f"{head}{metric}"], dtype=np.float64)
    scores[~np.isfinite(scores)] = np.nan
    if "n_resources" in results:
        resources = np.asarray(results["n_resources"])
        scores[resources < resources.max()] = np.nan
    if "feasible" in results:  # of a search with constraints
        scores[~np.asarray(results["feasible"])] = np.nan
    if np.isnan(scores).all():
        raise ValueError(f"search {name!r} must have a score, but all of its candidates failed")
    return np.fmax.accumulate(scores)


def _raise_lost(job: Job, error: str) -> None:
    raise RuntimeError(f"the fit of {job.key} was lost twice by the executor:\n{error}")


def _comparison(
    found: Curves, searches: Mapping[str, Any], replications: int, seed: int
) -> Comparison:
    n_jobs = max(map(len, found.values()))
    curves = {
        name: [
            np.pad(found[name, r], (0, n_jobs - len(found[name, r])), mode="edge")
            for r in range(replications)
        ]
        for name in searches
    }
    return Comparison(curves, "maximize", seed=int(seed))
