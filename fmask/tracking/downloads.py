"""Downloading trained networks from MLflow."""

from pathlib import Path

from fmask.tracking.environment import import_mlflow
from fmask.tracking.local_lookup import local_artifact
from fmask.tracking.lookup import (
    ONNX_ARTIFACT,
    WEIGHTS_ARTIFACT,
    _client,
    check_artifacts,
    find_run,
    list_files,
)
from fmask.tracking.store import as_user_errors, current_store, reason, tracking_uri
from fmask.utils.errors import UserError
from fmask.utils.secrets import without_secrets


def download_weights(reference: str) -> Path:
    """Download the last weights of a run (see `find_run`), and beside them the ONNX file of the network, if it has one.

    From a local store, the path is returned without copying.

    Raises:
        UserError: the run does not exist or has no weights, or the store cannot be used.
    """
    if local := local_artifact(reference, WEIGHTS_ARTIFACT):
        return local
    run = find_run(reference)
    check_artifacts(run)
    mlflow = import_mlflow()
    try:
        weights = Path(mlflow.artifacts.download_artifacts(f"{run.artifacts}/{WEIGHTS_ARTIFACT}"))
    except Exception as error:
        why = ": it was trained with keep_weights=none" if run.params.get("keep_weights") == "none" else ""
        message = f"The MLflow run {run.id} ({run.name}, {run.status}) has no {WEIGHTS_ARTIFACT}{why}."
        raise UserError(message) from error
    with as_user_errors():
        if not weights.with_suffix(".onnx").exists() and ONNX_ARTIFACT in list_files(run, "weights"):
            mlflow.artifacts.download_artifacts(f"{run.artifacts}/{ONNX_ARTIFACT}", dst_path=str(weights.parent))
    return weights


def download_model(reference: str) -> Path:
    """Download the network of an MLflow model.

    Args:
        reference: `models:/NAME/VERSION` or `models:/NAME@ALIAS`.

    Raises:
        UserError: the model does not exist, or it was not logged by fmask.
    """
    _client()  # raises UserError if there is no store
    mlflow = import_mlflow()
    try:
        with current_store(tracking_uri()):
            folder = Path(mlflow.artifacts.download_artifacts(reference))
    except Exception as error:
        store = without_secrets(tracking_uri())
        raise UserError(f"{store} has no model {reference!r} ({reason(error)}).") from error
    networks = sorted((folder / "artifacts").glob("*.h5"))
    if len(networks) != 1:
        raise UserError(f"{reference} is not a model logged by fmask: it has {len(networks)} networks, not 1.")
    return networks[0]
