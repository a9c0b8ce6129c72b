"""Spools: records of a run that could not be sent to MLflow. They are saved on disk and deleted once they are sent.

<output_dir>/unsent/<run id>/records.jsonl    one record per line, in the order of logging
<output_dir>/unsent/<run id>/artifacts/       contents of artifacts that are not files of the run's own
"""

import json
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fmask.tracking.environment import import_mlflow
from fmask.tracking.lookup import RunInfo, find_run
from fmask.tracking.records import LoggedItem, Record, send_item
from fmask.tracking.store import current_store, reason, tracking_uri
from fmask.utils.errors import UserError
from fmask.utils.files import write_text
from fmask.utils.locks import lock_folder

FOLDER, RECORDS, ARTIFACTS = "unsent", "records.jsonl", "artifacts"
_PATHS = ("file", "model")
"""Keys of records that name a file. Files in the run's output folder have relative paths, so that it can be moved."""


class Spool:
    """The unsent items of one run, including those of earlier processes."""

    def __init__(self, output_dir: Path, run_id: str) -> None:
        self.folder = output_dir / FOLDER / run_id
        self.run_id = run_id
        self.output_dir = output_dir.absolute()
        self.items: list[LoggedItem] = self._read()
        self._written = self._as_on_disk(self.items)
        """The saved items that this process knows. Others were added by another process with the same run open."""

    def add(self, item: LoggedItem) -> None:
        """Add an item and save it at once. It replaces an artifact with the same path.

        Raises:
            UserError: the item cannot be written to disk; it is kept in memory and written with the next one.
        """
        self.items = [each for each in self.items if not item.artifact or each.artifact != item.artifact]
        self.items.append(item)
        self._write()

    def send(self, client: Any, on_item: Callable[[], None] = lambda: None) -> Exception | None:
        """Send all items in order. Items that MLflow accepts are removed, even if sending is interrupted.

        If an item fails and MLflow cannot even return the run, the server is unreachable: the remaining items are not
        tried.

        Args:
            client: an `MlflowClient`.
            on_item: called after each item.

        Returns:
            The exception of the last item that failed; None if all were sent.
        """
        failure: Exception | None = None
        try:
            for item in list(self.items):
                try:
                    send_item(client, self.run_id, item)
                except Exception as error:
                    failure = error
                    if not self._is_reachable(client):
                        break
                else:
                    # The final status stays until all else is sent: sending another item may reopen the run.
                    if "status" not in item.record or self.items == [item]:
                        self.items.remove(item)
                on_item()
        finally:
            with suppress(UserError):  # items that were sent will be sent again, which does no harm
                self._write()
        return failure

    def drop_end(self) -> None:
        """Drop the items of an earlier process that tell how the run ended, because it is resumed."""
        self.items = [item for item in self.items if not item.is_end]
        self._write()

    def _is_reachable(self, client: Any) -> bool:
        try:
            client.get_run(self.run_id)
        except Exception:
            return False
        return True

    def _read(self) -> list[LoggedItem]:
        file = self.folder / RECORDS
        if not file.exists():
            return []
        try:
            return [self._from_record(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{file} cannot be read: {error}.") from error

    def _from_record(self, record: Record) -> LoggedItem:
        paths = {key: str(self.output_dir / record[key]) for key in _PATHS if key in record}
        item = LoggedItem(record | paths)
        return replace(item, content=(self.folder / ARTIFACTS / item.artifact).read_bytes()) if item.artifact else item

    def _write(self) -> None:
        """Update the folder. Contents are written before the records that name them, and deleted after them."""
        items = self.items + [item for item in self._read() if not self._as_on_disk([item]) <= self._written]
        if not items:
            shutil.rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):  # not empty: it has items of other runs
                self.folder.parent.rmdir()
            self._written = set()
            return
        artifacts = self.folder / ARTIFACTS
        contents = {artifacts / item.record["artifact"]: item.content or b"" for item in items if item.artifact}
        lines = [self._line(item) for item in items]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for file, content in contents.items():
                _write_content(content, file)
        except OSError as error:
            raise UserError(f"{self.folder} cannot be written: {error.strerror}.") from error
        write_text("".join(f"{line}\n" for line in lines), self.folder / RECORDS)
        for file in artifacts.rglob("*"):
            if file.is_file() and file not in contents:
                file.unlink()
        self._written = self._as_on_disk(self.items)

    def _as_on_disk(self, items: Iterable[LoggedItem]) -> set[tuple[str, bytes | None]]:
        """Return items in a form in which equal ones compare equal, even with relative paths or NaN."""
        return {(self._line(item), item.content) for item in items}

    def _line(self, item: LoggedItem) -> str:
        return json.dumps(self._with_relative_paths(item.record), ensure_ascii=False)

    def _with_relative_paths(self, record: Record) -> Record:
        paths = {}
        for key in _PATHS:
            if key in record and Path(record[key]).absolute().is_relative_to(self.output_dir):
                paths[key] = str(Path(record[key]).absolute().relative_to(self.output_dir))
        return record | paths


def _write_content(content: bytes, file: Path) -> None:
    if file.exists() and file.read_bytes() == content:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.part")
    draft.write_bytes(content)
    draft.replace(file)


def find_spools(folders: Iterable[Path]) -> list[Path]:
    """Find the folders of spools in `folders`, at any depth.

    Args:
        folders: output folders or folders above them; `unsent/` and the folder of a spool itself are possible too.

    Raises:
        UserError: a folder does not exist.
    """
    found = set()
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is not a folder; it must be a folder with the output of runs.")
        found |= {file.parent for file in folder.absolute().rglob(RECORDS) if file.parents[1].name == FOLDER}
    return sorted(found)


def open_spool(folder: Path) -> Spool:
    """Open the spool in a folder that `find_spools` returned.

    Raises:
        UserError: the spool cannot be read.
    """
    return Spool(folder.parents[1], folder.name)


@dataclass(frozen=True)
class SendResult:
    """The result of sending a spool; as a string, a sentence for the user."""

    spool: Spool
    run: RunInfo
    sent: int
    """Number of records sent."""
    failure: Exception | None
    """The last exception of MLflow; None if all records were sent."""

    def __str__(self) -> str:
        run = f"run {self.run.id} ({self.run.name})"
        counts = f"{self.sent} records sent, {len(self.spool.items)} left"
        if self.failure:
            return f"{run}: {counts} in {self.spool.folder} ({reason(self.failure)})."
        hint = f"; resume it with `fmask train resume={self.run.id}`" if self.run.status == "RUNNING" else ""
        return f"{run}: {counts}, status {self.run.status}{hint}."


def send_spool(spool: Spool, on_item: Callable[[], None] = lambda: None) -> SendResult:
    """Send a spool's items to their run, in the store at MLFLOW_TRACKING_URI; see `Spool.send`.

    Raises:
        UserError: the store cannot be used, it does not have the run, or the run is being trained and sends its records
            itself.
    """
    run = find_run(spool.run_id)
    mlflow = import_mlflow()
    waiting = len(spool.items)
    locked = lock_folder(spool.output_dir, f"the run {spool.run_id} is being trained now and sends its records itself.")
    with locked, current_store(tracking_uri()):
        failure = spool.send(mlflow.MlflowClient(), on_item)
    if not failure:
        run = find_run(spool.run_id)
    return SendResult(spool, run, waiting - len(spool.items), failure)
