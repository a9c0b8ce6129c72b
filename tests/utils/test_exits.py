"""The scripts train.py and sweep.py, run as on a command line."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from fmask import sweeping, tracking
from fmask.cli.sweep import job
from fmask.config.compose import register
from fmask.data.synthetic.dataset import render_dataset
from fmask.utils.errors import SomeFailedError, UserError

PROJECT = Path(__file__).parents[2]


def run_script(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    command = [sys.executable, str(PROJECT / script), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_a_sweep_trains_in_another_process(store: Path, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    render_dataset(root, seed=0, counts={"train": 2, "val": 1, "test": 1}, size=64)
    small = ("experiment=smoke", f"data.root={root}", "epochs=1", "steps=1", "val_steps=0", "onnx=false", "study=typed")
    swept = run_script(store, "sweep.py", "-m", "aug=blur", *small)
    assert swept.returncode == 0, swept.stdout + swept.stderr
    run, parent = tracking.find_runs("typed")
    assert run.tags["mlflow.parentRunId"] == parent.id
    assert (run.status, parent.status, run.params["aug"]) == ("FINISHED", "FINISHED", "blur")
    assert "test/mask_ap50" in run.metrics
    assert "finished" in swept.stdout.splitlines()[-2], swept.stdout


def test_a_job_returns_its_metrics_without_mlflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    metrics = {"val/mask_ap50": 0.5}
    trained = SimpleNamespace(train=lambda config, folder, callbacks: SimpleNamespace(run_id="abc", metrics=metrics))
    monkeypatch.setitem(sys.modules, "fmask.training.train", trained)
    monkeypatch.setattr(HydraConfig, "get", lambda: SimpleNamespace(runtime=SimpleNamespace(output_dir=tmp_path)))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    register()
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        assert job(compose("train", ["experiment=smoke"])) == metrics


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        (["lr=1e-3,1e-2", "steps=5"], "lr=1e-3,1e-2 steps=5"),
        (["--multirun", "aug=blur"], "aug=blur"),
        (["-m", "aug=glob(*)"], "'aug=glob(*)'"),
        (["hydra.mode=MULTIRUN"], "hydra.mode=MULTIRUN"),
    ],
)
def test_train_py_refuses_sweeps(
    typed: list[str], command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *typed])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(PROJECT / "train.py"), run_name="__main__")
    assert ended.value.code == 2
    message = f"train.py: these overrides ask for several runs; use `fmask sweep {command}`.\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("error", "message", "status"),
    [
        (UserError("lr must be 1, not 5."), "sweep.py: lr must be 1, not 5.\n", 2),
        (SomeFailedError("1 of 2 jobs failed."), "sweep.py: 1 of 2 jobs failed.\n", 1),
        (KeyboardInterrupt(), "sweep.py: interrupted\n", 130),
    ],
)
def test_errors_end_a_script_with_a_message_and_a_status(
    error: BaseException, message: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sweep.py", "seed=1,2"])
    monkeypatch.setattr(sweeping, "check", Mock(side_effect=error))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(PROJECT / "sweep.py"), run_name="__main__")
    assert ended.value.code == status
    assert capsys.readouterr().err == message


@pytest.mark.parametrize("script", ["train.py", "sweep.py"])
def test_an_unknown_key_is_reported_in_one_line(store: Path, script: str) -> None:
    refused = run_script(store, script, "stepz=50")
    assert refused.returncode == 2
    assert refused.stderr == f"{script}: stepz=50: unknown key 'stepz'; did you mean steps?\n"
    assert not (store / "outputs").exists()
    assert not (store / "multirun").exists()
