"""What MLflow refused, on disk: by a client that takes what it is told to."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fmask import tracking
from fmask.cli import app
from fmask.tracking.records import Item
from fmask.tracking.spool import Spool, find_spools, open_spool
from fmask.utils.errors import UserError
from fmask.utils.locks import lock_folder


class Client:
    """Takes everything but tags with one of `refused` among their keys; not even that once it is `away`."""

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)
        self.away = False
        self.taken: list[str] = []
        self.asked = 0

    def log_batch(self, run_id: str, metrics: Any = (), params: Any = (), tags: Any = ()) -> None:
        self.asked += 1
        keys = [each.key for each in (*metrics, *params, *tags)]
        if self.away or self.refused & set(keys):
            raise OSError("no")
        if "interrupt" in keys:
            raise KeyboardInterrupt
        self.taken += keys

    def log_artifact(self, run_id: str, file: str, folder: str | None = None) -> None:
        self.taken.append(f"{folder}/{Path(file).name}: {Path(file).read_text()}")

    def set_terminated(self, run_id: str, status: str, end_time: int) -> None:
        self.taken.append(status)

    def get_run(self, run_id: str) -> None:
        if self.away:
            raise OSError("away")


def tag(key: str) -> Item:
    return Item({"tags": {key: "1"}})


def kept(folder: Path) -> list[str]:
    """The keys of what another process finds there."""
    return [next(iter(item.record.get("tags", item.record))) for item in Spool(folder, "abc").items]


def filled(folder: Path, *items: Item) -> Spool:
    spool = Spool(folder, "abc")
    for item in items:
        spool.add(item)
    return spool


def test_items_are_sent_in_their_order_and_then_gone(tmp_path: Path) -> None:
    (tmp_path / "best.h5").write_text("weights")
    figure = Item({"artifact": "figures/a.png"}, b"first")
    file = Item({"file": str(tmp_path / "best.h5"), "folder": "weights"})
    end = Item({"status": "FINISHED", "time_ms": 1})
    filled(tmp_path, tag("a"), figure, tag("b"), Item(figure.record, b"second"), file, end)
    assert kept(tmp_path) == ["a", "b", "artifact", "file", "status"]
    client = Client()
    assert Spool(tmp_path, "abc").send(client) is None
    assert client.taken == ["a", "b", "figures/a.png: second", "weights/best.h5: weights", "FINISHED"]
    assert [each.name for each in tmp_path.iterdir()] == ["best.h5"]


def test_what_is_refused_stays_with_the_end_of_the_run(tmp_path: Path) -> None:
    spool = filled(tmp_path, tag("bad"), tag("good"), Item({"status": "FAILED", "time_ms": 1}))
    client = Client("bad")
    assert str(spool.send(client)) == "no"
    assert client.taken == ["good", "FAILED"]
    assert kept(tmp_path) == ["bad", "status"]
    assert Spool(tmp_path, "abc").send(Client()) is None
    assert not list(tmp_path.iterdir())


def test_a_store_that_is_away_is_asked_once(tmp_path: Path) -> None:
    client = Client()
    client.away = True
    spool = filled(tmp_path, *(tag(str(number)) for number in range(50)))
    assert spool.send(client) is not None
    assert client.asked == 1
    assert len(kept(tmp_path)) == 50


def test_sending_that_is_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path, tag("a"), tag("interrupt"), tag("b")).send(Client())
    assert kept(tmp_path) == ["interrupt", "b"]


def test_what_the_run_keeps_while_another_process_sends_stays(tmp_path: Path) -> None:
    run = filled(tmp_path, tag("a"), Item({"artifact": "a.txt"}, b"first"))
    other = Spool(tmp_path, "abc")
    run.add(tag("b"))
    run.add(Item({"artifact": "a.txt"}, b"second"))
    assert other.send(Client()) is None
    assert kept(tmp_path) == ["b", "artifact"]
    assert Spool(tmp_path, "abc").items[1].content == b"second"
    assert run.send(Client()) is None
    assert not list(tmp_path.iterdir())


def test_what_reads_back_otherwise_than_it_was_kept_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("best.h5").write_text("weights")
    numbers = Item({"epoch": 1, "time_ms": 1, "metrics": {"loss": math.nan}})
    spool = filled(Path(), Item({"file": "best.h5", "folder": "weights"}), numbers, tag("a"))
    assert kept(tmp_path) == ["file", "epoch", "a"]
    assert spool.send(Client()) is None
    assert [each.name for each in tmp_path.iterdir()] == ["best.h5"]


def test_a_spool_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no folder .*/none; needed is one that holds the output of runs"):
        find_spools([tmp_path / "none"])
    filled(tmp_path, tag("a"))
    (tmp_path / "unsent/abc/records.jsonl").write_text('{"tags"')
    (folder,) = find_spools([tmp_path])
    with pytest.raises(UserError, match=r"records\.jsonl cannot be read"):
        open_spool(folder)


def test_what_cannot_be_sent_of_one_run_keeps_no_other_back(store: Path) -> None:
    filled(store / "outputs/1", tag("a"))
    filled(store / "outputs/2", tag("a"))
    (store / "outputs/2/unsent/abc/records.jsonl").write_text('{"tags"')
    with tracking.start({}, "report", output_dir=store / "outputs/3") as run:
        pass
    Spool(store / "outputs/3", run.id).add(tag("good"))
    sent = CliRunner().invoke(app, ["send", "outputs"])
    assert sent.exit_code == 1
    assert (
        sent.stdout
        == f"run {run.id} ({tracking.find_run(run.id).name}): 1 items sent, all there were; it is FINISHED.\n"
    )
    unknown, damaged = sent.stderr.splitlines()
    assert unknown.startswith(f"fmask: {store}/outputs/1/unsent/abc: sqlite:///{store}/mlflow.db holds no run 'abc'")
    assert "outputs/2/unsent/abc/records.jsonl cannot be read" in damaged
    assert tracking.find_run(run.id).tags["good"] == "1"
    assert json.loads((store / "outputs/1/unsent/abc/records.jsonl").read_text()) == {"tags": {"a": "1"}}


@pytest.mark.parametrize("folder", [".", "outputs", "outputs/unsent", "outputs/unsent/abc"])
def test_a_spool_is_found_from_any_folder_above_it(tmp_path: Path, folder: str) -> None:
    filled(tmp_path / "outputs", tag("a"))
    assert find_spools([tmp_path / folder]) == [tmp_path / "outputs/unsent/abc"]


def test_without_a_store_nothing_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    filled(tmp_path, tag("a"))
    with pytest.raises(UserError, match=r"There are no runs yet: .*mlflow\.db does not exist"):
        CliRunner().invoke(app, ["send", "."], catch_exceptions=False)


def test_what_a_run_keeps_that_is_being_trained_is_left_to_it(store: Path) -> None:
    with tracking.start({}, "report", output_dir=store / "outputs") as run:
        pass
    Spool(store / "outputs", run.id).add(Item({"status": "KILLED", "time_ms": 1}))
    with lock_folder(store / "outputs", ""):
        sent = CliRunner().invoke(app, ["send", "outputs"])
    assert (sent.exit_code, sent.stdout) == (1, "")
    assert f"the run {run.id} is being trained now, and sends what it keeps itself." in sent.stderr
    assert tracking.find_run(run.id).status == "FINISHED"
    assert CliRunner().invoke(app, ["send", "outputs"]).exit_code == 0
    assert tracking.find_run(run.id).status == "KILLED"
