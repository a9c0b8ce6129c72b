"""Sweeps on Ray; skipped if Hydra's Ray plugin is not installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fmask import tracking
from tests.helpers import toys

pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="hydra-ray-launcher is not installed")


def test_a_grid_on_ray(store: Path) -> None:
    command = ["x=1,2", "study=ray", "hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"]
    done = subprocess.run([sys.executable, toys.__file__, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (parent,) = tracking.find_runs("ray")
    table = (toys.artifacts(parent) / "table.csv").read_text()
    assert [line.split(",")[:4] for line in table.splitlines()[1:]] == [
        ["0", "1", "finished", "-4"],
        ["1", "2", "finished", "-1"],
    ]


def test_jobs_of_a_running_cluster_log_to_the_store_of_the_sweep(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=1, include_dashboard=False)  # its processes do not know the store below
    try:
        address = ray.get_runtime_context().gcs_address
        cluster = f"+hydra.launcher.ray.init={{address:'{address}',object_store_memory:null}}"
        command = ["x=1,2", "study=ray", "kind=tracked", "hydra/launcher=ray", cluster]
        shared = f"sqlite:///{tmp_path}/shared.db"
        done = subprocess.run(
            [sys.executable, toys.__file__, *command],
            env=os.environ | {"MLFLOW_TRACKING_URI": shared}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        ray.shutdown()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", shared)
    runs = tracking.find_runs("ray")
    (parent,) = (run.id for run in runs if "sweep" in run.tags)
    jobs = [run for run in runs if run.id != parent]
    assert sorted(run.metrics["value"] for run in jobs) == [1, 2]
    assert {run.tags["mlflow.parentRunId"] for run in jobs} == {parent}
