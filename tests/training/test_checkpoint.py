"""A training that is repeated, or stopped and resumed, is the same bit for bit."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from mlflow import MlflowClient
from rich.console import Console

from fmask import tracking
from fmask.config.overrides import resumed_run
from fmask.config.schema import Config
from fmask.data.open import open_dataset
from fmask.data.synthetic.dataset import render_dataset
from fmask.evaluation.report import log_split
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.mask_rcnn import MaskRCNN
from fmask.training.callbacks import EpochEndHook, StopAtNaN, StopOnSignal
from fmask.training.checkpoint import (
    CHECKPOINT_NAME,
    Checkpoint,
    read_checkpoint,
    restore_checkpoint,
    save_checkpoint,
)
from fmask.training.fit import fit
from fmask.training.phases import phases
from fmask.training.provenance_diff import refuse_other_data
from fmask.training.train import resume
from fmask.utils.errors import Diverged, UserError
from fmask.utils.signals import stop_on_signal
from tests.helpers.classes import CLASSES
from tests.helpers.composing import smoke

CHECKPOINT = Checkpoint(run_id="abc", config={}, part="one", epochs=2, log={})


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "rendered"
    render_dataset(root, seed=0, counts={"train": 6, "val": 2, "test": 2}, size=64)
    return root


class FakeRun:
    """A run that logs nothing."""

    id = "abc"

    def log_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        pass

    def log_figure(self, figure: Any, path: str) -> None:
        pass


def trained(config: Config, folder: Path, checkpoint: Checkpoint | None = None) -> tuple[list[np.ndarray], dict]:
    """Train; return the last weights and the losses."""
    folder.mkdir(exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    network = MaskRCNN(config.backbone.name, 3, config.network_settings(), config.seed)
    predictor = KerasPredictor(network, config.image_size, config.antialias, CLASSES)
    run: Any = FakeRun()
    losses = fit(network, predictor, config, open_dataset(config.data), run, folder, Console(quiet=True), checkpoint)
    return network.get_weights(), losses


def test_a_repeated_and_resumed_training_ends_with_the_same_weights(
    rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = ["schedule=two_part", "schedule.parts.one.val_steps=0", "schedule.parts.two.layers=heads"]
    augs = ["aug=fliplr_clahe", "schedule.parts.two.aug.name=blur"]
    config = smoke(f"data.root={rendered}", "epochs=2", "score_every=9", *parts, *augs)
    expected, losses = trained(config, tmp_path / "whole")

    def interrupted(self: StopAtNaN, batch: int, logs: dict[str, float] | None = None) -> None:
        if self.epoch == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StopAtNaN, "on_train_batch_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(config, tmp_path / "cut")
    checkpoint = read_checkpoint(tmp_path / "cut" / CHECKPOINT_NAME)
    assert (checkpoint.part, checkpoint.epochs, checkpoint.run_id) == ("two", 3, "abc")
    until_cut = {name: values[: len(checkpoint.log["losses"][name])] for name, values in losses.items()}
    assert checkpoint.log["losses"] == until_cut
    assert len(until_cut["loss"]) == 3
    assert all(np.isfinite(values).all() for values in losses.values())
    weights, resumed_losses = trained(config, tmp_path / "cut", checkpoint)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed_losses == losses


def test_remaining_phases_of_a_schedule() -> None:
    parts = ["schedule=two_part", "schedule.parts.two.epochs=3"]
    config = smoke("data=rendered", "epochs=4", "steps=5", "batch_size=2", *parts)

    def remaining(part: str, epochs: int) -> list[tuple[str, int, int, int]]:
        checkpoint = Checkpoint("abc", {}, part, epochs, {})
        left = phases(config, checkpoint)
        return [(each.name, each.first_epoch, each.last_epoch, each.first_sample) for each in left]

    whole = [(each.first_epoch, each.last_epoch, each.first_sample) for each in phases(config)]
    assert whole == [(0, 4, 0), (4, 7, 40)]
    assert remaining("one", 3) == [("one", 3, 4, 30), ("two", 4, 7, 40)]
    assert remaining("one", 4) == [("one", 4, 4, 40), ("two", 4, 7, 40)], "the first part still has to be scored"
    assert remaining("two", 5) == [("two", 5, 7, 50)]
    assert remaining("two", 7) == [("two", 7, 7, 70)]


def small_network(width: int = 30) -> keras.Model:
    network = keras.Sequential([keras.layers.Dense(width)])
    network.build((None, 1000))
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    return network


def test_network_and_optimizer_are_restored(tmp_path: Path) -> None:
    network, other = small_network(), small_network()
    network.fit(np.ones((4, 1000)), np.ones((4, 30)), verbose=0)
    save_checkpoint(tmp_path / "a.h5", network, CHECKPOINT)
    assert read_checkpoint(tmp_path / "a.h5") == CHECKPOINT
    restore_checkpoint(tmp_path / "a.h5", other)
    variables = (each.variables + each.optimizer.variables for each in (network, other))
    for one, same in zip(*variables, strict=True):
        np.testing.assert_array_equal(one, same)
    with pytest.raises(UserError, match=r"network/0 has the shape \(1000, 30\), not \(1000, 31\)"):
        restore_checkpoint(tmp_path / "a.h5", small_network(31))


def test_links_to_other_files_are_refused(tmp_path: Path) -> None:
    network = small_network()
    save_checkpoint(tmp_path / "a.h5", network, CHECKPOINT)
    (tmp_path / "b.h5").write_bytes((tmp_path / "a.h5").read_bytes())
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        del file["network/0"], file["checkpoint"]
        file["network/0"] = h5py.ExternalLink("a.h5", "network/0")
        file["checkpoint"] = h5py.ExternalLink("a.h5", "checkpoint")
    with pytest.raises(UserError, match=r"b\.h5 is damaged or .*: network/0 is a link, not data in this file\.$"):
        restore_checkpoint(tmp_path / "b.h5", network)
    with pytest.raises(UserError, match=r"b\.h5 is not a training checkpoint: checkpoint is a link"):
        read_checkpoint(tmp_path / "b.h5")


@pytest.mark.parametrize("step", [1, 2], ids=["amid an epoch", "in its last step"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_training_after_the_step_or_the_checkpoint(number: signal.Signals, step: int) -> None:
    steps: list[int] = []
    saved: list[int] = []

    class Signalling(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            steps.append(batch)
            if len(steps) == 3 + step + 1:
                signal.raise_signal(number)

    network, handler = small_network(), signal.getsignal(number)
    with stop_on_signal() as stop, pytest.raises(KeyboardInterrupt):
        network.fit(
            np.ones((12, 1000)), np.ones((12, 30)), batch_size=4, epochs=9, verbose=0,
            callbacks=[Signalling(), EpochEndHook(saved.append), StopOnSignal(stop)],
        )  # fmt: skip
    assert steps == [0, 1, 2, 0, 1, 2][: 3 + step + 1]
    assert saved == [1, 2][:step]
    assert signal.getsignal(number) is handler


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only an administrator can mount a small disk, and only on Linux")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_keeps_the_last_checkpoint(small_disk: Path) -> None:
    file = small_disk / CHECKPOINT_NAME
    with h5py.File(file, "w") as before:
        before["checkpoint"] = '{"run_id": "abc", "config": {}, "part": "one", "epochs": 2, "log": {}}'
    message = r"checkpoint.h5 cannot be written: No space left on device; the checkpoint of epoch 2 is kept"
    with pytest.raises(UserError, match=message):
        save_checkpoint(file, small_network(), Checkpoint("abc", {}, "one", 3, {}))
    assert read_checkpoint(file).epochs == 2
    assert [each.name for each in small_disk.iterdir()] == [CHECKPOINT_NAME]


@pytest.fixture
def small_files() -> Iterator[None]:
    """Limit the size of files to 100 kB, which works as a used-up quota does and needs no privileges."""
    resource = pytest.importorskip("resource", reason="only Unix has such limits")
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that the write fails instead of killing the process
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_quota_keeps_the_last_checkpoint(tmp_path: Path, small_files: None) -> None:
    file = tmp_path / CHECKPOINT_NAME
    save_checkpoint(file, small_network(3), CHECKPOINT)
    message = r"checkpoint.h5 cannot be written: File too large; the checkpoint of epoch 2 is kept\.$"
    with pytest.raises(UserError, match=message):
        save_checkpoint(file, small_network(), Checkpoint("abc", {}, "one", 3, {}))
    assert read_checkpoint(file) == CHECKPOINT
    restore_checkpoint(file, small_network(3))
    assert [each.name for each in tmp_path.iterdir()] == [CHECKPOINT_NAME]


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n truncated"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / CHECKPOINT_NAME
    file.write_bytes(content)
    with pytest.raises(UserError, match="is not a training checkpoint"):
        read_checkpoint(file)
    with pytest.raises(UserError, match="is not a training checkpoint"):
        resume(str(tmp_path))


def test_runs_that_cannot_be_resumed_are_user_errors(store: Path, tmp_path: Path) -> None:
    with tracking.start_run({}, "resumed", tags={"output_dir": str(tmp_path)}) as run:
        pass
    with pytest.raises(UserError, match="has finished; only interrupted runs can be resumed"):
        resume(run.id)
    with pytest.raises(UserError, match="a run has one from its first epoch to its end"):
        resume(str(tmp_path))
    with pytest.raises(UserError, match="has no run"):
        resume("abc")


def test_a_run_is_not_resumed_with_other_photos(store: Path, tmp_path: Path) -> None:
    root, output = tmp_path / "rendered", tmp_path / "output"
    output.mkdir()
    render_dataset(root, seed=0, counts={"train": 2, "val": 1, "test": 1}, size=64)
    config = smoke(f"data.root={root}")
    tags = {"output_dir": str(output)}
    with tracking.start_run(asdict(config), "photos", tags=tags, output_dir=output) as run:
        for name, split in open_dataset(config.data).splits.items():
            log_split(run, name, "rendered", root, split)
    MlflowClient(tracking.tracking_uri()).set_terminated(run.id, "KILLED")
    checkpoint = Checkpoint(run.id, asdict(config), "one", 1, {})
    with h5py.File(output / CHECKPOINT_NAME, "w") as file:
        file["checkpoint"] = json.dumps(asdict(checkpoint))
    refuse_other_data(tracking.find_run(run.id), open_dataset(config.data))
    photo = next((root / "val").glob("*.jpg"))
    photo.write_bytes(photo.read_bytes() + b"changed")
    with pytest.raises(
        UserError, match=rf"{root}: the val photos or their annotations differ from those that the run {run.id}"
    ):
        resume(run.id)
    assert tracking.find_run(run.id).status == "KILLED"
    assert (output / CHECKPOINT_NAME).exists()


def test_resuming_allows_no_other_override() -> None:
    assert resumed_run(["aug=blur"]) is None
    assert resumed_run(["resume=abc"]) == "abc"
    with pytest.raises(UserError, match=r"resume=abc continues with the run's own configuration; remove epochs=50\."):
        resumed_run(["epochs=50", "resume=abc"])


def test_a_nan_loss_is_reported_with_its_photos() -> None:
    class TwoPhotos:
        def names(self, index: int) -> list[str]:
            return ["a.jpg", f"b{index}.jpg", "a.jpg"]

    batches: Any = TwoPhotos()
    stop = StopAtNaN(batches)
    stop.on_epoch_begin(6)
    fine = dict.fromkeys(("loss", "rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_mask_loss"), 1.0)
    stop.on_train_batch_end(0, {**fine, "mrcnn_bbox_loss": 1.0})
    message = r"mrcnn_bbox_loss became NaN or infinite in step 5 of epoch 7, on a.jpg, b4.jpg\. "
    with pytest.raises(Diverged, match=message):
        stop.on_train_batch_end(4, {**fine, "loss": float("inf"), "mrcnn_bbox_loss": float("nan")})
