"""The trained network as an MLflow model: what goes into it, and how it gets a name of its own."""

import io
import shutil
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from fmask.tracking.dependencies import PACKAGE, modules_behind, requirements_of
from fmask.tracking.store import experiment_id, import_mlflow, prepare_store, refusals_as_user_errors
from fmask.utils.errors import UserError

REGISTERED = "registered"
"""The experiment of models that are registered without a run."""
EXAMPLE_SIDE = 96
"""Longer side in pixels of the photo that shows what goes in."""


def log_model(network: Path, register_as: str | None = None) -> Any:
    """Log a file that `KerasPredictor.load` reads, with the code and the package versions that it needs.

    It goes to the open run or, where none is open, to the current experiment. Returns MLflow's `ModelInfo`.
    """
    mlflow = import_mlflow()
    modules = modules_behind("fmask.inference.serving")
    with tempfile.TemporaryDirectory() as folder:
        for module in modules:
            copy = Path(folder, module)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PACKAGE.parent / module, copy)
        return mlflow.pyfunc.log_model(
            name="model",
            python_model=str(PACKAGE / "inference" / "serving.py"),
            artifacts={"network": str(network)},
            code_paths=[str(Path(folder, PACKAGE.name))],
            pip_requirements=requirements_of(modules),
            signature=_signature(),
            input_example=[_example()],
            registered_model_name=register_as,
        )


def register(network: Path, name: str, source: str) -> str:
    """Log a network, without a run, and register it as the next version of the model `name`; return that version.

    Args:
        source: where the network is from, kept as the version's tag `source`.

    Raises:
        UserError: the file is no predictor's, the name cannot be one, or MLflow refuses.
    """
    from fmask.model.weights.metadata import read_metadata

    read_metadata(network)
    if not name or set(name) & set("/:"):
        raise UserError(f"A registered model cannot be called {name!r}: any text does that has no / and no : in it.")
    uri = prepare_store()
    mlflow = import_mlflow()
    mlflow.set_tracking_uri(uri)
    with refusals_as_user_errors(), redirect_stderr(io.StringIO()):  # MLflow tells of each version, unasked
        mlflow.set_experiment(experiment_id=experiment_id(uri, REGISTERED))
        version = log_model(network, name).registered_model_version
        mlflow.MlflowClient().set_model_version_tag(name, str(version), "source", source)
    return str(version)


def _signature() -> Any:
    """What goes in and comes out. The photos' column has no name, so that a list of photos does as well as a table."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Object, Property, Schema

    columns = [ColSpec("long", "photo"), ColSpec("string", "class")]
    columns += [ColSpec("double", name) for name in ("score", "y1", "x1", "y2", "x2")]
    mask = Object([Property("size", Array(DataType.long)), Property("counts", DataType.string)])
    return ModelSignature(Schema([ColSpec("binary")]), Schema([*columns, ColSpec(mask, "mask")]))


def _example() -> bytes:
    """A drawn photo, as a file's contents."""
    import numpy as np
    from PIL import Image

    from fmask.data.synthetic.dataset import draw_scene
    from fmask.data.synthetic.layers import paint

    scene = draw_scene(np.random.default_rng(0), EXAMPLE_SIDE, as_test=False)
    image = np.clip(paint(scene.background, scene.layers, scene.light), 0, 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG")
    return content.getvalue()
