"""What MLflow refused of a run: on disk from that moment on, sent again, and gone once MLflow has it.

<output_dir>/unsent/<run id>/records.jsonl    an item a line, in the order that it was logged
<output_dir>/unsent/<run id>/artifacts/       what was to become an artifact and is in no file of the run's own
"""

import json
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fmask.tracking.lookup import RunInfo, find_run
from fmask.tracking.records import Item, Record, send
from fmask.tracking.store import import_mlflow, reason, tracking_uri
from fmask.utils.errors import UserError
from fmask.utils.files import write_text
from fmask.utils.locks import lock_folder

FOLDER, RECORDS, ARTIFACTS = "unsent", "records.jsonl", "artifacts"
_PATHS = ("file", "model")
"""Keys of records that name a file; one in the run's output folder counts from there, so that it can be moved."""


class Spool:
    """The items of one run that MLflow has not taken; those of an earlier process are among them."""

    def __init__(self, output_dir: Path, run_id: str) -> None:
        self.folder = output_dir / FOLDER / run_id
        self.run_id = run_id
        self.output_dir = output_dir.absolute()
        self.items: list[Item] = self._read()
        self._written = self._as_on_disk(self.items)
        """What this process knows to be there: all else is another process's, which has the same run open."""

    def add(self, item: Item) -> None:
        """Keep an item, at once on disk; it takes the place of an artifact of the same path.

        Raises:
            UserError: the disk takes it no more; it is kept in memory then, and written with the next one.
        """
        self.items = [each for each in self.items if not item.artifact or each.artifact != item.artifact]
        self.items.append(item)
        self._write()

    def send(self, client: Any, told: Callable[[], None] = lambda: None) -> Exception | None:
        """Send all items in their order; those that MLflow takes are removed, also when this is interrupted.

        Args:
            client: an `MlflowClient`.
            told: called after each item.

        Returns:
            Why the last one was refused that was; None where all were taken. When MLflow does not even show the run,
            it is away, and the rest is not tried.
        """
        refused: Exception | None = None
        try:
            for item in list(self.items):
                try:
                    send(client, self.run_id, item)
                except Exception as error:
                    refused = error
                    if not self._is_there(client):
                        break
                else:
                    if "status" not in item.record or self.items == [item]:  # sending the rest may open the run again
                        self.items.remove(item)
                told()
        finally:
            with suppress(UserError):  # what was sent is sent again next time, which does no harm
                self._write()
        return refused

    def forget_end(self) -> None:
        """Drop what an earlier process had to say of the run's end: it goes on."""
        self.items = [item for item in self.items if not item.is_end]
        self._write()

    def _is_there(self, client: Any) -> bool:
        try:
            client.get_run(self.run_id)
        except Exception:
            return False
        return True

    def _read(self) -> list[Item]:
        file = self.folder / RECORDS
        if not file.exists():
            return []
        try:
            return [self._opened(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{file} cannot be read: {error}.") from error

    def _opened(self, record: Record) -> Item:
        paths = {key: str(self.output_dir / record[key]) for key in _PATHS if key in record}
        item = Item(record | paths)
        return replace(item, content=(self.folder / ARTIFACTS / item.artifact).read_bytes()) if item.artifact else item

    def _write(self) -> None:
        """Bring the folder up to date; what records speak of is there before them, and goes after them."""
        items = self.items + [item for item in self._read() if not self._as_on_disk([item]) <= self._written]
        if not items:
            shutil.rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):  # another run's items are there
                self.folder.parent.rmdir()
            self._written = set()
            return
        artifacts = self.folder / ARTIFACTS
        contents = {artifacts / item.record["artifact"]: item.content or b"" for item in items if item.artifact}
        lines = [self._line(item) for item in items]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for file, content in contents.items():
                _keep(content, file)
        except OSError as error:
            raise UserError(f"{self.folder} cannot be written: {error.strerror}.") from error
        write_text("".join(f"{line}\n" for line in lines), self.folder / RECORDS)
        for file in artifacts.rglob("*"):
            if file.is_file() and file not in contents:
                file.unlink()
        self._written = self._as_on_disk(self.items)

    def _as_on_disk(self, items: Iterable[Item]) -> set[tuple[str, bytes | None]]:
        """Items in the form in which equal ones are equal, with relative paths or with NaN in them as well."""
        return {(self._line(item), item.content) for item in items}

    def _line(self, item: Item) -> str:
        return json.dumps(self._closed(item.record), ensure_ascii=False)

    def _closed(self, record: Record) -> Record:
        paths = {}
        for key in _PATHS:
            if key in record and Path(record[key]).absolute().is_relative_to(self.output_dir):
                paths[key] = str(Path(record[key]).absolute().relative_to(self.output_dir))
        return record | paths


def _keep(content: bytes, file: Path) -> None:
    if file.exists() and file.read_bytes() == content:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.part")
    draft.write_bytes(content)
    draft.replace(file)


def find_spools(folders: Iterable[Path]) -> list[Path]:
    """The folders of spools in folders, at any depth; the folder of one, or its `unsent/`, does as well.

    Raises:
        UserError: there is no such folder.
    """
    found = set()
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"There is no folder {folder}; needed is one that holds the output of runs.")
        found |= {file.parent for file in folder.absolute().rglob(RECORDS) if file.parents[1].name == FOLDER}
    return sorted(found)


def open_spool(folder: Path) -> Spool:
    """The spool in a folder that `find_spools` found.

    Raises:
        UserError: what it holds cannot be read.
    """
    return Spool(folder.parents[1], folder.name)


@dataclass(frozen=True)
class Delivered:
    """What became of a spool."""

    spool: Spool
    run: RunInfo
    sent: int
    refused: Exception | None

    def __str__(self) -> str:
        run = f"run {self.run.id} ({self.run.name})"
        if self.refused:
            why = reason(self.refused)
            return f"{run}: {self.sent} items sent, {len(self.spool.items)} stay in {self.spool.folder} ({why})."
        more = f", which goes on with `python train.py resume={self.run.id}`" if self.run.status == "RUNNING" else ""
        return f"{run}: {self.sent} items sent, all there were; it is {self.run.status}{more}."


def deliver(spool: Spool, told: Callable[[], None] = lambda: None) -> Delivered:
    """Send a spool to the run that it is of, in the store at MLFLOW_TRACKING_URI; see `Spool.send`.

    Raises:
        UserError: the store cannot be used, or has no such run; or the run is being trained, which sends it itself.
    """
    run = find_run(spool.run_id)
    mlflow = import_mlflow()
    mlflow.set_tracking_uri(tracking_uri())
    waiting = len(spool.items)
    with lock_folder(spool.output_dir, f"the run {spool.run_id} is being trained now, and sends what it keeps itself."):
        refused = spool.send(mlflow.MlflowClient(), told)
    if not refused:
        run = find_run(spool.run_id)
    return Delivered(spool, run, waiting - len(spool.items), refused)
