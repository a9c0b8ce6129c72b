"""The command train: one run. `train.py` is the same command."""

import sys
from pathlib import Path

import typer

from fmask.cli.app import app

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Everything after the command's name goes to Hydra, `--help` too."""


@app.command(context_settings=PASS_ON)
def train(context: typer.Context) -> None:
    """Train once: fmask train aug=fliplr_clahe steps=50. All settings: fmask train --help."""
    main("fmask train", context.args)


def main(program: str, arguments: list[str]) -> None:
    """Train once, or resume a training.

    Args:
        program: the command's name, for messages.
        arguments: what was typed after it: overrides, such as `steps=50`, and Hydra's options.
    """
    from fmask.utils.exits import cli_errors

    with cli_errors(program):
        from hydra._internal.utils import get_args_parser

        from fmask.config.compose import conf_folder, register
        from fmask.config.overrides import check_one_run, check_overrides, rename_batch, resumed_run

        register()
        arguments = [rename_batch(argument) for argument in arguments]
        typed = get_args_parser().parse_args(arguments)
        if resumed := resumed_run(typed.overrides):
            _resume(resumed)
            return
        check_overrides(conf_folder(), "train", typed.overrides)
        check_one_run(typed.overrides, typed.multirun)
        sys.argv = [program, *arguments]
        _run(program)


def _resume(reference: str) -> None:
    import fmask.utils.backend  # noqa: F401 - before what imports Keras, to keep its loading quiet
    from fmask.training.train import resume

    resume(reference)


def _run(program: str) -> None:
    import hydra
    from omegaconf import DictConfig

    from fmask.config.compose import conf_folder
    from fmask.utils.exits import cli_errors

    @hydra.main(version_base="1.3", config_path=str(conf_folder().resolve()), config_name="train")
    def run(config: DictConfig) -> None:
        from hydra.core.hydra_config import HydraConfig

        import fmask.utils.backend  # noqa: F401 - before what imports Keras, to keep its loading quiet
        from fmask.config.validate import validate
        from fmask.training.train import train

        with cli_errors(program):  # here, because Hydra would print a traceback
            train(validate(config), Path(HydraConfig.get().runtime.output_dir))

    run()
