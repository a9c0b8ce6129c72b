"""The command `fmask train`, which is also `train.py`."""

from pathlib import Path

import typer

from fmask.cli.app import TRAIN, app
from fmask.cli.hydra_arguments import PASS_ON, read_arguments

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
        from fmask.config.compose import conf_folder
        from fmask.config.overrides import check_no_sweep, check_one_run, check_overrides, resumed_run

        typed = read_arguments(program, arguments, USAGE)
        if resumed := resumed_run(typed.overrides):
            _resume(resumed)
            return
        check_no_sweep(typed.overrides)
        check_overrides(conf_folder(), "train", typed.overrides, typed.only_shown)
        check_one_run(typed.overrides, typed.multirun)
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

        from fmask.config.validate import validate

        with cli_errors(program):  # Hydra would print a traceback
            import fmask.utils.backend  # noqa: F401 - imports Keras without TensorFlow's messages
            from fmask.training.train import train

            train(validate(config), Path(HydraConfig.get().runtime.output_dir))

    run()
