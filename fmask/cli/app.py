"""The Typer application: its options, and the order in which the help lists the commands."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fmask import __version__

TRAIN, USE, DATA, RUNS = "Train", "Use a model", "Data", "Runs and studies"
"""The panels of `fmask --help`."""

COMMANDS = (
    "train", "show-batch", "sweep", "reproduce",
    "detect", "splash", "watch", "evaluate", "diagnose", "operate", "show", "export", "register",
    "install", "new", "check", "browse", "anchors", "convert", "suspects", "diff",
    "runs", "report", "table", "power", "plan", "curve", "send",
)  # fmt: skip
"""All commands, in the order of the help."""


class Commands(TyperGroup):
    """The commands in the order of `COMMANDS`; without it they would be listed in the order of the imports."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return sorted(super().list_commands(ctx), key=COMMANDS.index)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; messages about its options lose the words that Typer's validation puts before them."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


app = typer.Typer(
    cls=Commands,
    help="Find and segment worn face masks and hats.",
    no_args_is_help=True,
    rich_markup_mode="markdown",  # joins the lines of a paragraph
    pretty_exceptions_enable=False,
)
install_app = typer.Typer(help="Download photos and pretrained weights.", no_args_is_help=True)
app.add_typer(install_app, name="install", rich_help_panel=DATA)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"fmask {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None: ...
