"""The command `fmask train`, which is also `train.py`."""

import sys
from pathlib import Path

import typer

from fmask.cli.app import TRAIN, app

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Typer settings that pass all arguments, including `--help`, to Hydra."""

USAGE = """\
Usage: {program} [KEY=VALUE]...

Train one model, for example with aug=fliplr_clahe steps=50. resume=RUN resumes a stopped run.

A group, such as aug, takes the name of a file in conf/; a key, such as steps or optim.decay, takes a value. All groups
and keys are listed below, with the defaults of the keys. --cfg job prints the configuration without training.
"""


@app.command(context_settings=PASS_ON, rich_help_panel=TRAIN)
def train(context: typer.Context) -> None:
    """Train one model; `fmask train --help` lists the settings."""
    main("fmask train", context.args)


def main(program: str, arguments: list[str]) -> None:
    """Train one model, or resume a stopped run.

    Args:
        program: the name of the command, for messages.
        arguments: the arguments of the command: overrides, such as `steps=50`, and Hydra's options.
    """
    from fmask.utils.exits import cli_errors

    with cli_errors(program):
        from hydra._internal.utils import get_args_parser

        from fmask.config.compose import conf_folder, register
        from fmask.config.overrides import check_one_run, check_overrides, rename_batch, resumed_run

        register()
        arguments = [rename_batch(argument) for argument in arguments]
        parsed = get_args_parser().parse_args(arguments)
        if parsed.help:
            print(USAGE.format(program=program))
        if resumed := resumed_run(parsed.overrides):
            _resume(resumed)
            return
        only_shown = bool(parsed.help or parsed.hydra_help or parsed.cfg or parsed.info)
        check_overrides(conf_folder(), "train", parsed.overrides, only_shown)
        check_one_run(parsed.overrides, parsed.multirun)
        sys.argv = [program, *arguments]
        _run(program)


def _resume(reference: str) -> None:
    import fmask.utils.backend  # noqa: F401 - imports Keras without TensorFlow's messages
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

        import fmask.utils.backend  # noqa: F401 - imports Keras without TensorFlow's messages
        from fmask.config.validate import validate
        from fmask.training.train import train

        with cli_errors(program):  # Hydra would print a traceback
            train(validate(config), Path(HydraConfig.get().runtime.output_dir))

    run()
