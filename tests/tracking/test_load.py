"""Parallel runs in one store are logged completely: in an SQLite file, and on a server.

There are three runs, or twenty with FMASK_LOAD=1, which take a minute.
"""

import multiprocessing
import os
import shutil
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from mlflow import MlflowClient

from fmask import tracking
from tests.helpers.servers import Server

RUNS = 20 if os.environ.get("FMASK_LOAD") else 3
EPOCHS = 20
CONFIG = {f"key{number}": number for number in range(150)}

PROCESSES = multiprocessing.get_context("forkserver")


def log_a_run(folder: Path, uri: str, number: int) -> None:
    os.environ["MLFLOW_TRACKING_URI"] = uri
    output = folder / str(number)
    output.mkdir()
    (output / "best.h5").write_bytes(os.urandom(500_000))
    with tracking.start_run(CONFIG, "load", str(number), output_dir=output) as run:
        run.log_dataset("test", "photos", output, f"{number:064x}", photos=9, objects={"mask": 9, "hat": 9})
        for epoch in range(1, EPOCHS + 1):
            run.log_epoch(epoch, {"loss": number + 1 / epoch, "val_loss": 2 / epoch, "learning_rate": 1e-3})
        run.log_scores({"accuracy": 0.5})
        run.log_json({"number": number}, "scores/test.json")
        run.log_figure(Figure(), "figures/losses.png")
        run.log_file(output / "best.h5", "weights")


def check_all(folder: Path, uri: str) -> None:
    PROCESSES.set_forkserver_preload(
        ["fmask.tracking.run", "mlflow.store.tracking.sqlalchemy_store", "matplotlib.figure"]
    )
    jobs = [PROCESSES.Process(target=log_a_run, args=(folder, uri, number)) for number in range(RUNS)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0] * RUNS
    client = MlflowClient(uri)
    runs = tracking.find_runs("load")
    assert sorted(int(run.name) for run in runs) == list(range(RUNS))
    for run in runs:
        assert (run.status, len(run.params), run.metrics["accuracy"]) == ("FINISHED", len(CONFIG), 0.5)
        history = {point.step: point.value for point in client.get_metric_history(run.id, "loss")}
        assert history == {epoch: int(run.name) + 1 / epoch for epoch in range(1, EPOCHS + 1)}
        assert run.datasets == {"test": f"photos@{int(run.name):064x}"[:23]}
        assert tracking.read_json(run, "scores/test.json") == {"number": int(run.name)}
        for name in ("config.yaml", "environment.txt", "figures/losses.png"):
            assert tracking.download(run, name), name
        weights = tracking.download(run, "weights/best.h5")
        assert weights is not None
        assert weights.read_bytes() == (folder / run.name / "best.h5").read_bytes()
    assert not list(folder.rglob("unsent"))


def test_parallel_runs_in_an_sqlite_file(store: Path) -> None:
    check_all(store, f"sqlite:///{store}/mlflow.db")


def test_parallel_runs_on_a_server(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(empty_store, tmp_path)
    server = Server(tmp_path)
    server.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    try:
        check_all(tmp_path, server.uri)
    finally:
        server.stop()
