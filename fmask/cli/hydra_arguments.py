"""The command line that `fmask train` and `fmask sweep` pass on to Hydra."""

import argparse
import re
import sys
from dataclasses import dataclass
from typing import NoReturn

from fmask.utils.errors import UserError

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Typer settings that pass all arguments, including `--help`, to Hydra."""

NOT_SUPPORTED = {
    "config_name": "choose a file of conf/experiment/ with experiment={value}",
    "config_path": "the files are in fmask's folder conf/; change settings with KEY=VALUE",
    "config_dir": "the files are in fmask's folder conf/; change settings with KEY=VALUE",
    "experimental_rerun": "train a run again with `fmask reproduce RUN`",
}
"""Options of Hydra that fmask does not support, and what to use instead."""


@dataclass(frozen=True)
class HydraArguments:
    """A parsed command line."""

    overrides: list[str]
    """`KEY=VALUE` arguments."""
    multirun: bool
    """Whether several runs were asked for with `--multirun`."""
    only_shown: bool
    """Whether the configuration is only printed, as by `--help` and `--cfg`."""


def read_arguments(program: str, arguments: list[str], usage: str) -> HydraArguments:
    """Parse a command line, and leave it in `sys.argv` for Hydra.

    Args:
        program: the name of the command, for messages.
        arguments: the arguments of the command: overrides and Hydra's options.
        usage: the text for `--help`, printed before Hydra's own; `{program}` stands for the name.

    Raises:
        UserError: an option does not exist, or it is one of Hydra's that fmask does not support.
    """
    from fmask.config.compose import register
    from fmask.config.overrides import rename_batch
    from fmask.config.quoting import as_hydra, check_commas

    register()
    parsed = _parse_options(arguments)
    check_commas(program, parsed.overrides)
    arguments = [as_hydra(rename_batch(each)) if each in parsed.overrides else each for each in arguments]
    parsed = _parse_options(arguments)
    if parsed.help:
        print(usage.format(program=program))
    sys.argv = [program, *arguments]
    only_shown = bool(parsed.help or parsed.hydra_help or parsed.cfg or parsed.info)
    return HydraArguments(parsed.overrides, parsed.multirun, only_shown)


def _parse_options(arguments: list[str]) -> argparse.Namespace:
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    parsed = parser.parse_args(arguments)
    for option, instead in NOT_SUPPORTED.items():
        if value := getattr(parsed, option):
            name = f"--{option.replace('_', '-')}"
            raise UserError(f"{name} {value}: fmask has no option {name}; {instead.format(value=value)}.")
    return parsed


def _refuse(message: str) -> NoReturn:
    unknown = re.match(r"unrecognized arguments: --?([\w.-]+)(?:=(\S+))?", message)
    if not unknown:
        raise UserError(f"{message}; --help lists the options and settings.")
    key, value = unknown[1].replace("-", "_"), unknown[2] or "VALUE"
    raise UserError(f"there is no option --{unknown[1]}; settings are written without hyphens, as {key}={value}.")
