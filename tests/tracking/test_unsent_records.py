"""Records that MLflow did not accept are kept and sent again."""

import json
import logging
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from mlflow import MlflowClient

from fmask import tracking
from tests.helpers.mlflow_runs import artifacts, client, refuse, refuse_to_write


def test_unsent_records_of_the_end_are_dropped_when_the_run_is_resumed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: tracking.Run) -> None:
        for call in ("log_batch", "log_artifact", "set_terminated"):
            monkeypatch.setattr(MlflowClient, call, refuse)
        run.log_epoch(1, {"loss": 2.0})
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"), tracking.start_run({"a": 1}, "report", output_dir=store) as run:
        fail(run)
    assert (store / "unsent" / run.id / "artifacts/failure.txt").exists()
    monkeypatch.undo()
    monkeypatch.chdir(store)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with tracking.start_run({"a": 1}, "report", output_dir=store, resume=run.id):
        pass
    kept = client().get_run(run.id)
    assert (kept.info.status, kept.data.metrics["loss"]) == ("FINISHED", 2.0)
    assert "failure" not in kept.data.tags
    assert not (artifacts(run.id) / "failure.txt").exists()
    assert not (store / "unsent").exists()


def test_records_are_sent_again_if_store_and_disk_fail(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING),
        tracking.start_run({}, "report", output_dir=store) as run,
        monkeypatch.context() as full,
    ):
        full.setattr(MlflowClient, "log_batch", refuse)
        full.setattr("fmask.tracking.spool.write_text", refuse_to_write)
        run.log_epoch(1, {"loss": 2.0})
    assert client().get_run(run.id).data.metrics["loss"] == 2.0
    message = "Unsent records are kept in memory only: records.jsonl cannot be written: no space."
    assert message in caplog.records[0].getMessage()


def test_unsent_metrics_are_sent_again(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), tracking.start_run({}, "report", output_dir=store) as run:
        with monkeypatch.context() as outage:
            outage.setattr(MlflowClient, "log_batch", refuse)
            run.log_epoch(1, {"loss": 2.0})
            run.log_epoch(2, {"loss": 1.0})
        run.log_epoch(3, {"loss": 0.5})
    history = client().get_metric_history(run.id, "loss")
    assert sorted((point.step, point.value) for point in history) == [(1, 2.0), (2, 1.0), (3, 0.5)]
    assert [record.getMessage() for record in caplog.records] == [
        f"MLflow at sqlite:///{store}/mlflow.db did not accept a record (OSError: disk full); "
        "the run continues and sends it again later."
    ]
    assert not (store / "unsent").exists()


def test_unsent_records_are_saved_at_once(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outputs = store / "outputs"
    with caplog.at_level(logging.WARNING), tracking.start_run({}, "report", output_dir=outputs) as run:
        for call in ("log_batch", "log_inputs", "log_artifact", "set_terminated"):
            monkeypatch.setattr(MlflowClient, call, refuse)
        run.log_epoch(1, {"loss": 2.0})
        unsent = outputs / "unsent" / run.id
        assert (unsent / "records.jsonl").exists(), "a process that is killed now has lost nothing"
        run.log_dataset("train", "photos", store, "ab" * 32, photos=90, objects={})
        run.log_json({"accuracy": 0.5}, "scores/test.json")
        run.log_figure(Figure(), "figures/curve.png")
        run.log_file(outputs / "best.h5", "weights")
        run.tag("best_epoch", "1")
    records = [json.loads(line) for line in (unsent / "records.jsonl").read_text().splitlines()]
    assert [next(iter(record)) for record in records] == [
        "epoch", "dataset", "artifact", "artifact", "file", "tags", "status",
    ]  # fmt: skip
    assert records[0]["metrics"] == {"loss": 2.0}
    assert records[1]["sha256"] == "ab" * 32
    assert records[4]["file"] == "best.h5", "relative to the output folder, which may be moved"
    assert records[5]["tags"] == {"best_epoch": "1"}
    assert records[6]["status"] == "FINISHED"
    assert json.loads((unsent / "artifacts/scores/test.json").read_text()) == {"accuracy": 0.5}
    assert (unsent / "artifacts/figures/curve.png").exists()
    assert len(caplog.records) == 2
    assert caplog.records[1].getMessage() == (
        f"7 records could not be sent to MLflow at sqlite:///{store}/mlflow.db; "
        f"send them later with `fmask send {outputs}`."
    )
