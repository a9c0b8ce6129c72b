"""Servers of MLflow 2: what they lack, and where a model is stored instead."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from fmask import tracking
from fmask.inference.keras_predictor import KerasPredictor
from fmask.tracking import logged_model, server
from fmask.tracking.store import current_store
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, tiny
from tests.helpers.old_server import serve

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(autouse=True)
def _forget_versions() -> None:
    server.check_server.cache_clear()
    server.server_version.cache_clear()


@pytest.fixture
def old(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The store is a server of MLflow 2.22; the endpoints that it was asked for and does not have."""
    monkeypatch.chdir(tmp_path)
    with serve(tmp_path / "artifacts", Path(shutil.copy(empty_store, tmp_path)), "2.22.5") as (uri, missing):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        yield missing


def test_a_server_of_mlflow_2_stores_everything(
    old: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network = tmp_path / "last.h5"
    KerasPredictor(tiny(), SIZE, antialias=True, classes=CLASSES).save(network)
    for _ in range(2):
        with tracking.start_run({"seed": 1}, "mine", output_dir=tmp_path) as run:
            run.log_json({"found": 9}, "scores/test.json")
            run.log_file(network, "weights")
            run.log_model(network)
    assert [line.message for line in caplog.records if line.levelno >= logging.WARNING] == [
        f"The MLflow server at {tracking.tracking_uri()} has version 2.22, which has no logged models: each network is "
        "stored as artifacts of its run, in model/."
    ], "once in a process"
    assert not (tmp_path / "unsent").exists()
    info = tracking.find_run(run.id)
    assert info.status == "FINISHED"
    assert tracking.read_json(info, "scores/test.json") == {"found": 9}
    assert tracking.download(info, "none.json") is None
    assert tracking.download_weights(run.id).read_bytes() == network.read_bytes()
    assert not any("logged-models" in path for path in old), "no request for what the server lacks"
    with current_store(tracking.tracking_uri()):
        model = mlflow.pyfunc.load_model(f"runs:/{run.id}/model")
    assert "mask" in model.predict([logged_model._example()]).columns
    old.clear()  # MLflow itself has asked

    assert [tracking.register(network, "finder", "mine") for _ in range(2)] == ["1", "2"]
    assert tracking.download_model("models:/finder/2").read_bytes() == network.read_bytes()
    assert not any("logged-models" in path for path in old)


def test_a_server_without_datasets_is_refused(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serve(tmp_path / "artifacts", Path(shutil.copy(empty_store, tmp_path)), "2.3.1") as (uri, _):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(UserError, match=r"has version 2\.3; it must be at least 2\.4"), tracking.start_run({}, "x"):
            pass
    assert tracking.server.server_version("sqlite:///mlflow.db") is None
