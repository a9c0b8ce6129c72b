"""The command `fmask sweep`, which is also `sweep.py`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fmask.cli.app import TRAIN, app
from fmask.cli.hydra_arguments import PASS_ON, HydraArguments, read_arguments
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

USAGE = """\
Usage: {program} [KEY=VALUE,VALUE...]...

Train a grid of models, one run for each combination of the values, for example with aug=none,blur seed=1,2,3.
hydra/sweeper=optuna searches with Optuna instead, for example with 'lr=tag(log,interval(1e-4,1e-2))'.
hydra.launcher.jobs=N trains N models at a time.
plan=FILE trains the runs of a plan that `fmask plan FILE` has frozen, without those that have finished; beside it,
finished=RUNS leaves out those in a file of `fmask table --save-runs` too.

The groups and keys are those of fmask train, with the defaults listed below.
"""

FINISHED = "finished="
BESIDE_PLAN = ("threads", "keep_weights", "data.root")
"""Settings that may be given beside `plan=`, because they do not affect the runs' numbers."""


@app.command(context_settings=PASS_ON, rich_help_panel=TRAIN)
def sweep(context: typer.Context) -> None:
    """Train many models, as a grid or a search; `fmask sweep --help` lists the settings."""
    main("fmask sweep", context.args)


def main(program: str, arguments: list[str]) -> None:
    """Train a grid of models, or search with Optuna.

    Args:
        program: the name of the command, for messages.
        arguments: the arguments of the command: overrides, such as `aug=none,blur`, and Hydra's options.
    """
    from fmask.utils.exits import cli_errors

    with cli_errors(program):
        from fmask import sweeping
        from fmask.config.compose import conf_folder
        from fmask.config.overrides import check_one_run

        planned = [each for each in arguments if each.startswith("plan=")]
        finished = [each for each in arguments if each.startswith(FINISHED)]
        if finished and not planned:
            raise UserError(f"{finished[0]} leaves out runs of a plan; name the plan too, as plan=FILE.")
        if planned:
            others = [each for each in arguments if each not in planned + finished]
            arguments = _planned(planned, finished, read_arguments(program, others, USAGE))
            if not arguments:
                return
        typed = read_arguments(program, arguments, USAGE)
        if typed.only_shown:
            check_one_run(typed.overrides, multirun=False, trains=False)
        sweeping.check(conf_folder(), "sweep", typed.overrides, typed.only_shown)
        sweeping.main(job, conf_folder(), "sweep")


def _planned(typed: list[str], finished: list[str], others: HydraArguments) -> list[str]:
    """Return the arguments that train the planned runs that have not finished; none if all have.

    Their MLflow runs are below the run that records the plan.

    Args:
        typed: the arguments `plan=FILE`.
        finished: the arguments `finished=RUNS`.
        others: the other arguments.

    Raises:
        UserError: the plan is not the frozen one, a file cannot be read, or other settings are given with it.
    """
    from fmask import tracking
    from fmask.config.quoting import quoted
    from fmask.studies.plans.freeze import planned_jobs
    from fmask.studies.plans.load import load_plan
    from fmask.studies.runs_file import read_runs

    if len(typed) > 1:
        raise UserError(f"{' and '.join(typed)}: a sweep trains the runs of one plan.")
    if others.only_shown:
        raise UserError(f"{typed[0]}: the settings of a plan cannot be shown; leave out plan=, or the option.")
    for override in others.overrides:
        key = override.partition("=")[0]
        if key not in BESIDE_PLAN and not key.startswith(("hydra.launcher", "hydra/launcher", "hydra.sweep.")):
            allowed = f"{', '.join(BESIDE_PLAN)} and hydra.launcher settings"
            raise UserError(
                f"{typed[0]} {override}: the plan has the settings of its runs; only {allowed} can be added."
            )
    plan = load_plan(Path(typed[0].removeprefix("plan=")).expanduser())
    elsewhere = [read_runs(Path(each.removeprefix(FINISHED)).expanduser()) for each in finished]
    jobs, recorded = planned_jobs(plan, elsewhere)
    print(f"{plan.runs - len(jobs)} of {plan.runs} planned runs are already finished", flush=True)
    if not jobs:
        return []
    os.environ[tracking.PARENT_VARIABLE] = recorded
    rows = ",".join(f"[{','.join(map(quoted, job))}]" for job in jobs)
    return [
        f"study={plan.values.study}",
        f"hydra.sweeper.rows=[{rows}]",
        "hydra.sweeper.resume=true",
        *others.overrides,
    ]


def job(config: "DictConfig") -> Mapping[str, float]:
    """Train one model as a job of a sweep.

    Returns:
        The metrics of the run.
    """
    from hydra.core.hydra_config import HydraConfig

    import fmask.utils.backend  # noqa: F401 - imports Keras without TensorFlow's messages
    from fmask.config.compose import register
    from fmask.config.validate import validate
    from fmask.sweeping import pruning
    from fmask.training.train import train

    register()  # the process of the job has not registered the resolvers yet
    folder = Path(HydraConfig.get().runtime.output_dir)
    return train(validate(config), folder, callbacks=pruning.callbacks()).metrics
