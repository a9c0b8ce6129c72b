"""Details of a run beyond its `RunInfo`: metric histories, data folders and artifacts."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fmask.tracking.environment import import_mlflow
from fmask.tracking.lookup import RunInfo, _client, check_artifacts, list_files
from fmask.tracking.metric_names import logged_name
from fmask.tracking.store import as_user_errors


def read_history(run: RunInfo, metrics: Iterable[str]) -> dict[str, dict[int, float]]:
    """Read the values of metrics by epoch, also those that an earlier version logged under other names.

    Returns:
        Metric name to values by epoch, in order of epochs; empty for a metric that was never logged.

    Raises:
        UserError: the store cannot be used.
    """
    client = _client()
    with as_user_errors():
        logged = client.get_run(run.id).data.metrics
        points = {name: client.get_metric_history(run.id, logged_name(name, logged)) for name in metrics}
    return {
        name: {point.step: point.value for point in sorted(values, key=lambda p: p.step)}
        for name, values in points.items()
    }


def read_end_time(run: RunInfo) -> datetime | None:
    """Read when the run ended; None if it is still running.

    Raises:
        UserError: the store cannot be used.
    """
    client = _client()
    with as_user_errors():
        ended = client.get_run(run.id).info.end_time
    return datetime.fromtimestamp(ended / 1000) if ended else None


def read_data_folders(run: RunInfo) -> dict[str, Path]:
    """Read the folders of the run's data, by split, as they were given: perhaps relative to its working directory.

    Raises:
        UserError: the store cannot be used.
    """
    client = _client()
    with as_user_errors():
        inputs = client.get_run(run.id).inputs.dataset_inputs
    return {
        tag.value: Path(json.loads(used.dataset.source)["uri"])
        for used in inputs
        for tag in used.tags
        if tag.key == "mlflow.data.context"
    }


def download(run: RunInfo, path: str) -> Path | None:
    """Download the artifact `path` of a run; from a local store, return its path without copying.

    Returns:
        The local file, or None if the run has no such artifact.

    Raises:
        MissingArtifactsError: the run has finished and has lost all its artifacts.
        UserError: the store cannot be used.
    """
    folder = _local_folder(run)
    if folder and (folder / path).is_file():  # MLflow takes 20 ms to say the same
        return folder / path
    if folder and (beside := (folder / path).parent).is_dir() and any(beside.iterdir()):
        return None
    _client()  # raises UserError if there is no store
    mlflow = import_mlflow()
    with as_user_errors():
        if _is_logged(run, path):
            return Path(mlflow.artifacts.download_artifacts(f"{run.artifacts}/{path}"))
    check_artifacts(run)
    return None


def read_json(run: RunInfo, path: str) -> Any | None:
    """Read the JSON artifact `path` of a run; None if the run has no such artifact.

    Raises:
        MissingArtifactsError: the run has finished and has lost all its artifacts.
        UserError: the store cannot be used.
    """
    file = download(run, path)
    return json.loads(file.read_text(encoding="utf-8")) if file else None


def _local_folder(run: RunInfo) -> Path | None:
    """Return the folder of a run's artifacts; None if they are not on this machine."""
    parts = urlsplit(run.artifacts)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def _is_logged(run: RunInfo, path: str) -> bool:
    folder = str(PurePosixPath(path).parent)
    # The path of the top folder must be None: for "." a server returns other paths.
    return path in list_files(run, None if folder == "." else folder)


def add_text(run: RunInfo, text: str, path: str) -> None:
    """Log a text artifact to a run that has ended; an artifact of the same name is replaced.

    Raises:
        UserError: the store cannot be used.
    """
    client = _client()
    with as_user_errors():
        client.log_text(run.id, text, path)
