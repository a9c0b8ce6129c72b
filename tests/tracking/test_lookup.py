"""Finding runs, and downloading their weights."""

import csv
import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from fmask import tracking
from fmask.cli import app
from fmask.utils.errors import UserError


def test_a_run_is_found_by_id_by_uri_and_as_the_latest(store: Path) -> None:
    with tracking.start_run({"steps": 50, "epochs": 1}, "first") as older:
        pass
    with tracking.start_run({"steps": 60, "epochs": 1}, "second", name="newer") as newer:
        newer.log_dataset("test", "photos", store, "ab" * 32, photos=9, objects={})
        newer.log_scores({"accuracy": 0.5}, prefix="test")
    with pytest.raises(ValueError, match="broken"), tracking.start_run({}, "second"):
        raise ValueError("broken")
    assert tracking.find_run(older.id).params == {"steps": "50", "epochs": "1"}
    found = tracking.find_run(f"runs:/{newer.id}")
    assert (found.name, found.experiment, found.status) == ("newer", "second", "FINISHED")
    assert found.metrics == {"test/accuracy": 0.5}
    assert found.datasets == {"test": "photos@" + "ab" * 8}
    assert tracking.find_run("latest") == found


def test_a_run_is_found_by_the_first_characters_of_its_id(store: Path) -> None:
    with tracking.start_run({"epochs": 1}, "first") as run:
        pass
    assert tracking.find_run(run.id[:6]) == tracking.find_run(f"runs:/{run.id[:12]}") == tracking.find_run(run.id)
    assert tracking.pin_reference(run.id[:8]) == f"runs:/{run.id}"
    for beginning in (run.id[:5], "0" * 6 if run.id[0] != "0" else "1" * 6):
        with pytest.raises(UserError, match=f"has no run '{beginning}'"):
            tracking.find_run(beginning)


def test_an_ambiguous_beginning_of_an_id_is_refused(store: Path) -> None:
    twins = ["0123456" + 25 * digit for digit in "ab"]
    client = MlflowClient(tracking.tracking_uri())
    with sqlite3.connect("mlflow.db") as database:
        for twin in twins:
            run_id = client.create_run("0").info.run_id
            for table in ("tags", "runs"):
                database.execute(f"UPDATE {table} SET run_uuid = ? WHERE run_uuid = ?", (twin, run_id))
            database.commit()
    with pytest.raises(UserError, match="The id 0123456 is ambiguous: it is the beginning of 0123456"):
        tracking.find_run("0123456")
    assert tracking.find_run("0123456a").id == twins[0]


def test_trainings_are_listed_newest_first(store: Path) -> None:
    ids = []
    for study in ("one", "two", "one"):
        with tracking.start_run({"epochs": 1}, study) as run:
            run.log_scores({"mask_ap50": 0.5}, prefix="val")
        ids.append(run.id)
    with tracking.start_run({}, "one", tags={"sweep": "search"}):
        pass
    assert [run.id for run in tracking.recent_trainings(9)] == ids[::-1]
    assert [run.id for run in tracking.recent_trainings(9, "one")] == [ids[2], ids[0]]
    assert [run.id for run in tracking.recent_trainings(1)] == [ids[2]]
    shown = CliRunner().invoke(app, ["runs", "two"], catch_exceptions=False).output.splitlines()
    assert shown[0] == "id,study,name,data,status,started,val mask AP50"
    (row,) = csv.reader(shown[1:])
    assert (row[0], row[1], row[4], row[6]) == (ids[1], "two", "FINISHED", "0.500")


@pytest.mark.parametrize("width", [80, 120])
def test_names_of_trainings_have_room_in_a_terminal(width: int, monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    name = "photos efficientnet_lite0 seed=1 study=augmentation recipe=transfer score_every=2"
    with tracking.start_run({"epochs": 1}, "augmentation", name=name) as run:
        run.log_scores({"mask_ap50": 0.5}, prefix="val")
    for key, value in {"COLUMNS": str(width), "TTY_COMPATIBLE": "1", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(key, value)
    printed = CliRunner().invoke(app, ["runs"], catch_exceptions=False).output
    assert {*name.split(), "augmentation", "FINISHED", "0.500"} <= set(printed.split())
    assert len(printed.splitlines()) <= 2 + 6


def test_latest_and_best_are_trainings_of_fmask(store: Path) -> None:
    with tracking.start_run({"epochs": 1}, "report") as mine:
        mine.log_scores({"mask_ap50": 0.5}, prefix="val")
    with tracking.start_run({}, "report", tags={"sweep": "search"}) as sweep:
        sweep.log_scores({"mask_ap50": 0.6}, prefix="val")
    client = MlflowClient(tracking.tracking_uri())
    other = client.create_run(client.create_experiment("other")).info.run_id
    client.log_param(other, "epochs", 9)
    client.log_metric(other, "val/mask_ap50", 0.9)
    client.set_terminated(other)
    assert [tracking.find_run(word).id for word in ("latest", "best")] == [mine.id, mine.id]


def test_an_experiments_runs_come_newest_first(store: Path) -> None:
    for steps in (1, 2, 3):
        with tracking.start_run({"steps": steps}, "report"):
            pass
    assert [run.params["steps"] for run in tracking.find_runs("report")] == ["3", "2", "1"]
    with pytest.raises(UserError, match="no MLflow experiment 'reprot'; existing experiments: Default, report"):
        tracking.find_runs("reprot")


def test_weights_of_a_local_store_are_not_copied(store: Path, tmp_path: Path) -> None:
    weights = tmp_path / "last.h5"
    weights.write_bytes(b"weights")
    with tracking.start_run({}, "report") as run:
        run.log_file(weights, "weights")
    found = tracking.download_weights(f"runs:/{run.id}")
    assert found.read_bytes() == b"weights"
    assert found.is_relative_to(store)


def test_missing_runs_and_stores_are_user_errors(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no finished training yet"):
        tracking.find_run("latest")
    with pytest.raises(UserError, match="has no run 'abc'"):
        tracking.find_run("runs:/abc")
    with tracking.start_run({}, "report") as run:
        pass
    with pytest.raises(UserError, match=r"FINISHED\) has no weights/last.h5"):
        tracking.download_weights(run.id)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"mlflow.db does not exist"):
        tracking.find_run("latest")
    assert not (tmp_path / "mlflow.db").exists()


def test_abandoned_runs_of_a_trial_are_killed(store: Path) -> None:
    with tracking.start_run({}, "search") as parent:
        pass
    client = MlflowClient(tracking.prepare_store())
    number = client.get_run(parent.id).info.experiment_id

    def create_run(trial: str, parent: str) -> str:
        return client.create_run(number, tags={"mlflow.parentRunId": parent, "trial": trial}).info.run_id

    mine, other, elsewhere = create_run("3", parent.id), create_run("4", parent.id), create_run("3", "another")
    tracking.end_abandoned_runs(parent.id, 3)
    assert {run: tracking.find_run(run).status for run in (parent.id, mine, other, elsewhere)} == {
        parent.id: "FINISHED",
        mine: "KILLED",
        other: "RUNNING",
        elsewhere: "RUNNING",
    }
    assert tracking.find_run(mine).tags["failure"] == "its process died"
