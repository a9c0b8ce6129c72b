"""Runs do not depend on MLflow's own environment variables, and do not change MLflow's settings for the process."""

import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from fmask import tracking
from fmask.inference.keras_predictor import KerasPredictor
from fmask.tracking import environment
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, tiny


def client() -> MlflowClient:
    return MlflowClient(tracking.prepare_store())


def mlflow_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("MLFLOW")}


def test_a_run_is_its_own_whatever_the_environment_chooses(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = client().create_experiment("pipeline")
    nightly = client().create_run(pipeline, run_name="nightly").info.run_id
    chosen = {"MLFLOW_RUN_ID": nightly, "MLFLOW_EXPERIMENT_ID": pipeline, "MLFLOW_EXPERIMENT_NAME": "pipeline"}
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    before = mlflow_variables()

    with tracking.start_run({"seed": 1}, "mine", name="first") as run:
        run.log_scores({"accuracy": 0.5})
    with tracking.start_run({}, "mine", resume=run.id):
        pass

    assert [(each.id, each.name, each.status) for each in tracking.find_runs("mine")] == [(run.id, "first", "FINISHED")]
    untouched = client().get_run(nightly)
    assert (untouched.info.run_name, untouched.info.status) == ("nightly", "RUNNING")
    assert untouched.data.params == untouched.data.metrics == {}
    assert mlflow_variables() == before, "other programs in this process may use them"
    assert not (Path("outputs") / "unsent").exists()


def test_a_run_of_another_experiment_than_the_active_one_is_resumed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracking.start_run({}, "mine") as run:
        pass
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "restored after the test")
    monkeypatch.setattr("mlflow.tracking.fluent._active_experiment_id", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.prepare_store())
    other = mlflow.set_experiment("other").experiment_id
    with tracking.start_run({}, "mine", resume=run.id) as resumed:
        assert resumed.id == run.id
    with mlflow.start_run() as of_user:
        assert of_user.info.experiment_id == other


@pytest.mark.usefixtures("eagerly")
def test_registering_a_model_changes_no_setting_of_mlflow(store: Path, tmp_path: Path) -> None:
    network = tmp_path / "last.h5"
    KerasPredictor(tiny(), SIZE, antialias=True, classes=CLASSES).save(network)
    with pytest.raises(ValueError, match="broken"), tracking.start_run({}, "mine") as run:
        raise ValueError("broken")
    before = mlflow_variables()
    assert tracking.register(network, "finder", "mine") == "1"
    assert tracking.download_model("models:/finder/1").read_bytes() == network.read_bytes()
    assert mlflow_variables() == before
    with tracking.start_run({}, "mine", resume=run.id) as resumed:
        assert resumed.id == run.id
    assert tracking.find_run(run.id).status == "FINISHED"


def test_no_epoch_is_lost_with_asynchronous_logging(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
    log_batch = SqlAlchemyStore.log_batch
    unreachable = False

    def log_batch_if_reachable(*args: Any, **settings: Any) -> None:
        if unreachable:
            raise OSError("the server is unreachable")
        log_batch(*args, **settings)

    monkeypatch.setattr(SqlAlchemyStore, "log_batch", log_batch_if_reachable)
    with tracking.start_run({"a": 1}, "mine") as run:
        for epoch in range(1, 6):
            unreachable = epoch in (2, 3)
            run._retry_at = 0.0
            run.log_epoch(epoch, {"loss": 1 / epoch})
            assert (Path("outputs") / "unsent" / run.id / "records.jsonl").exists() == unreachable
            assert len(client().get_metric_history(run.id, "loss")) == (1 if unreachable else epoch)
    info = tracking.find_run(run.id)
    assert info.status == "FINISHED"
    assert list(tracking.read_history(info, ["loss"])["loss"]) == [1, 2, 3, 4, 5]


def test_variables_that_change_what_is_logged_are_ignored(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {
        "MLFLOW_TRUNCATE_LONG_VALUES": "false",  # MLflow would refuse the record with the long tag
        "MLFLOW_RUN_CONTEXT": '{"mlflow.parentRunId": "abc", "pruned": "yes"}',
        "MLFLOW_ACTIVE_MODEL_ID": "m-123",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    with tracking.start_run({}, "mine") as run:
        run.tag("long", "x" * 20_000)
        run.log_epoch(1, {"loss": 1.0})
    info = tracking.find_run(run.id)
    assert len(info.tags["long"]) > 5000
    assert not {"mlflow.parentRunId", "pruned"} & info.tags.keys()
    assert not (Path("outputs") / "unsent").exists()
    assert {name: os.environ[name] for name in chosen} == chosen


def test_every_ignored_variable_is_one_of_mlflow() -> None:
    known = {value.name for value in vars(mlflow.environment_variables).values() if hasattr(value, "name")}
    assert known >= {*environment.IGNORED, *environment.FLUENT}


def test_logging_an_item_does_not_change_the_environment(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.IGNORED:
        monkeypatch.delenv(name, raising=False)
    with tracking.start_run({}, "mine") as run:
        changed = Mock()
        monkeypatch.setattr(os, "putenv", changed)
        monkeypatch.setattr(os, "unsetenv", changed)
        run.log_epoch(1, {"loss": 1.0})
        run.log_text("a", "a.txt")
        assert not changed.called
        with environment.own_settings(fluent=True):
            assert changed.called
