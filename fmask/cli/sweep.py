"""The command `fmask sweep`, which is also `sweep.py`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fmask.cli.app import TRAIN, app
from fmask.cli.hydra_arguments import PASS_ON, read_arguments

if TYPE_CHECKING:
    from omegaconf import DictConfig

USAGE = """\
Usage: {program} [KEY=VALUE,VALUE...]...

Train a grid of models, one run for each combination of the values, for example with aug=none,blur seed=1,2,3.
hydra/sweeper=optuna searches with Optuna instead, for example with 'lr=tag(log,interval(1e-4,1e-2))'.
hydra.launcher.jobs=N trains N models at a time.

The groups and keys are those of fmask train, with the defaults listed below.
"""


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

        typed = read_arguments(program, arguments, USAGE)
        if typed.only_shown:
            check_one_run(typed.overrides, multirun=False, trains=False)
        sweeping.check(conf_folder(), "sweep", typed.overrides, typed.only_shown)
        sweeping.main(job, conf_folder(), "sweep")


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
