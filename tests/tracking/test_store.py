"""Creation and choice of the MLflow store."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from fmask import tracking
from fmask.utils.errors import UserError


def test_the_default_is_a_file_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert tracking.tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"


def test_the_environment_chooses_the_store(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "shared" / "runs.db"
    elsewhere.parent.mkdir()
    (store / "mlflow.db").rename(elsewhere)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    with tracking.start_run({}, "report") as run:
        run.log_text("a", "a.txt")
    assert not (store / "mlflow.db").exists()
    assert MlflowClient(f"sqlite:///{elsewhere}").get_run(run.id).info.status == "FINISHED"
    assert (tmp_path / "shared/mlruns/report" / run.id / "artifacts/a.txt").exists()
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{elsewhere}"


def test_a_job_without_the_store_of_its_sweep_is_refused(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tracking.start_run({}, "report", "sweep") as parent:
        pass
    monkeypatch.setenv(tracking.PARENT_VARIABLE, parent.id)
    with tracking.start_run({}, "report", "job"):
        pass
    assert tracking.find_runs("report")[0].tags["mlflow.parentRunId"] == parent.id
    monkeypatch.setenv(tracking.PARENT_VARIABLE, "0" * 32)
    with (
        pytest.raises(UserError, match=r"mlflow\.db on .+ does not have the run 0{32} of the sweep: set MLFLOW_TRACK"),
        tracking.start_run({}, "report", "lost"),
    ):
        pass
    assert [run.name for run in tracking.find_runs("report")] == ["job", "sweep"]


def test_four_parallel_runs_create_one_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["mlflow.store.tracking.sqlalchemy_store"])
    jobs = [processes.Process(target=log_five_epochs, args=(tmp_path,)) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0] * 4
    runs = tracking.find_runs("report")
    assert [(run.status, run.metrics["loss"]) for run in runs] == [("FINISHED", 4.0)] * 4


def log_five_epochs(folder: Path) -> None:
    os.chdir(folder)
    with tracking.start_run({}, "report", output_dir=folder) as run:
        for epoch in range(5):
            run.log_epoch(epoch, {"loss": epoch})


def test_an_unfinished_store_is_replaced_silently(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "mlflow.db.new").write_bytes(empty_store.read_bytes()[:5000])
    tracking.prepare_store()
    assert capfd.readouterr() == ("", "")
    assert [each.name for each in MlflowClient(tracking.tracking_uri()).search_experiments()] == ["Default"]
    assert not (tmp_path / "mlflow.db.new").exists()


def test_importing_does_not_import_mlflow() -> None:
    program = "import sys, fmask.tracking; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
