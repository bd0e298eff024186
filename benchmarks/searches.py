"""How long a search takes on the clock until it is as good as RandomizedSearchCV is at its end.

    python benchmarks/searches.py --quick
    python benchmarks/searches.py --part time racing

Search classes of scikit-learn's kind on real models: the same folds, the same number of candidates,
two workers.  The scorer writes down when each fold was scored, so that the running best is known on
the clock for classes that tell nothing before they end.

- *target*: the best mean score of RandomizedSearchCV, for each task and seed.
- *share*: seconds divided by those that RandomizedSearchCV took for all its candidates.
- *curve*: (seconds, mean score) of each candidate, when its last fold was scored on all rows.

The clock runs while ``fit`` does, without refit; it includes starting workers.  Each run has a
fresh process, in which one fit has been made before: no search pays for what another imported.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from _report import interval, markdown, plt, provenance, save, shown
from _searched import TASKS, distributions
from _tasks import FloatArray
from models import Model
from sklearn.base import clone, is_classifier
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import KFold, RandomizedSearchCV, StratifiedKFold

RESULTS = Path(__file__).parent / "results"
PARTS = ("time", "racing")
RANDOM, TUNEPLUG, RACING = "random", "tuneplug", "tuneplug, racing"

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
N_JOBS, FOLDS = 2, 5
#: A target that was not reached counts as so many times the longer of the search's own time and
#: random search's (PAR2, as in SAT competitions).
PENALTY = 2.0
#: Seconds after which a run is given up.
LIMIT = 600.0
#: Scores that differ by less are equal: sums of folds in another order.
TIE = 1e-9
SHARES = np.linspace(0.0, 2.0, 201)

QUICK_CANDIDATES, QUICK_SEEDS = 30, 1
QUICK_TASKS = ("boosting, diabetes", "random forest, digits")


# ---------------------------------------------------------------- spaces of the peers


def _skopt_dimension(declared: Any) -> Any:
    from skopt.space import Categorical, Integer, Real

    if isinstance(declared, list):
        return Categorical(declared)
    low, high = declared.support()
    if declared.dist.name == "randint":
        return Integer(int(low), int(high))
    return Real(low, high, "log-uniform" if declared.dist.name == "loguniform" else "uniform")


def _optuna_distribution(declared: Any) -> Any:
    from optuna import distributions as kinds

    if isinstance(declared, list):
        return kinds.CategoricalDistribution(declared)
    low, high = declared.support()
    if declared.dist.name == "randint":
        return kinds.IntDistribution(int(low), int(high))
    return kinds.FloatDistribution(low, high, log=declared.dist.name == "loguniform")


# ---------------------------------------------------------------- searches


def _random(estimator: Any, space: Any, n: int, **shared: Any) -> Any:
    return RandomizedSearchCV(estimator, space, n_iter=n, **shared)


def _halving(estimator: Any, space: Any, n: int, **shared: Any) -> Any:
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV

    # By default it scores training rows too, which no other does.
    own = {"n_candidates": n, "min_resources": "exhaust", "return_train_score": False}
    return HalvingRandomSearchCV(estimator, space, **own, **shared)


def _skopt(estimator: Any, space: Any, n: int, **shared: Any) -> Any:
    from skopt import BayesSearchCV

    dimensions = {name: _skopt_dimension(declared) for name, declared in space.items()}
    return BayesSearchCV(estimator, dimensions, n_iter=n, **shared)


def _optuna(estimator: Any, space: Any, n: int, **shared: Any) -> Any:
    import optuna
    from optuna_integration import OptunaSearchCV

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    translated = {name: _optuna_distribution(declared) for name, declared in space.items()}
    return OptunaSearchCV(estimator, translated, n_trials=n, **shared)


def _tuneplug(estimator: Any, space: Any, n: int, *, own: Any = None, **shared: Any) -> Any:
    from tuneplug_sklearn import WarpedBayesSearchCV

    return WarpedBayesSearchCV(estimator, space, n_iter=n, **shared, **(own or {}))


@dataclass(frozen=True)
class Entry:
    """How to make a search, what has to be installed for it, and the part it is for."""

    make: Callable[..., Any]
    needs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("time",)

    def obstacle(self) -> str | None:
        """Say why the search cannot run here; None if it can."""
        missing = [package for package in self.needs if not installed(package)]
        return f"not installed: {', '.join(missing)}" if missing else None


def installed(package: str) -> bool:
    """Whether a distribution is there; optuna_integration cannot be found as a module twice."""
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


SEARCHES = {
    RANDOM: Entry(_random, parts=PARTS),
    "halving": Entry(_halving),
    "skopt": Entry(_skopt, ("scikit-optimize",)),
    "optuna": Entry(_optuna, ("optuna-integration",)),
    TUNEPLUG: Entry(_tuneplug, parts=PARTS),
    "tuneplug, arrival": Entry(partial(_tuneplug, own={"deterministic": False})),
    RACING: Entry(partial(_tuneplug, own={"racing": True}), parts=("racing",)),
}


# ---------------------------------------------------------------- stamps


def scorer_of(task: Model) -> Any:
    """Return the scorer of a task; log loss also where a small fold lacks a class."""
    if task.scoring != "neg_log_loss":
        return get_scorer(task.scoring)
    labels = np.unique(task.data()[1])
    return make_scorer(
        log_loss, greater_is_better=False, response_method="predict_proba", labels=labels
    )


class Stamped:
    """A scorer that appends when it scored what to a file: one line, one write."""

    def __init__(self, scorer: Any, path: Path, names: Sequence[str]) -> None:
        self.scorer, self.path, self.names = scorer, str(path), list(names)

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        score = float(self.scorer(estimator, X, y))
        now, values = time.time(), estimator.get_params()
        key = repr([values[name] for name in self.names])
        append(self.path, [now, key, score, len(y)])
        return score


def append(path: str, fields: Sequence[Any]) -> None:
    """Append a line to a file that other processes and threads append to."""
    file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    try:
        os.write(file, (json.dumps(fields) + "\n").encode())
    finally:
        os.close(file)


class Stamp(NamedTuple):
    """A scored fold: when, of which configuration, how good, on how many rows."""

    time: float
    key: str
    score: float
    rows: int


def curve(
    stamps: Iterable[Stamp], folds: int, least_rows: int, start: float = 0.0
) -> list[tuple[float, float]]:
    """Return when each candidate had all its folds, and its mean score, in order of time.

    Folds of fewer rows do not count.  A configuration that is tried again is another candidate.
    """
    scores: dict[str, list[float]] = {}
    found = []
    for stamp in sorted(stamps):
        if stamp.rows < least_rows:
            continue
        mine = scores.setdefault(stamp.key, [])
        mine.append(stamp.score)
        if len(mine) == folds:
            found.append((round(stamp.time - start, 4), float(np.mean(scores.pop(stamp.key)))))
    return found


def time_to(found: Iterable[tuple[float, float]], target: float) -> float | None:
    """Return when the running best first is as good as the target, None if it never is."""
    least = target - TIE * max(1.0, abs(target))
    return next((seconds for seconds, score in found if score >= least), None)


def counted(reached: float | None, total: float, random_total: float) -> float:
    """Return the seconds that count for a run: with a penalty if it did not reach the target."""
    return PENALTY * max(total, random_total) if reached is None else reached


# ---------------------------------------------------------------- runs


class Cell(NamedTuple):
    """One run to make."""

    task: str
    search: str
    seed: int
    candidates: int


@dataclass(frozen=True)
class Run:
    """What came out of a run: seconds of ``fit``, number of fits scored, and the curve.

    ``error`` says why there is nothing else.
    """

    cell: Cell
    seconds: float = 0.0
    fits: int = 0
    best: float = -np.inf
    curve: tuple[tuple[float, float], ...] = ()
    error: str | None = None

    def to_json(self) -> str:
        """Return one line of a results file."""
        return json.dumps({**asdict(self), "cell": self.cell._asdict()})

    @classmethod
    def from_json(cls, line: str) -> Run:
        """Read one line of a results file."""
        fields = json.loads(line)
        found = tuple((seconds, score) for seconds, score in fields.pop("curve"))
        return cls(Cell(**fields.pop("cell")), curve=found, **fields)


def read(path: Path) -> dict[Cell, Run]:
    """Return the runs in a file; a last line cut short by an interrupt is left out."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    runs = map(Run.from_json, text[: text.rfind("\n") + 1].splitlines())
    return {run.cell: run for run in runs}


def run_here(cell: Cell) -> Run:
    """Make one run in this process, whose pools of workers should not have been started yet."""
    task = TASKS[cell.task]
    X, y = task.data()
    kind = StratifiedKFold if is_classifier(task.estimator) else KFold
    folds = kind(FOLDS, shuffle=True, random_state=cell.seed)
    scorer, space = scorer_of(task), distributions(task.parameters)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scorer(clone(task.estimator).fit(X, y), X, y)
        path = Path(folder) / "stamps"
        search = SEARCHES[cell.search].make(
            task.estimator,
            space,
            cell.candidates,
            scoring=Stamped(scorer, path, list(space)),
            n_jobs=N_JOBS,
            cv=folds,
            random_state=cell.seed,
            refit=False,
        )
        start = time.time()
        search.fit(X, y)
        seconds = time.time() - start
        stamps = [Stamp(*json.loads(line)) for line in path.read_text().splitlines()]
    found = curve(stamps, FOLDS, len(y) // FOLDS, start)
    best = float(search.best_score_)
    return Run(cell, round(seconds, 4), len(stamps), best, tuple(found))


def _send(cell: Cell, pipe: Any) -> None:
    try:
        run = run_here(cell)
    except Exception as error:  # noqa: BLE001 - one peer's fault must not end the others' runs
        run = Run(cell, error=f"{type(error).__name__}: {error}".splitlines()[0][:200])
    pipe.send(run)
    for worker in multiprocessing.active_children():  # pools keep theirs for a while
        worker.terminate()


def run_apart(cell: Cell) -> Run:
    """Make one run in a process of its own."""
    known = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("fork" if "fork" in known else "spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(cell, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(LIMIT):
            return Run(cell, error=f"took longer than {LIMIT:.0f} s")
        return receiver.recv()  # type: ignore[no-any-return]
    except EOFError:
        return Run(cell, error="its process died")
    finally:
        process.join(10)
        process.kill()


def run_all(cells: Sequence[Cell], path: Path, make: Callable[[Cell], Run] = run_apart) -> None:
    """Make every run that the file does not hold; one that failed is tried again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {cell for cell, run in read(path).items() if run.error is None}
    missing = [cell for cell in cells if cell not in done]
    print(f"{len(missing)} runs to make, {len(cells) - len(missing)} in {path}", flush=True)
    for number, cell in enumerate(missing, 1):
        run = make(cell)
        with path.open("a", encoding="utf-8") as file:
            file.write(run.to_json() + "\n")
        outcome = run.error or f"{run.fits} fits in {run.seconds:.1f} s, best {run.best:.5g}"
        print(
            f"  {number}/{len(missing)} {cell.search} on {cell.task}, seed {cell.seed}: {outcome}",
            flush=True,
        )


def plan(
    tasks: Sequence[str], searches: Sequence[str], seeds: int, candidates: int
) -> tuple[list[Cell], dict[str, str]]:
    """Return all runs, searches taking turns, and which searches are left out, and why."""
    obstacles = {name: SEARCHES[name].obstacle() for name in searches}
    skipped = {name: why for name, why in obstacles.items() if why is not None}
    usable = [name for name in searches if name not in skipped]
    cells = [
        Cell(task, name, seed, candidates)
        for seed in range(seeds)
        for task in tasks
        for name in usable
    ]
    return cells, skipped


# ---------------------------------------------------------------- the report


class Results:
    """Finished runs as arrays of shape (tasks, seeds), NaN where a run is missing or failed."""

    def __init__(self, runs: Mapping[Cell, Run], cells: Sequence[Cell]) -> None:
        self.tasks = list(dict.fromkeys(cell.task for cell in cells))
        self.seeds = sorted({cell.seed for cell in cells})
        self._runs = {
            (c.task, c.search, c.seed): runs[c]
            for c in cells
            if c in runs and runs[c].error is None
        }
        self.failed = [runs[c] for c in cells if c in runs and runs[c].error is not None]
        names = dict.fromkeys(cell.search for cell in cells)
        self.searches = [
            n for n in names if any(name == n for _, name, _ in self._runs)
        ]  # those that ran at least once

    def over_all(
        self, name: str, measure: Callable[[Run, Run, tuple[float, float]], float]
    ) -> FloatArray:
        """Return ``measure(run, random's run, (best, median of random))`` of all runs."""
        values = np.full((len(self.tasks), len(self.seeds)), np.nan)
        for i, task in enumerate(self.tasks):
            for j, seed in enumerate(self.seeds):
                run = self._runs.get((task, name, seed))
                random = self._runs.get((task, RANDOM, seed))
                if run is not None and random is not None:
                    values[i, j] = measure(run, random, self._ends(task, seed, random))
        return values

    def _ends(self, task: str, seed: int, random: Run) -> tuple[float, float]:
        """Return the best score known of a task and seed, and the median of random
        configurations."""
        every = [r for (t, _, s), r in self._runs.items() if (t, s) == (task, seed)]
        best = max(score for run in every for _, score in run.curve)
        return best, float(np.median([score for _, score in random.curve]))


def regret(score: float, ends: tuple[float, float]) -> float:
    """Return a score as normalized regret: 0 is the best known, 1 the median of random
    configurations."""
    best, median = ends
    return float(np.clip((best - score) / max(best - median, np.finfo(float).tiny), 0.0, 1.0))


def final_regret(run: Run, _: Run, ends: tuple[float, float]) -> float:
    """Return the regret of a run at its end."""
    return regret(max((score for _, score in run.curve), default=-np.inf), ends)


def _target(random: Run) -> float:
    return max(score for _, score in random.curve)


def share_counted(run: Run, random: Run, _: Any = None) -> float:
    """Return the share of random search's time that counts for a run."""
    reached = time_to(run.curve, _target(random))
    return counted(reached, run.seconds, random.seconds) / random.seconds


def share_reached(run: Run, random: Run, _: Any = None) -> float:
    """Return the share of random search's time at which the target was reached; NaN if never."""
    reached = time_to(run.curve, _target(random))
    return np.nan if reached is None else reached / random.seconds


def candidates_reached(run: Run, random: Run, _: Any = None) -> float:
    """Return how many candidates were complete when the target was reached; NaN if never."""
    reached = time_to(run.curve, _target(random))
    return np.nan if reached is None else sum(seconds <= reached for seconds, _ in run.curve)


def geometric(shares: FloatArray) -> str:
    """Return a geometric mean and its interval as text."""
    logs = np.log(shares)
    if np.isnan(logs).all():
        return "-"
    low, high = np.exp(interval(logs))
    return f"{np.exp(np.nanmean(logs)):.2f} [{low:.2f}, {high:.2f}]"


def time_table(results: Results) -> str:
    """Return the table of all searches, one a row."""
    header = ["search", "reached", "within random's time", "time to target [95 %]"]
    header += ["where reached", "candidates then", "whole search", "regret at the end [95 %]"]
    rows = []
    for name in results.searches:
        shares = results.over_all(name, share_reached)
        there = ~np.isnan(results.over_all(name, share_counted))
        n = int(there.sum())
        candidates = results.over_all(name, candidates_reached)
        whole = results.over_all(name, lambda run, random, _: run.seconds / random.seconds)
        rows.append(
            [
                name,
                f"{int((~np.isnan(shares)).sum())} / {n}",
                f"{int((shares <= 1).sum())} / {n}",
                geometric(results.over_all(name, share_counted)),
                geometric(shares).split(" ")[0],
                "-" if np.isnan(candidates).all() else f"{np.nanmedian(candidates):.0f}",
                geometric(whole).split(" ")[0],
                shown(results.over_all(name, final_regret)),
            ]
        )
    return markdown(header, rows)


def by_task(results: Results) -> str:
    """Return the time to target of each task: the geometric mean, and how many runs reached it."""
    table: dict[str, list[str]] = {task: [] for task in results.tasks}
    for name in results.searches:
        shares, reached = (results.over_all(name, m) for m in (share_counted, share_reached))
        for task, mine, theirs in zip(results.tasks, shares, reached, strict=True):
            n, of = int((~np.isnan(theirs)).sum()), int((~np.isnan(mine)).sum())
            mean = np.exp(np.nanmean(np.log(mine))) if of else np.nan
            table[task].append(f"{mean:.2f} ({n}/{of})" if of else "failed")
    rows = [[task, *cells] for task, cells in table.items()]
    return markdown(["task", *results.searches], rows)


def seconds_table(results: Results) -> str:
    """Return how long whole searches take, in seconds, and random search's fits."""
    rows = []
    whole = {n: results.over_all(n, lambda run, *_: run.seconds) for n in results.searches}
    fit = results.over_all(RANDOM, lambda run, *_: N_JOBS * run.seconds / max(run.fits, 1))
    for i, task in enumerate(results.tasks):
        means = [np.nanmean(v[i]) if not np.isnan(v[i]).all() else np.nan for v in whole.values()]
        rows.append([task, f"{np.nanmean(fit[i]):.3f}", *(f"{mean:.1f}" for mean in means)])
    return markdown(["task", "s / fit of random", *results.searches], rows)


def racing_table(results: Results) -> str:
    """Return what racing saves, and what it costs, beside the search without it."""
    measures: dict[str, Callable[..., float]] = {
        "fits": lambda run, *_: run.fits,
        "seconds": lambda run, *_: run.seconds,
        "regret": final_regret,
    }
    plain, raced = (
        {key: results.over_all(name, measure) for key, measure in measures.items()}
        for name in (TUNEPLUG, RACING)
    )
    rows = [
        ["fits, without", shown(plain["fits"])],
        ["fits, with racing", shown(raced["fits"])],
        ["fits saved, share", shown(1 - raced["fits"] / plain["fits"])],
        ["seconds, ratio", geometric(raced["seconds"] / plain["seconds"])],
        ["regret at the end, without", shown(plain["regret"])],
        ["regret at the end, with racing", shown(raced["regret"])],
        ["difference in regret", shown(raced["regret"] - plain["regret"], sign=True)],
    ]
    rows = [[name, *_split(text)] for name, text in rows]
    return markdown(["racing", "mean", "95 %"], rows)


def _split(text: str) -> tuple[str, str]:
    mean, _, ends = text.partition(" ")
    return mean, ends


def racing_by_task(results: Results) -> str:
    """Return fits and best scores of each task, with racing and without."""

    def best(name: str) -> FloatArray:
        return results.over_all(name, lambda run, *_: max(score for _, score in run.curve))

    fits = results.over_all(RACING, lambda run, *_: run.fits)
    rows = [
        [task, f"{np.nanmean(n):.0f}", f"{np.nanmean(a):.5f}", f"{np.nanmean(b):.5f}"]
        for task, n, a, b in zip(results.tasks, fits, best(TUNEPLUG), best(RACING), strict=True)
    ]
    return markdown(["task", "fits with racing", "best score without", "with racing"], rows)


def regret_at(run: Run, random: Run, ends: tuple[float, float]) -> FloatArray:
    """Return the regret of a run after each of ``SHARES`` of random search's time."""
    if not run.curve:
        return np.ones(len(SHARES))
    times, scores = np.array(run.curve).T
    values = np.minimum.accumulate([1.0, *(regret(score, ends) for score in scores)])
    index = np.searchsorted(times, SHARES * random.seconds, side="right")
    return np.asarray(values[index])


def draw(results: Results, path: Path) -> None:
    """Draw mean regret against the share of random search's time, with 95 % bands."""
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for number, name in enumerate(results.searches):
        columns = [
            results.over_all(name, lambda *run, k=k: float(regret_at(*run)[k]))
            for k in range(0, len(SHARES), 4)
        ]
        cube, shares = np.stack(columns, axis=-1), SHARES[::4]
        low, high = interval(cube)
        mean = np.nanmean(cube, axis=(0, 1))
        axis.plot(shares, mean, color=f"C{number}", label=name)
        axis.fill_between(shares, low, high, color=f"C{number}", alpha=0.1, linewidth=0)
    axis.axvline(1.0, color="0.7", linewidth=1)
    axis.set(
        xlabel="wall-clock time, as a share of RandomizedSearchCV's",
        ylabel="mean normalized regret of the best so far",
        yscale="log",
    )
    axis.legend(fontsize="small")
    save(figure, path)


RULE = f"""Time is a share of what RandomizedSearchCV takes for all its candidates in the run of the
same task and seed. *Time to target* is the geometric mean, where a run that never reached the
target counts as {PENALTY:g} times the longer of its own whole time and RandomizedSearchCV's; *where
reached* is that of the others. The row of random search says when it had, unknown to its user,
found what it returns at its end.
"""


def report(
    out: Path, parts: Sequence[str], cells: Sequence[Cell], skipped: Mapping[str, str]
) -> None:
    """Write tables.md and a picture."""
    runs = read(out / "runs.jsonl")
    text = [f"## Searches\n\n{provenance()}", _threads()]
    text += [f"Skipped: {name}: {reason}.\n" for name, reason in skipped.items()]
    for part in parts:
        mine = [cell for cell in cells if part in SEARCHES[cell.search].parts]
        results = Results(runs, mine)
        text += [_failures(results)] if results.failed else []
        if RANDOM not in results.searches:
            text.append(f"No finished run of {RANDOM} to compare with.\n")
            continue
        n = f"{len(results.tasks)} tasks, {len(results.seeds)} seed(s), "
        n += f"{mine[0].candidates} candidates"
        if part == "time":
            text.append(f"### Time to the score of random search\n\n{n}, {N_JOBS} workers.\n")
            text += [RULE, time_table(results)]
            text.append(f"Time to target by task (runs that reached it):\n\n{by_task(results)}")
            text.append(f"Seconds of the whole search:\n\n{seconds_table(results)}")
            draw(results, out / "searches.png")
        elif {TUNEPLUG, RACING} <= set(results.searches):
            text.append(f"### Racing\n\n{n}.\n\n{racing_table(results)}")
            text.append(racing_by_task(results))
    (out / "tables.md").write_text("\n".join(text), encoding="utf-8")
    print("\n{}\nWritten to {}".format("\n".join(text), out))


def _threads() -> str:
    return ", ".join(f"{name}={os.environ.get(name, 'not set')}" for name in THREADS) + ".\n"


def _failures(results: Results) -> str:
    lines = [
        f"- {r.cell.search} failed on {r.cell.task}, seed {r.cell.seed}: {r.error}"
        for r in results.failed
    ]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- the command


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ``--quick`` replaces what it is quick by."""
    parser = argparse.ArgumentParser(
        description="Wall-clock time to the score that RandomizedSearchCV ends with."
    )
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--searches", nargs="+", choices=list(SEARCHES), default=list(SEARCHES))
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--candidates", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="directory of the results")
    parser.add_argument("--quick", action="store_true", help="a look in under five minutes")
    parser.add_argument("--report-only", action="store_true", help="tables of what is there")
    args = parser.parse_args(argv)
    if args.quick:
        args.candidates, args.seeds = QUICK_CANDIDATES, QUICK_SEEDS
        args.tasks = list(QUICK_TASKS) if args.tasks == list(TASKS) else args.tasks
    chosen = [n for n, entry in SEARCHES.items() if set(entry.parts) & set(args.part)]
    args.searches = [n for n in chosen if n in {*args.searches, RANDOM}]  # shares are of its time
    args.out = args.out or RESULTS / ("searches-quick" if args.quick else "searches")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Make the missing runs, then the report."""
    args = arguments(argv)
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # of models that do not converge
    cells, skipped = plan(args.tasks, args.searches, args.seeds, args.candidates)
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    if not args.report_only:
        run_all(cells, args.out / "runs.jsonl")
    report(args.out, args.part, cells, skipped)


def one_thread_each() -> None:
    """Start this script anew with native threads at one, unless the environment says how many.

    Libraries read it as they are loaded; the processes of all searches inherit it.
    """
    if not set(THREADS) <= set(os.environ):
        environment = {**dict.fromkeys(THREADS, "1"), **os.environ}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)


if __name__ == "__main__":
    one_thread_each()
    main()
