"""Unsent records on disk, and sending them with a fake client."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from fmask import tracking
from fmask.cli import app
from fmask.tracking.records import LoggedItem
from fmask.tracking.spool import Spool, find_spools, open_spool
from fmask.utils.errors import UserError
from fmask.utils.locks import lock_folder


class Client:
    """Accepts everything except tags with the keys `refused`; nothing if it is not `reachable`."""

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)
        self.reachable = True
        self.accepted: list[str] = []
        self.calls = 0

    def log_batch(
        self, run_id: str, metrics: Any = (), params: Any = (), tags: Any = (), *, synchronous: bool | None = None
    ) -> None:
        assert synchronous, "a record that MLflow refuses later could not be kept"
        self.calls += 1
        keys = [each.key for each in (*metrics, *params, *tags)]
        if not self.reachable or self.refused & set(keys):
            raise OSError("no")
        if "interrupt" in keys:
            raise KeyboardInterrupt
        self.accepted += keys

    def log_artifact(self, run_id: str, file: str, folder: str | None = None) -> None:
        self.accepted.append(f"{folder}/{Path(file).name}: {Path(file).read_text()}")

    def set_terminated(self, run_id: str, status: str, end_time: int) -> None:
        self.accepted.append(status)

    def get_run(self, run_id: str) -> Any:
        if not self.reachable:
            raise OSError("unreachable")
        return SimpleNamespace(info=SimpleNamespace(artifact_uri="mlflow-artifacts:/1"))


def tag(key: str) -> LoggedItem:
    return LoggedItem({"tags": {key: "1"}})


def saved_keys(folder: Path) -> list[str]:
    """Return the keys of the items that another process reads."""
    return [next(iter(item.record.get("tags", item.record))) for item in Spool(folder, "abc").items]


def new_spool(folder: Path, *items: LoggedItem) -> Spool:
    spool = Spool(folder, "abc")
    for item in items:
        spool.add(item)
    return spool


def test_items_are_sent_in_order_and_removed(tmp_path: Path) -> None:
    (tmp_path / "best.h5").write_text("weights")
    figure = LoggedItem({"artifact": "figures/a.png"}, b"first")
    file = LoggedItem({"file": str(tmp_path / "best.h5"), "folder": "weights"})
    end = LoggedItem({"status": "FINISHED", "time_ms": 1})
    new_spool(tmp_path, tag("a"), figure, tag("b"), LoggedItem(figure.record, b"second"), file, end)
    assert saved_keys(tmp_path) == ["a", "b", "artifact", "file", "status"]
    client = Client()
    assert Spool(tmp_path, "abc").send(client) is None
    assert client.accepted == ["a", "b", "figures/a.png: second", "weights/best.h5: weights", "FINISHED"]
    assert [each.name for each in tmp_path.iterdir()] == ["best.h5"]


def test_refused_items_and_the_final_status_stay(tmp_path: Path) -> None:
    spool = new_spool(tmp_path, tag("bad"), tag("good"), LoggedItem({"status": "FAILED", "time_ms": 1}))
    client = Client("bad")
    assert str(spool.send(client)) == "no"
    assert client.accepted == ["good", "FAILED"]
    assert saved_keys(tmp_path) == ["bad", "status"]
    assert Spool(tmp_path, "abc").send(Client()) is None
    assert not list(tmp_path.iterdir())


def test_an_unreachable_server_is_tried_once(tmp_path: Path) -> None:
    client = Client()
    client.reachable = False
    spool = new_spool(tmp_path, *(tag(str(number)) for number in range(50)))
    assert spool.send(client) is not None
    assert client.calls == 1
    assert len(saved_keys(tmp_path)) == 50


def test_items_sent_before_an_interruption_are_removed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        new_spool(tmp_path, tag("a"), tag("interrupt"), tag("b")).send(Client())
    assert saved_keys(tmp_path) == ["interrupt", "b"]


def test_items_added_while_another_process_sends_stay(tmp_path: Path) -> None:
    run = new_spool(tmp_path, tag("a"), LoggedItem({"artifact": "a.txt"}, b"first"))
    other = Spool(tmp_path, "abc")
    run.add(tag("b"))
    run.add(LoggedItem({"artifact": "a.txt"}, b"second"))
    assert other.send(Client()) is None
    assert saved_keys(tmp_path) == ["b", "artifact"]
    assert Spool(tmp_path, "abc").items[1].content == b"second"
    assert run.send(Client()) is None
    assert not list(tmp_path.iterdir())


def test_relative_paths_and_nan_are_not_duplicated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("best.h5").write_text("weights")
    numbers = LoggedItem({"epoch": 1, "time_ms": 1, "metrics": {"loss": math.nan}})
    spool = new_spool(Path(), LoggedItem({"file": "best.h5", "folder": "weights"}), numbers, tag("a"))
    assert saved_keys(tmp_path) == ["file", "epoch", "a"]
    assert spool.send(Client()) is None
    assert [each.name for each in tmp_path.iterdir()] == ["best.h5"]


def test_missing_folders_and_damaged_spools_are_user_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"/none is not a folder; it must be a folder with the output of runs"):
        find_spools([tmp_path / "none"])
    new_spool(tmp_path, tag("a"))
    (tmp_path / "unsent/abc/records.jsonl").write_text('{"tags"')
    (folder,) = find_spools([tmp_path])
    with pytest.raises(UserError, match=r"records\.jsonl cannot be read"):
        open_spool(folder)


def test_other_runs_are_sent_if_one_fails(store: Path) -> None:
    new_spool(store / "outputs/1", tag("a"))
    new_spool(store / "outputs/2", tag("a"))
    (store / "outputs/2/unsent/abc/records.jsonl").write_text('{"tags"')
    with tracking.start_run({}, "report", output_dir=store / "outputs/3") as run:
        pass
    Spool(store / "outputs/3", run.id).add(tag("good"))
    sent = CliRunner().invoke(app, ["send", "outputs"])
    assert sent.exit_code == 1
    assert sent.stdout == f"run {run.id} ({tracking.find_run(run.id).name}): 1 records sent, 0 left, status FINISHED.\n"
    unknown, damaged = sent.stderr.splitlines()
    assert unknown.startswith(f"fmask: {store}/outputs/1/unsent/abc: sqlite:///{store}/mlflow.db has no run 'abc'")
    assert "outputs/2/unsent/abc/records.jsonl cannot be read" in damaged
    assert tracking.find_run(run.id).tags["good"] == "1"
    assert json.loads((store / "outputs/1/unsent/abc/records.jsonl").read_text()) == {"tags": {"a": "1"}}


@pytest.mark.parametrize("folder", [".", "outputs", "outputs/unsent", "outputs/unsent/abc"])
def test_a_spool_is_found_from_any_folder_above_it(tmp_path: Path, folder: str) -> None:
    new_spool(tmp_path / "outputs", tag("a"))
    assert find_spools([tmp_path / folder]) == [tmp_path / "outputs/unsent/abc"]


def test_sending_requires_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    new_spool(tmp_path, tag("a"))
    with pytest.raises(UserError, match=r"There are no runs yet: .*mlflow\.db does not exist"):
        CliRunner().invoke(app, ["send", "."], catch_exceptions=False)


def test_records_of_a_run_in_training_are_not_sent(store: Path) -> None:
    with tracking.start_run({}, "report", output_dir=store / "outputs") as run:
        pass
    Spool(store / "outputs", run.id).add(LoggedItem({"status": "KILLED", "time_ms": 1}))
    with lock_folder(store / "outputs", ""):
        sent = CliRunner().invoke(app, ["send", "outputs"])
    assert (sent.exit_code, sent.stdout) == (1, "")
    assert f"the run {run.id} is being trained now and sends its records itself." in sent.stderr
    assert tracking.find_run(run.id).status == "FINISHED"
    assert CliRunner().invoke(app, ["send", "outputs"]).exit_code == 0
    assert tracking.find_run(run.id).status == "KILLED"
