"""What a run logs, item by item: each as a record that can be written down, and how MLflow is given it.

An item that MLflow gets twice is there once: metrics carry their time and step, all else replaces what has its name.
"""

import json
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fmask.tracking.logged_model import log_model
from fmask.tracking.store import import_mlflow

PER_CALL = 100
"""Params in one call: MLflow's limit."""

FAILURE = "failure.txt"
"""Artifact of a run that an exception ended."""
MARKS = {"failure", "pruned"}
"""Tags of a run that something ended before its time."""

Record = dict[str, Any]
"""Plain values, with one of the keys that `send` knows."""


@dataclass(frozen=True)
class Item:
    """One thing that a run logs."""

    record: Record
    content: bytes | None = None
    """Of the artifact that the record names."""

    @property
    def artifact(self) -> str | None:
        """The path that the content gets among the artifacts."""
        return self.record.get("artifact")

    @property
    def is_end(self) -> bool:
        """Whether it says how the run ended, which is so no more when it goes on."""
        is_mark = self.artifact == FAILURE or MARKS & self.record.get("tags", {}).keys()
        return bool(is_mark) or "status" in self.record


def send(client: Any, run_id: str, item: Item) -> None:
    """Give an item to MLflow.

    Args:
        client: an `MlflowClient`.

    Raises:
        Exception: whatever MLflow raises when it does not take it.
    """
    from mlflow.entities import Metric, Param, RunTag

    match item.record:
        case {"metrics": metrics, "epoch": epoch, "time_ms": time_ms}:
            client.log_batch(run_id, [Metric(key, value, time_ms, epoch) for key, value in metrics.items()])
        case {"params": params}:
            rows = [Param(key, value) for key, value in params.items()]
            for first in range(0, len(rows), PER_CALL):
                client.log_batch(run_id, params=rows[first : first + PER_CALL])
        case {"tags": tags}:
            client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
        case {"dataset": _}:
            _send_dataset(client, run_id, item.record)
        case {"artifact": path}:
            _send_content(client, run_id, PurePosixPath(path), item.content or b"")
        case {"file": file, "folder": folder}:
            client.log_artifact(run_id, file, folder)
        case {"model": network}:
            _send_model(client, run_id, Path(network))
        case {"status": status, "time_ms": time_ms}:
            client.set_terminated(run_id, status, time_ms)
        case _:
            raise ValueError(f"nothing is known that says {', '.join(item.record)}")


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


def _send_model(client: Any, run_id: str, network: Path) -> None:
    """MLflow makes another model each time that it is given one, so that it is asked first."""
    mlflow = import_mlflow()
    outputs = client.get_run(run_id).outputs
    models = [client.get_logged_model(each.model_id) for each in (outputs.model_outputs if outputs else [])]
    if any(model.name == "model" and str(model.status) == "READY" for model in models):
        return
    active = mlflow.active_run()
    with nullcontext() if active and active.info.run_id == run_id else mlflow.start_run(run_id):
        log_model(network)
