"""The command line that `fmask train` and `fmask sweep` pass on to Hydra."""

import sys
from dataclasses import dataclass

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Typer settings that pass all arguments, including `--help`, to Hydra."""


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
    """
    from hydra._internal.utils import get_args_parser

    from fmask.config.compose import register
    from fmask.config.overrides import rename_batch

    register()
    arguments = [rename_batch(argument) for argument in arguments]
    parsed = get_args_parser().parse_args(arguments)
    if parsed.help:
        print(usage.format(program=program))
    sys.argv = [program, *arguments]
    only_shown = bool(parsed.help or parsed.hydra_help or parsed.cfg or parsed.info)
    return HydraArguments(parsed.overrides, parsed.multirun, only_shown)
