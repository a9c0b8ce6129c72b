"""Logging a trained network as an MLflow model, and registering it.

A server before MLflow 3.0 has no logged models. There, the model is stored as MLflow 2 did: as artifacts of a run, in
the folder `model/`. `runs:/ID/model` and `models:/NAME/VERSION` find it in both places.
"""

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from pathlib import Path
from typing import Any

from fmask.model.weights.exported import exported_file
from fmask.tracking.dependencies import PACKAGE, required_modules, requirements_of
from fmask.tracking.environment import import_mlflow, own_settings
from fmask.tracking.links import link_copy
from fmask.tracking.server import check_server, has_logged_models
from fmask.tracking.store import as_user_errors, current_store, experiment_id, prepare_store
from fmask.utils.errors import UserError

MODEL = "model"
"""Name of the model of a run."""
REGISTERED = "registered"
"""Experiment of models that are registered without a run."""
EXAMPLE_SIDE = 96
"""Longer side in pixels of the photo in the model's input example."""


def log_model(client: Any, run_id: str, network: Path, again: bool = False) -> None:
    """Log a trained network as the MLflow model of a run, with the code and the package versions that it needs.

    A model that the run has already is kept; MLflow would store a second one.

    Args:
        client: an `MlflowClient`.
        run_id: id of the run.
        network: a file for `KerasPredictor.load`.
        again: log a second model, which `runs:/ID/model` then means; registered versions keep the first.
    """
    mlflow = import_mlflow()
    if not has_logged_models(client.tracking_uri):
        _log_as_artifacts(client, run_id, network)
        return
    outputs = client.get_run(run_id).outputs
    models = [client.get_logged_model(each.model_id) for each in (outputs.model_outputs if outputs else [])]
    if not again and any(model.name == MODEL and str(model.status) == "READY" for model in models):
        return
    with _contents(network) as contents:
        active = mlflow.active_run()
        is_active = active and active.info.run_id == run_id
        with (
            own_settings(fluent=True),
            nullcontext() if is_active else mlflow.start_run(run_id, log_system_metrics=False),
        ):
            logged = mlflow.pyfunc.log_model(name=MODEL, **contents)
    for file in filter(None, (network, exported_file(network))):
        link_copy(file, client.get_logged_model(logged.model_id).artifact_location, f"artifacts/{file.name}")


def register(network: Path, name: str, source: str) -> str:
    """Register a network as the next version of a model.

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
    with as_user_errors(), redirect_stderr(io.StringIO()), current_store(uri), own_settings(fluent=True):
        check_server(uri)
        client = mlflow.MlflowClient()
        experiment = experiment_id(uri, REGISTERED)
        if has_logged_models(uri):
            mlflow.set_experiment(experiment_id=experiment)
            with _contents(network) as contents:
                version = mlflow.pyfunc.log_model(
                    name=MODEL, registered_model_name=name, **contents
                ).registered_model_version
        else:
            version = _register_artifacts(client, experiment, network, name)
        client.set_model_version_tag(name, str(version), "source", source)
    return str(version)


def _log_as_artifacts(client: Any, run_id: str, network: Path) -> None:
    """Store the model in the folder `model/` of a run's artifacts; one that is there is replaced."""
    mlflow = import_mlflow()
    from mlflow.models import Model

    model = Model(artifact_path=MODEL, run_id=run_id)
    with tempfile.TemporaryDirectory() as folder, _contents(network) as contents:
        mlflow.pyfunc.save_model(str(Path(folder, MODEL)), mlflow_model=model, **contents)
        client.log_artifacts(run_id, str(Path(folder, MODEL)), MODEL)
    client._record_logged_model(run_id, model)  # for the server's pages: the run has a model


def _register_artifacts(client: Any, experiment: str, network: Path, name: str) -> Any:
    """Store the model in a run of its own, and return its version in the registry."""
    from mlflow.exceptions import MlflowException

    run = client.create_run(experiment, run_name=name).info
    _log_as_artifacts(client, run.run_id, network)
    client.set_terminated(run.run_id)
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return client.create_model_version(name, f"{run.artifact_uri}/{MODEL}", run.run_id).version


@contextmanager
def _contents(network: Path) -> Iterator[dict[str, Any]]:
    """Return the arguments of MLflow's functions that save a model; files that they name exist within the block.

    A model with an ONNX file has the code and requirements of ONNX Runtime instead of those of Keras and TensorFlow.
    """
    exported = exported_file(network)
    predictor = "fmask.inference.onnx" if exported else "fmask.inference.keras_predictor"  # as in serving.py
    modules = sorted({*required_modules("fmask.inference.serving"), *required_modules(predictor)})
    names = _names(network)
    with tempfile.TemporaryDirectory() as folder:
        for module in modules:
            copy = Path(folder, module)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PACKAGE.parent / module, copy)
        yield {
            "python_model": str(PACKAGE / "inference" / "serving.py"),
            "artifacts": {"network": str(network)} | ({"onnx": str(exported)} if exported else {}),
            "code_paths": [str(Path(folder, PACKAGE.name))],
            "pip_requirements": requirements_of(modules),
            "metadata": names,
            "signature": _signature(calibrated="operating_point" in names),
            "input_example": [_example()],
        }


def _names(network: Path) -> dict[str, Any]:
    """Return the class names of a network, and their parents and its operating point if there are any."""
    from fmask.model.weights.metadata import read_metadata, read_operating_point

    metadata = read_metadata(network)
    parents = {name: list(leaves) for name, leaves in metadata.hierarchy.items()}
    point = read_operating_point(network, metadata.classes)
    return (
        {"classes": list(metadata.classes)}
        | ({"hierarchy": parents} if parents else {})
        | ({"operating_point": point.to_json()} if point else {})
    )


def _signature(calibrated: bool) -> Any:
    """Return the model's signature. The input column has no name, so that lists of photos are valid input too.

    Args:
        calibrated: whether the network has an operating point.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Object, ParamSchema, ParamSpec, Property, Schema

    columns = [ColSpec("long", "photo"), ColSpec("string", "class")]
    columns += [ColSpec("double", name) for name in ("score", "y1", "x1", "y2", "x2")]
    mask = Object([Property("size", Array(DataType.long)), Property("counts", DataType.string)])
    photo, last = Schema([ColSpec("binary")]), ColSpec(mask, "mask")
    if not calibrated:
        return ModelSignature(photo, Schema([*columns, last]))
    parameters = ParamSchema([ParamSpec("min_confidence", "double", None)])
    return ModelSignature(photo, Schema([*columns, last, ColSpec("double", "probability")]), parameters)


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
