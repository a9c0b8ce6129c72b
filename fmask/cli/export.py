"""The commands `fmask export` and `fmask register`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from fmask.cli.app import USE, app
from fmask.cli.options import Model, Settings
from fmask.utils.errors import UserError
from fmask.utils.files import check_folder


@app.command(rich_help_panel=USE)
def register(
    model: Model,
    name: Annotated[str, typer.Argument(help="Name in MLflow's model registry; it is created if it does not exist.")],
) -> None:
    """Add a trained model to MLflow's model registry.

    The model becomes the next version of NAME. Serve it with
    `mlflow models serve -m models:/NAME/VERSION --env-manager local --port 5001`.
    """
    from fmask import tracking
    from fmask.inference.load import find_model_file

    source = model if Path(model).is_file() else tracking.pin_reference(model)
    version = tracking.register(find_model_file(source), name, source)
    print(f"Registered as models:/{name}/{version}.")


@app.command(rich_help_panel=USE)
def export(
    model: Model,
    out: Annotated[Path, typer.Argument(help="The file to write, NAME.onnx.")],
    format: Annotated[Literal["onnx"], typer.Option(help="File format: onnx, for ONNX Runtime and others.")] = "onnx",
    batch: Annotated[str, typer.Option(help="Images per call: a number, or dynamic for any number.")] = "dynamic",
    settings: Settings = None,
) -> None:
    """Export a trained model to ONNX, which runs without Keras and TensorFlow."""
    if out.suffix != f".{format}":
        raise UserError(f"The name of the output file must end in .{format}, not {out}.")
    check_folder(out)
    count = _count(batch)

    from rich.console import Console

    from fmask.inference.load import find_model_file, load_keras

    file = find_model_file(model)
    with Console(stderr=True).status("Loading, tracing and converting the model (about 20 seconds)"):
        predictor = load_keras(file, settings or ())
        from fmask.inference.export import export_onnx

        export_onnx(predictor, out, count, file)
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MB.")


def _count(batch: str) -> int | None:
    if batch == "dynamic":
        return None
    if not batch.isdecimal() or int(batch) < 1:
        raise UserError(f"--batch must be a whole number from 1 up or dynamic, not {batch!r}.")
    return int(batch)
