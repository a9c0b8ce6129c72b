"""What commands are added to."""

import typer

app = typer.Typer(
    help="Find and segment worn face masks and hats.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
install_app = typer.Typer(help="Fetch photos and weights, once, with their digests checked.", no_args_is_help=True)
app.add_typer(install_app, name="install")
