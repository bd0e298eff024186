"""Wall-clock time until a search reaches the final score of RandomizedSearchCV.

    python benchmarks/searches.py --quick
    python benchmarks/searches.py --part time racing

The search classes tune real models with the same folds, the same number of candidates and two
workers. The scorer logs a time stamp for each fold, which gives the best score so far on the clock
also for classes that report nothing before they end.

- *target*: the best mean score of RandomizedSearchCV, for each task and seed.
- *share*: seconds divided by the seconds of RandomizedSearchCV for all its candidates.
- *curve*: (seconds, mean score) of each candidate, when its last fold was scored on all rows.

The clock measures ``fit`` without refit, including the start of workers. Each run has a new
process, which makes one fit first, so that imports are not measured.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from _report import provenance
from _search_classes import PARTS, RACING, RANDOM, SEARCHES, TUNEPLUG
from _search_report import (
    RULE,
    Results,
    by_task,
    draw,
    racing_by_task,
    racing_table,
    seconds_table,
    time_table,
)
from _search_runs import N_JOBS, Cell, plan, run_all, run_log
from _search_tasks import TASKS

RESULTS = Path(__file__).parent / "results"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

QUICK_CANDIDATES, QUICK_SEEDS = 30, 1
QUICK_TASKS = ("boosting, diabetes", "random forest, digits")


def report(
    out: Path, parts: Sequence[str], cells: Sequence[Cell], skipped: Mapping[str, str]
) -> None:
    """Write tables.md and a picture."""
    runs = run_log(out / "runs.jsonl").read()
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
            text += [RULE, time_table(results), _arguments(results.searches)]
            text.append(f"Time to target by task (runs that reached it):\n\n{by_task(results)}")
            text.append(f"Seconds of the whole search:\n\n{seconds_table(results)}")
            draw(results, out / "searches.png")
        elif {TUNEPLUG, RACING} <= set(results.searches):
            text.append(f"### Racing\n\n{n}.\n\n{racing_table(results)}")
            text.append(racing_by_task(results))
    (out / "tables.md").write_text("\n".join(text), encoding="utf-8")
    print("\n{}\nWritten to {}".format("\n".join(text), out))


def _arguments(searches: Sequence[str]) -> str:
    lines = [f"- {name}: {own}" for name in searches if (own := SEARCHES[name].described())]
    return "\n".join(["Arguments beside those that all searches share:\n", *lines]) + "\n"


def _threads() -> str:
    return ", ".join(f"{name}={os.environ.get(name, 'not set')}" for name in THREADS) + ".\n"


def _failures(results: Results) -> str:
    lines = [
        f"- {r.cell.search} failed on {r.cell.task}, seed {r.cell.seed}: {r.error}"
        for r in results.failed
    ]
    return "\n".join(lines) + "\n"


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ``--quick`` overrides sizes."""
    parser = argparse.ArgumentParser(
        description="Wall-clock time to the score that RandomizedSearchCV ends with."
    )
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--searches", nargs="+", choices=list(SEARCHES), default=list(SEARCHES))
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--candidates", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="directory of the results")
    parser.add_argument("--quick", action="store_true", help="a small run of under five minutes")
    parser.add_argument(
        "--report-only", action="store_true", help="only make tables of the logged runs"
    )
    args = parser.parse_args(argv)
    if args.quick:
        args.candidates, args.seeds = QUICK_CANDIDATES, QUICK_SEEDS
        args.tasks = list(QUICK_TASKS) if args.tasks == list(TASKS) else args.tasks
    chosen = [n for n, entry in SEARCHES.items() if set(entry.parts) & set(args.part)]
    args.searches = [
        n for n in chosen if n in {*args.searches, RANDOM}
    ]  # its time is the unit of shares
    args.out = args.out or RESULTS / ("searches-quick" if args.quick else "searches")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing cells, then write the report."""
    args = arguments(argv)
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # models may not converge
    cells, skipped = plan(args.tasks, args.searches, args.seeds, args.candidates)
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    if not args.report_only:
        run_all(cells, args.out / "runs.jsonl")
    report(args.out, args.part, cells, skipped)


def one_thread_each() -> None:
    """Restart this script with one native thread, unless the environment sets the number.

    Libraries read the variables at import; the processes of all searches inherit them.
    """
    if not set(THREADS) <= set(os.environ):
        environment = {**dict.fromkeys(THREADS, "1"), **os.environ}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)


if __name__ == "__main__":
    one_thread_each()
    main()
