"""What tests of tracking share: the store's client, a run's artifacts, and a call that fails."""

from pathlib import Path

from mlflow import MlflowClient

from fmask import tracking
from fmask.utils.errors import UserError


def client() -> MlflowClient:
    return MlflowClient(tracking.tracking_uri())


def artifacts(run_id: str) -> Path:
    return Path(client().download_artifacts(run_id, ""))


def refuse_to_write(*_: object) -> None:
    raise UserError("records.jsonl cannot be written: no space.")


def refuse(*_: object, **__: object) -> None:
    raise OSError("disk full")
