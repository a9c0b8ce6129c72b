"""The command sweep: many runs. `sweep.py` is the same command."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fmask.cli.app import app
from fmask.cli.train import PASS_ON

if TYPE_CHECKING:
    from omegaconf import DictConfig


@app.command(context_settings=PASS_ON)
def sweep(context: typer.Context) -> None:
    """Train many times: fmask sweep aug=none,blur seed=1,2,3. All settings: fmask sweep --help."""
    main("fmask sweep", context.args)


def main(program: str, arguments: list[str]) -> None:
    """Run a grid, or a search with Optuna.

    Args:
        program: the command's name, for messages.
        arguments: what was typed after it: overrides, such as `aug=none,blur`, and Hydra's options.
    """
    from fmask.utils.exits import cli_errors

    with cli_errors(program):
        from hydra._internal.utils import get_args_parser

        from fmask import sweeping
        from fmask.config.compose import conf_folder, register
        from fmask.config.overrides import rename_batch

        register()
        arguments = [rename_batch(argument) for argument in arguments]
        sweeping.check(conf_folder(), "sweep", get_args_parser().parse_args(arguments).overrides)
        sys.argv = [program, *arguments]
        sweeping.main(job, conf_folder(), "sweep")


def job(config: "DictConfig") -> Mapping[str, float]:
    """Train once, as one job of a sweep; returns the run's metrics."""
    from hydra.core.hydra_config import HydraConfig

    import fmask.utils.backend  # noqa: F401 - before what imports Keras, to keep its loading quiet
    from fmask.config.compose import register
    from fmask.config.validate import validate
    from fmask.sweeping import pruning
    from fmask.training.train import train

    register()  # the configuration's resolvers, in a process that has only just started
    folder = Path(HydraConfig.get().runtime.output_dir)
    return train(validate(config), folder, callbacks=pruning.callbacks()).metrics
