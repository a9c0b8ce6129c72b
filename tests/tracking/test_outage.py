"""Outages of a real MLflow server during a run."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from typer.testing import CliRunner, Result

from fmask import tracking
from fmask.cli import app
from fmask.inference.keras_predictor import KerasPredictor
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, tiny
from tests.helpers.servers import Server

pytestmark = pytest.mark.usefixtures("eagerly")

CONFIG = {"data": {"name": "photos"}, "steps": 50, **{f"key{number}": number for number in range(150)}}

JSON = ("scores/test.json", "top.json")


@pytest.fixture(scope="module")
def server(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_store, folder)
    server = Server(folder)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", server.uri)
        patch.setattr(sys, "argv", ["train.py"])
        yield server
    server.stop()


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with weights."""
    folder = tmp_path_factory.mktemp("outputs") / "one"
    folder.mkdir()
    KerasPredictor(tiny(), SIZE, antialias=True, classes=CLASSES).save(folder / "last.h5")
    return folder


def log_all(run: tracking.Run, output: Path) -> None:
    for epoch in range(3, 6):
        run.log_epoch(epoch, {"loss": 1 / epoch, "val_loss": 2 / epoch})
    run.log_dataset("test", "photos", output, "cd" * 32, photos=9, objects={"mask": 9, "hat": 9})
    run.log_scores({"accuracy": 0.5})
    run.tag("best_epoch", "3")
    for path in JSON:
        run.log_json({"found": 9}, path)
    run.log_figure(Figure(), "figures/losses.png")
    run.log_file(output / "last.h5", "weights")


def check_complete(run: tracking.Run) -> tuple[MlflowRun, Path]:
    """Check that the run is complete; return it and its artifacts."""
    client = MlflowClient()
    kept = client.get_run(run.id)
    assert kept.info.status == "FINISHED"
    history = sorted((point.step, point.value) for point in client.get_metric_history(run.id, "loss"))
    assert history == [(epoch, 1 / epoch) for epoch in range(1, 6)]
    assert len({point.timestamp for point in client.get_metric_history(run.id, "loss")}) > 1
    assert len(kept.data.params) == len(CONFIG)
    assert kept.data.metrics["accuracy"] == 0.5
    assert kept.data.tags["best_epoch"] == "3"
    assert kept.inputs is not None
    assert [used.tags[0].value for used in kept.inputs.dataset_inputs] == ["test"]
    artifacts = Path(client.download_artifacts(run.id, ""))
    for name in ("config.yaml", "environment.txt", "figures/losses.png", "weights/last.h5"):
        assert (artifacts / name).stat().st_size > 100, name
    assert [tracking.read_json(tracking.find_run(run.id), path) for path in JSON] == [{"found": 9}] * 2
    return kept, artifacts


def send(folder: Path) -> Result:
    return CliRunner().invoke(app, ["send", str(folder)])


def test_a_server_that_returns_during_the_run_receives_all_records(server: Server, output: Path) -> None:
    with tracking.start_run(CONFIG, "back", output_dir=output) as run:
        run.log_epoch(1, {"loss": 1.0})
        server.stop()
        run.log_epoch(2, {"loss": 0.5})
        log_all(run, output)
        assert (output / "unsent" / run.id / "records.jsonl").exists()
        server.start()
    check_complete(run)
    assert not (output / "unsent").exists()


def test_records_are_sent_after_the_run_if_the_server_stays_unreachable(
    server: Server, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracking.start_run(CONFIG, "away", "one", output_dir=output) as run:
        run.log_epoch(1, {"loss": 1.0})
        server.stop()
        run.log_epoch(2, {"loss": 0.5})
        log_all(run, output)
        run.log_model(output / "last.h5")
    assert (output / "last.h5").exists(), "the run ended normally"
    with pytest.raises(UserError, match=f"MLflow at {server.uri} cannot be used"), tracking.start_run({}, "new"):
        pass
    refused = CliRunner().invoke(app, ["send", str(output)])
    assert isinstance(refused.exception, UserError)

    server.start()
    mlflow.set_tracking_uri(server.uri)
    assert MlflowClient().get_run(run.id).info.status == "RUNNING"
    moved = output.rename(output.with_name("moved"))
    before = shutil.copytree(moved / "unsent", moved.parent / "again" / "unsent")
    with monkeypatch.context() as broken:
        broken.setattr("fmask.tracking.records.log_model", refuse)
        part = send(moved)
    assert part.exit_code == 1
    assert f"2 left in {moved}/unsent/{run.id} (OSError: no space)." in part.output, "the model, and the final status"
    assert MlflowClient().get_run(run.id).info.status == "FINISHED"

    done = send(moved.parent / "moved")
    assert done.exit_code == 0, done.output
    assert done.output == f"run {run.id} (one): 2 records sent, 0 left, status FINISHED.\n"
    kept, _ = check_complete(run)
    ended = json.loads((before / run.id / "records.jsonl").read_text().splitlines()[-1])
    assert kept.info.end_time == ended["time_ms"], "the end time is that of the run, not of sending"
    assert not (moved / "unsent").exists()
    assert send(moved).output == "There are no records to send.\n"

    shutil.copytree(before, moved / "unsent")
    assert send(moved).exit_code == 0
    again, _ = check_complete(run)
    assert again.outputs is not None
    assert len(again.outputs.model_outputs) == 1
    assert (again.data.metrics, again.data.params) == (kept.data.metrics, kept.data.params)


def refuse(*_: object, **__: object) -> None:
    raise OSError("no space")
