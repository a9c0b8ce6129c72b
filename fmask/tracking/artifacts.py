"""More of a run than its `RunInfo`: asked for where one run is looked at closely."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from fmask.tracking.lookup import RunInfo, _client
from fmask.tracking.store import import_mlflow, refusals_as_user_errors


def read_history(run: RunInfo, metrics: Iterable[str]) -> dict[str, dict[int, float]]:
    """The values of each metric by epoch, in order; a metric that was never logged has none.

    Raises:
        UserError: the store cannot be used.
    """
    client = _client()
    with refusals_as_user_errors():
        points = {name: client.get_metric_history(run.id, name) for name in metrics}
    return {
        name: {point.step: point.value for point in sorted(of, key=lambda p: p.step)} for name, of in points.items()
    }


def read_end(run: RunInfo) -> datetime | None:
    """When the run ended; None while it goes on.

    Raises:
        UserError: the store cannot be used.
    """
    client = _client()
    with refusals_as_user_errors():
        ended = client.get_run(run.id).info.end_time
    return datetime.fromtimestamp(ended / 1000) if ended else None


def read_folders(run: RunInfo) -> dict[str, Path]:
    """Where the data set lay when the run was made, by split; relative to the working directory it was made in.

    Raises:
        UserError: the store cannot be used.
    """
    client = _client()
    with refusals_as_user_errors():
        inputs = client.get_run(run.id).inputs.dataset_inputs
    return {
        tag.value: Path(json.loads(used.dataset.source)["uri"])
        for used in inputs
        for tag in used.tags
        if tag.key == "mlflow.data.context"
    }


def download(run: RunInfo, path: str) -> Path | None:
    """The artifact `path` of a run as a local file, None where there is none; nothing is copied from a local store.

    Raises:
        UserError: the store cannot be used.
    """
    client = _client()
    mlflow = import_mlflow()
    with refusals_as_user_errors():
        there = _is_logged(client, run, path)
        return Path(mlflow.artifacts.download_artifacts(f"{run.artifacts}/{path}")) if there else None


def read_json(run: RunInfo, path: str) -> Any | None:
    """What a run logged as the JSON file `path`; None where it logged none.

    Raises:
        UserError: the store cannot be used.
    """
    file = download(run, path)
    return json.loads(file.read_text(encoding="utf-8")) if file else None


def _is_logged(client: Any, run: RunInfo, path: str) -> bool:
    folder = str(PurePosixPath(path).parent)
    # The top has no name of its own: a server says of the files in "." that they are others than those at the top.
    return path in {file.path for file in client.list_artifacts(run.id, None if folder == "." else folder)}


def add_text(run: RunInfo, text: str, path: str) -> None:
    """Put a text file among the artifacts of a run that has ended; one of that name is replaced.

    Raises:
        UserError: the store cannot be used.
    """
    client = _client()
    with refusals_as_user_errors():
        client.log_text(run.id, text, path)
