"""The items that a run logs: their records, which can be saved as JSON, and how they are sent to MLflow.

An item that is sent twice is stored once: metrics carry their time and step, and everything else replaces the entry of
the same name.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fmask.tracking.environment import own_settings
from fmask.tracking.links import log_file
from fmask.tracking.logged_model import log_model

MAX_PARAMS = 100
"""Largest number of params in one call of MLflow."""

FAILURE = "failure.txt"
"""Artifact with the traceback of a run that an exception ended."""
END_TAGS = {"failure", "pruned"}
"""Tags of a run that ended early."""

Record = dict[str, Any]
"""Plain values that describe an item; its keys tell `send_item` what the item is."""


@dataclass(frozen=True)
class LoggedItem:
    """One item that a run logs, such as the metrics of an epoch or a file."""

    record: Record
    content: bytes | None = None
    """Content of the artifact that the record names; None for other records."""

    @property
    def artifact(self) -> str | None:
        """The artifact path of the content; None without content."""
        return self.record.get("artifact")

    @property
    def is_end(self) -> bool:
        """Whether the item tells how the run ended. Such items are dropped when the run is resumed."""
        is_reason = self.artifact == FAILURE or END_TAGS & self.record.get("tags", {}).keys()
        return bool(is_reason) or "status" in self.record


def send_item(client: Any, run_id: str, item: LoggedItem) -> None:
    """Send an item to MLflow, and wait until MLflow has accepted it.

    Args:
        client: an `MlflowClient`.
        run_id: id of the run.
        item: the item.

    Raises:
        Exception: any exception of MLflow.
    """
    with own_settings():
        _send(client, run_id, item)


def _send(client: Any, run_id: str, item: LoggedItem) -> None:
    from mlflow.entities import Metric, Param, RunTag

    match item.record:
        case {"metrics": metrics, "epoch": epoch, "time_ms": time_ms}:
            points = [Metric(key, value, time_ms, epoch) for key, value in metrics.items()]
            client.log_batch(run_id, points, synchronous=True)
        case {"params": params}:
            rows = [Param(key, value) for key, value in params.items()]
            for first in range(0, len(rows), MAX_PARAMS):
                client.log_batch(run_id, params=rows[first : first + MAX_PARAMS], synchronous=True)
        case {"tags": tags}:
            client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()], synchronous=True)
        case {"dataset": _}:
            _send_dataset(client, run_id, item.record)
        case {"artifact": path}:
            _send_content(client, run_id, PurePosixPath(path), item.content or b"")
        case {"file": file, "folder": folder}:
            log_file(client, run_id, Path(file), folder)
        case {"model": network}:
            log_model(client, run_id, Path(network))
        case {"status": status, "time_ms": time_ms}:
            client.set_terminated(run_id, status, time_ms)
        case _:
            raise ValueError(f"unknown record with the keys {', '.join(item.record)}")


def _send_dataset(client: Any, run_id: str, record: Record) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = {key: record[key] for key in ("photos", "objects", "sha256")}
    source = json.dumps({"uri": record["root"]})
    dataset = Dataset(record["dataset"], record["sha256"][:16], "local", source, profile=json.dumps(profile))
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", record["split"])])])


def _send_content(client: Any, run_id: str, path: PurePosixPath, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, path.name)
        file.write_bytes(content)
        client.log_artifact(run_id, str(file), None if len(path.parts) == 1 else str(path.parent))
