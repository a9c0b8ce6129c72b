"""Logging a trained network as an MLflow model, and registering it."""

import io
import shutil
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from fmask.tracking.dependencies import PACKAGE, required_modules, requirements_of
from fmask.tracking.store import (
    as_user_errors,
    current_store,
    experiment_id,
    import_mlflow,
    prepare_store,
    without_chosen_run,
)
from fmask.utils.errors import UserError

REGISTERED = "registered"
"""Experiment of models that are registered without a run."""
EXAMPLE_SIDE = 96
"""Longer side in pixels of the photo in the model's input example."""


def log_model(network: Path, register_as: str | None = None) -> Any:
    """Log a trained network as an MLflow model, with the code and the package versions that it needs.

    The model is logged to the active run or, without one, to the current experiment.

    Args:
        network: a file for `KerasPredictor.load`.
        register_as: name of a registered model to add a version to; None does not register the model.

    Returns:
        MLflow's `ModelInfo`.
    """
    mlflow = import_mlflow()
    modules = required_modules("fmask.inference.serving")
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
    """Log a network without a run, and register it as the next version of a model.

    Args:
        network: a file for `KerasPredictor.load`.
        name: name of the registered model.
        source: origin of the network, saved as the version's tag `source`.

    Returns:
        The version.

    Raises:
        UserError: the file is not a network of fmask, the name is invalid, or MLflow cannot be used.
    """
    from fmask.model.weights.metadata import read_metadata

    read_metadata(network)
    if not name or set(name) & set("/:"):
        raise UserError(f"The model name {name!r} is invalid: it must not be empty or contain / or :.")
    uri = prepare_store()
    mlflow = import_mlflow()
    # MLflow prints a message for each version.
    with as_user_errors(), redirect_stderr(io.StringIO()), current_store(uri), without_chosen_run():
        mlflow.set_experiment(experiment_id=experiment_id(uri, REGISTERED))
        version = log_model(network, name).registered_model_version
        mlflow.MlflowClient().set_model_version_tag(name, str(version), "source", source)
    return str(version)


def _signature() -> Any:
    """Return the model's signature. The input column has no name, so that lists of photos are valid input too."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Object, Property, Schema

    columns = [ColSpec("long", "photo"), ColSpec("string", "class")]
    columns += [ColSpec("double", name) for name in ("score", "y1", "x1", "y2", "x2")]
    mask = Object([Property("size", Array(DataType.long)), Property("counts", DataType.string)])
    return ModelSignature(Schema([ColSpec("binary")]), Schema([*columns, ColSpec(mask, "mask")]))


def _example() -> bytes:
    """Return a rendered photo as a JPEG file's content."""
    import numpy as np
    from PIL import Image

    from fmask.data.synthetic.dataset import draw_scene
    from fmask.data.synthetic.layers import paint

    scene = draw_scene(np.random.default_rng(0), EXAMPLE_SIDE, as_test=False)
    image = np.clip(paint(scene.background, scene.layers, scene.light), 0, 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG")
    return content.getvalue()
