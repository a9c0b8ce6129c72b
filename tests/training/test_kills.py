"""Trainings that are killed repeatedly, at random moments, end with the weights of an undisturbed one.

Each start takes seconds: by default there are three kills, or as many as FMASK_KILLS says. The test prints its seed;
FMASK_SEED repeats the moments of a seed.
"""

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import h5py
import numpy as np
import pytest

from fmask import tracking
from fmask.data.synthetic.dataset import render_dataset
from fmask.training.checkpoint import CHECKPOINT_NAME, read_checkpoint
from tests.helpers.composing import smoke
from tests.helpers.networks import eagerly

KILLS = int(os.environ.get("FMASK_KILLS", "3"))
EPOCHS = 4 * KILLS
SEED = int(os.environ.get("FMASK_SEED", str(time.time_ns() % 100_000)))

PROCESSES = multiprocessing.get_context("forkserver")


def work(folder: Path, data: Path, epochs: int) -> None:
    """Train, or resume a killed training; the output goes to `output.txt`."""
    os.chdir(folder)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    output = os.open("output.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from fmask.training.train import resume, train

    tracking.Run.log_model = lambda *_: None  # type: ignore[method-assign]  # takes longer than everything else
    output_dir = folder / "outputs"
    output_dir.mkdir(exist_ok=True)
    small = [
        "crop_size=64",
        "image_size=64",
        "steps=1",
        "val_steps=0",
        "batch_size=1",
        "score_every=7",
        "threads=1",
        "precision=fp32",
    ]
    with eagerly():
        if (output_dir / CHECKPOINT_NAME).exists():
            resume(str(output_dir))
        else:
            train(smoke(f"data.root={data}", f"epochs={epochs}", *small), output_dir)


def started(folder: Path, data: Path) -> BaseProcess:
    PROCESSES.set_forkserver_preload(["fmask.training.train", "mlflow.store.tracking.sqlalchemy_store"])
    process = PROCESSES.Process(target=work, args=(folder, data, EPOCHS))
    process.start()
    return process


def await_moment(rng: random.Random, process: BaseProcess, file: Path) -> str:
    """Wait for a random moment: while the process starts, trains, or writes a checkpoint; return a description."""
    writing = file.with_name(f"{file.name}.part")
    kind = rng.choice(["starting", "training", "training", "writing"])
    if kind == "starting":
        end = time.monotonic() + rng.uniform(0, 6)
        wait(process, lambda: writing.exists() or time.monotonic() > end)
    else:
        for _ in range(rng.randint(1, 3)):
            wait(process, lambda: not writing.exists())
            wait(process, writing.exists)
        if kind == "training":
            wait(process, lambda: not writing.exists())
        time.sleep(rng.uniform(0, 0.2))
    return f"{kind}, {'with' if writing.exists() else 'without'} a half-written checkpoint"


def wait(process: BaseProcess, condition: Callable[[], bool]) -> None:
    while process.is_alive() and not condition():
        time.sleep(0.003)


def weights(file: Path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(file) as opened:
        opened.visititems(lambda name, at: found.update({name: at[()]}) if isinstance(at, h5py.Dataset) else None)
    return found


def test_a_training_that_is_killed_at_random_ends_the_same(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "rendered"
    render_dataset(data, seed=0, counts={"train": 6, "val": 2, "test": 2}, size=64)
    folders = [tmp_path / name for name in ("undisturbed", "killed")]
    for folder in folders:
        folder.mkdir()
        (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    undisturbed, killed = folders
    whole = started(undisturbed, data)
    whole.join()
    assert whole.exitcode == 0, (undisturbed / "output.txt").read_text()

    rng = random.Random(SEED)
    print(f"FMASK_SEED={SEED} FMASK_KILLS={KILLS}")
    for number in range(KILLS):
        process = started(killed, data)
        file = killed / "outputs" / CHECKPOINT_NAME
        moment = await_moment(rng, process, file)
        process.kill()
        process.join()
        epochs = read_checkpoint(file).epochs if file.exists() else 0
        print(f"kill {number + 1}: {moment}, after epoch {epochs} of {EPOCHS}", flush=True)
    last = started(killed, data)
    last.join()
    assert last.exitcode == 0, (killed / "output.txt").read_text()

    expected, found = (weights(folder / "outputs/last.h5") for folder in folders)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    losses = []
    for folder in folders:
        monkeypatch.chdir(folder)
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        (run,) = [run for run in tracking.find_runs("fmask") if run.status == "FINISHED"]
        losses.append(tracking.read_history(run, ["train/loss"])["train/loss"])
    assert losses[0] == losses[1]
    assert list(losses[0]) == list(range(1, EPOCHS + 1))
    assert not [each.name for folder in folders for each in (folder / "outputs").glob("checkpoint*")]
