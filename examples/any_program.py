"""Tune a program in any language
==============================

The program ``any_program.awk`` is a logistic regression in awk.  It gets its hyperparameters as
arguments and prints its loss after each epoch.  ``any_program.json`` describes the tuning job as
Amazon SageMaker does: ranges, the objective, and the regular expression that finds the loss.

    python examples/any_program.py

On the command line, this is:

    cd examples
    tuneplug run any_program.json --command 'awk -f any_program.awk --'

Poor programs are stopped early.  The output of each program and the weights that it saved are kept
in a directory for each trial.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from tuneplug_sagemaker import objective_of, read_job

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", default="tuneplug_runs", help="for what programs save")
    options = parser.parse_args()
    if shutil.which("awk") is None:
        sys.exit("the example needs awk: install it")
    job = read_job(HERE / "any_program.json")
    command = ["awk", "-f", str(HERE / "any_program.awk"), "--"]
    study = job.study()
    study.optimize(
        objective_of(job, command, directory=options.directory), **job.optimize_options()
    )
    print("best loss", study.best_value)
    print("with", job.hyperparameters(study.best_params))
    print(study.savings())


if __name__ == "__main__":
    main()
