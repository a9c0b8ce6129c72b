"""Commands that take a trained network out of the project: register, export."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from fmask.cli.app import app
from fmask.inference.load import KINDS
from fmask.utils.errors import UserError


@app.command()
def register(
    model: Annotated[str, typer.Argument(help=f"The network: {KINDS}.")],
    name: Annotated[str, typer.Argument(help="Name in MLflow's model registry; made where missing.")],
) -> None:
    """Put a trained network into MLflow's model registry, as the next version of NAME.

    `mlflow models serve -m models:/NAME/VERSION --env-manager local` then answers requests.
    """
    from fmask import tracking
    from fmask.inference.load import find_model_file

    source = model if Path(model).is_file() else tracking.pinned(model)
    version = tracking.register(find_model_file(source), name, source)
    print(f"Registered as models:/{name}/{version}.")


@app.command()
def export(
    model: Annotated[str, typer.Argument(help=f"The network: {KINDS}.")],
    out: Annotated[Path, typer.Argument(help="The file to write, NAME.onnx.")],
    format: Annotated[Literal["onnx"], typer.Option(help="What runs it: onnx, for ONNX Runtime and others.")] = "onnx",
    batch: Annotated[str, typer.Option(help="Images that a call takes: a number, or dynamic for any.")] = "dynamic",
) -> None:
    """Write a trained network as a file that runs without Keras and TensorFlow."""
    if out.suffix != f".{format}":
        raise UserError(f"{out} does not end in .{format}, as files of that format do.")
    if not out.parent.is_dir():
        raise UserError(f"There is no folder {out.parent} to write {out.name} to.")
    count = _count(batch)

    from rich.console import Console

    from fmask.inference.load import find_model_file

    file = find_model_file(model)
    with Console(stderr=True).status("Loading, tracing and translating the network: half a minute"):
        import fmask.utils.backend  # noqa: F401 - before Keras, to keep its loading quiet
        from fmask.inference.export import export_onnx
        from fmask.inference.keras_predictor import KerasPredictor

        export_onnx(KerasPredictor.load(file), out, count)
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MB.")


def _count(batch: str) -> int | None:
    if batch == "dynamic":
        return None
    if not batch.isdecimal() or int(batch) < 1:
        raise UserError(f"--batch is {batch!r}; it takes a number from 1 up, or dynamic.")
    return int(batch)
