"""The `fmask` command. Each module contains one command or a few related ones; `main` is the entry point."""

import sys

from fmask.cli import (
    browse,
    convert,
    curve,
    data,
    detect,
    diagnose,
    diff,
    evaluate,
    export,
    new,
    operate,
    plan,
    power,
    report,
    reproduce,
    runs,
    send,
    show,
    show_batch,
    splash,
    studies,
    suspects,
    sweep,
    train,
    watch,
)
from fmask.cli.app import app
from fmask.utils.errors import printable
from fmask.utils.exits import cli_errors
from fmask.utils.secrets import without_secrets

__all__ = [
    "app",
    "browse",
    "convert",
    "curve",
    "data",
    "detect",
    "diagnose",
    "diff",
    "evaluate",
    "export",
    "main",
    "new",
    "operate",
    "plan",
    "power",
    "report",
    "reproduce",
    "runs",
    "send",
    "show",
    "show_batch",
    "splash",
    "studies",
    "suspects",
    "sweep",
    "train",
    "watch",
]


def main() -> None:
    """Run the command.

    A `UserError` is printed as one line and sets its own exit status. An `OSError` about a file is printed as one line
    too, with exit status 2.
    """
    try:
        with cli_errors("fmask"):
            app()
    except OSError as error:
        if error.filename is None:
            raise
        print(f"fmask: {without_secrets(printable(str(error.filename)))}: {error.strerror}.", file=sys.stderr)
        sys.exit(2)
