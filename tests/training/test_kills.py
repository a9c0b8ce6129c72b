"""Trainings that are killed again and again, at any moment, end with the weights of one that nobody disturbed.

Each start of a network costs its graph, so that the ordinary run kills three times; FMASK_KILLS=20 does so more often.
FMASK_SEED repeats the moments of a run, which prints its own.
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
from fmask.training import checkpoint
from tests.helpers.composing import smoke

KILLS = int(os.environ.get("FMASK_KILLS", "3"))
EPOCHS = 4 * KILLS
SEED = int(os.environ.get("FMASK_SEED", str(time.time_ns() % 100_000)))

PROCESSES = multiprocessing.get_context("forkserver")


def work(folder: Path, data: Path, epochs: int) -> None:
    """Trains, or goes on with what was killed; what it says goes to `output.txt`."""
    os.chdir(folder)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    output = os.open("output.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from fmask.training.train import resume, train

    tracking.Run.log_model = lambda *_: None  # type: ignore[method-assign]  # it takes longer than all the rest
    output_dir = folder / "outputs"
    output_dir.mkdir(exist_ok=True)
    if (output_dir / checkpoint.NAME).exists():
        resume(str(output_dir))
        return
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
    train(smoke(f"data.root={data}", f"epochs={epochs}", *small), output_dir)


def started(folder: Path, data: Path) -> BaseProcess:
    PROCESSES.set_forkserver_preload(["fmask.training.train", "mlflow.store.tracking.sqlalchemy_store"])
    process = PROCESSES.Process(target=work, args=(folder, data, EPOCHS))
    process.start()
    return process


def await_moment(random_one: random.Random, process: BaseProcess, file: Path) -> str:
    """Waits for a random moment: while the process starts, while it trains, or while it writes a checkpoint."""
    writing = file.with_name(f"{file.name}.part")
    kind = random_one.choice(["starting", "training", "training", "writing"])
    if kind == "starting":
        time.sleep(random_one.uniform(0, 10))
    else:
        for _ in range(random_one.randint(1, 3)):
            wait(process, lambda: not writing.exists())
            wait(process, writing.exists)
        if kind == "training":
            wait(process, lambda: not writing.exists())
        time.sleep(random_one.uniform(0, 0.2))
    return f"{kind}, {'with' if writing.exists() else 'without'} a half-written checkpoint"


def wait(process: BaseProcess, happens: Callable[[], bool]) -> None:
    while process.is_alive() and not happens():
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

    random_one = random.Random(SEED)
    print(f"FMASK_SEED={SEED} FMASK_KILLS={KILLS}")
    for number in range(KILLS):
        process = started(killed, data)
        file = killed / "outputs" / checkpoint.NAME
        said = await_moment(random_one, process, file)
        process.kill()
        process.join()
        epochs = checkpoint.read(file).epochs if file.exists() else 0
        print(f"kill {number + 1}: {said}, after epoch {epochs} of {EPOCHS}", flush=True)
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
        losses.append(tracking.read_history(run, ["loss"])["loss"])
    assert losses[0] == losses[1]
    assert list(losses[0]) == list(range(1, EPOCHS + 1))
    assert not [each.name for folder in folders for each in (folder / "outputs").glob("checkpoint*")]
