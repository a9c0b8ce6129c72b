"""A training that was stopped goes on as if it had not been."""

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
from fmask.training import checkpoint
from fmask.training.callbacks import AfterEpoch, StopAtNaN, StopWhenAsked
from fmask.training.checkpoint import Checkpoint
from fmask.training.fit import fit, phases
from fmask.training.provenance_diff import refuse_other_data
from fmask.training.train import model_config, resume
from fmask.utils.errors import Diverged, UserError
from fmask.utils.signals import stop_on_signal
from tests.helpers.composing import smoke

STANDING = Checkpoint(run_id="abc", config={}, part="one", epochs=2, log={})


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "rendered"
    render_dataset(root, seed=0, counts={"train": 6, "val": 2, "test": 2}, size=64)
    return root


class Unlogged:
    """Stands in for a tracked run."""

    id = "abc"

    def log_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        pass

    def log_figure(self, figure: Any, path: str) -> None:
        pass


def trained(config: Config, folder: Path, standing: Checkpoint | None = None) -> tuple[list[np.ndarray], dict]:
    """The weights that a training ends with, and its losses."""
    folder.mkdir(exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    network = MaskRCNN(config.backbone.name, 3, model_config(config), config.seed)
    predictor = KerasPredictor(network, config.image_size, config.antialias)
    run: Any = Unlogged()
    losses = fit(network, predictor, config, open_dataset(config.data), run, folder, Console(quiet=True), standing)
    return network.get_weights(), losses


def test_interrupted_in_the_second_part_it_ends_with_the_same_weights(
    rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = ["schedule=two_part", "schedule.parts.two.aug.name=blur", "schedule.parts.two.layers=heads"]
    config = smoke(f"data.root={rendered}", "epochs=2", "score_every=9", *parts)
    expected, losses = trained(config, tmp_path / "whole")

    def interrupted(self: StopAtNaN, batch: int, logs: dict[str, float] | None = None) -> None:
        if self.epoch == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StopAtNaN, "on_train_batch_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(config, tmp_path / "cut")
    standing = checkpoint.read(tmp_path / "cut" / checkpoint.NAME)
    assert (standing.part, standing.epochs, standing.run_id) == ("two", 3, "abc")
    weights, resumed_losses = trained(config, tmp_path / "cut", standing)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed_losses == losses


def test_what_is_left_of_a_schedule() -> None:
    parts = ["schedule=two_part", "schedule.parts.two.epochs=3"]
    config = smoke("data=rendered", "epochs=4", "steps=5", "batch_size=2", *parts)

    def left(part: str, epochs: int) -> list[tuple[str, int, int, int]]:
        standing = Checkpoint("abc", {}, part, epochs, {})
        return [(each.name, each.first, each.last, each.sample) for each in phases(config, standing)]

    assert [(each.first, each.last, each.sample) for each in phases(config)] == [(0, 4, 0), (4, 7, 40)]
    assert left("one", 3) == [("one", 3, 4, 30), ("two", 4, 7, 40)]
    assert left("one", 4) == [("one", 4, 4, 40), ("two", 4, 7, 40)], "the first part is still to be scored"
    assert left("two", 5) == [("two", 5, 7, 50)]
    assert left("two", 7) == [("two", 7, 7, 70)]


def small_network(width: int = 30) -> keras.Model:
    network = keras.Sequential([keras.layers.Dense(width)])
    network.build((None, 1000))
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    return network


def test_a_network_and_its_optimizer_are_as_they_were(tmp_path: Path) -> None:
    network, other = small_network(), small_network()
    network.fit(np.ones((4, 1000)), np.ones((4, 30)), verbose=0)
    checkpoint.save(tmp_path / "a.h5", network, STANDING)
    assert checkpoint.read(tmp_path / "a.h5") == STANDING
    checkpoint.restore(tmp_path / "a.h5", other)
    variables = (each.variables + each.optimizer.variables for each in (network, other))
    for one, same in zip(*variables, strict=True):
        np.testing.assert_array_equal(one, same)
    with pytest.raises(UserError, match="it lacks network/0"):
        checkpoint.restore(tmp_path / "a.h5", small_network(31))


def test_a_checkpoint_reads_no_other_file(tmp_path: Path) -> None:
    network = small_network()
    checkpoint.save(tmp_path / "a.h5", network, STANDING)
    (tmp_path / "b.h5").write_bytes((tmp_path / "a.h5").read_bytes())
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        del file["network/0"], file["checkpoint"]
        file["network/0"] = h5py.ExternalLink("a.h5", "network/0")
        file["checkpoint"] = h5py.ExternalLink("a.h5", "checkpoint")
    with pytest.raises(UserError, match=r"b\.h5 is damaged, .*: network/0 is a link to somewhere else\.$"):
        checkpoint.restore(tmp_path / "b.h5", network)
    with pytest.raises(UserError, match=r"b\.h5 is no checkpoint of a training: checkpoint is a link"):
        checkpoint.read(tmp_path / "b.h5")


@pytest.mark.parametrize("asked_in", [1, 2], ids=["amid an epoch", "in its last step"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_training_after_a_step_or_a_checkpoint(number: signal.Signals, asked_in: int) -> None:
    steps, kept = [], []

    class Asking(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            steps.append(batch)
            if len(steps) == 3 + asked_in + 1:
                signal.raise_signal(number)

    network, handler = small_network(), signal.getsignal(number)
    with stop_on_signal() as stop, pytest.raises(KeyboardInterrupt):
        network.fit(
            np.ones((12, 1000)), np.ones((12, 30)), batch_size=4, epochs=9, verbose=0,
            callbacks=[Asking(), AfterEpoch(kept.append), StopWhenAsked(stop)],
        )  # fmt: skip
    assert steps == [0, 1, 2, 0, 1, 2][: 3 + asked_in + 1]
    assert kept == [1, 2][:asked_in]
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


def test_a_full_disk_leaves_the_checkpoint_before(small_disk: Path) -> None:
    file = small_disk / checkpoint.NAME
    with h5py.File(file, "w") as before:
        before["checkpoint"] = '{"run_id": "abc", "config": {}, "part": "one", "epochs": 2, "log": {}}'
    said = r"checkpoint.h5 cannot be written: No space left on device; that of epoch 2 is kept"
    with pytest.raises(UserError, match=said):
        checkpoint.save(file, small_network(), Checkpoint("abc", {}, "one", 3, {}))
    assert checkpoint.read(file).epochs == 2
    assert [each.name for each in small_disk.iterdir()] == [checkpoint.NAME]


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may exceed 100 kB, as where a quota is used up; anybody can try that."""
    resource = pytest.importorskip("resource", reason="only Unix knows such limits")
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails then, and does not kill
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_quota_leaves_the_checkpoint_before(tmp_path: Path, small_files: None) -> None:
    file = tmp_path / checkpoint.NAME
    checkpoint.save(file, small_network(3), STANDING)
    said = r"checkpoint.h5 cannot be written: File too large; that of epoch 2 is kept\.$"
    with pytest.raises(UserError, match=said):
        checkpoint.save(file, small_network(), Checkpoint("abc", {}, "one", 3, {}))
    assert checkpoint.read(file) == STANDING
    checkpoint.restore(file, small_network(3))
    assert [each.name for each in tmp_path.iterdir()] == [checkpoint.NAME]


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n and no more"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / checkpoint.NAME
    file.write_bytes(content)
    with pytest.raises(UserError, match="is no checkpoint of a training"):
        checkpoint.read(file)
    with pytest.raises(UserError, match="is no checkpoint of a training"):
        resume(str(tmp_path))


def test_what_cannot_be_gone_on_with_is_said(store: Path, tmp_path: Path) -> None:
    with tracking.start({}, "resumed", tags={"output_dir": str(tmp_path)}) as run:
        pass
    with pytest.raises(UserError, match="has finished; there is nothing left to train"):
        resume(run.id)
    with pytest.raises(UserError, match="one is kept from the first epoch to the run's end"):
        resume(str(tmp_path))
    with pytest.raises(UserError, match="holds no run"):
        resume("abc")


def test_a_run_does_not_go_on_with_other_photos(store: Path, tmp_path: Path) -> None:
    root, output = tmp_path / "rendered", tmp_path / "output"
    output.mkdir()
    render_dataset(root, seed=0, counts={"train": 2, "val": 1, "test": 1}, size=64)
    config = smoke(f"data.root={root}")
    tags = {"output_dir": str(output)}
    with tracking.start(asdict(config), "photos", tags=tags, output_dir=output) as run:
        for name, split in open_dataset(config.data).splits.items():
            log_split(run, name, "rendered", root, split)
    MlflowClient(tracking.tracking_uri()).set_terminated(run.id, "KILLED")
    standing = Checkpoint(run.id, asdict(config), "one", 1, {})
    with h5py.File(output / checkpoint.NAME, "w") as file:
        file["checkpoint"] = json.dumps(asdict(standing))
    refuse_other_data(tracking.find_run(run.id), open_dataset(config.data))
    photo = next((root / "val").glob("*.jpg"))
    photo.write_bytes(photo.read_bytes() + b"changed")
    with pytest.raises(
        UserError, match=rf"{root}: the val photos or their annotations are not those that the run {run.id}"
    ):
        resume(run.id)
    assert tracking.find_run(run.id).status == "KILLED"
    assert (output / checkpoint.NAME).exists()


def test_resuming_takes_nothing_beside_it() -> None:
    assert resumed_run(["aug=blur"]) is None
    assert resumed_run(["resume=abc"]) == "abc"
    with pytest.raises(UserError, match=r"resume=abc continues with the run's own configuration; remove epochs=50\."):
        resumed_run(["epochs=50", "resume=abc"])


def test_a_loss_that_is_no_number_is_told_with_its_photos() -> None:
    class TwoPhotos:
        def names(self, index: int) -> list[str]:
            return ["a.jpg", f"b{index}.jpg", "a.jpg"]

    batches: Any = TwoPhotos()
    stop = StopAtNaN(batches)
    stop.on_epoch_begin(6)
    fine = dict.fromkeys(("loss", "rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_mask_loss"), 1.0)
    stop.on_train_batch_end(0, {**fine, "mrcnn_bbox_loss": 1.0})
    said = r"mrcnn_bbox_loss is no finite number in step 5 of epoch 7, on a.jpg, b4.jpg\. "
    with pytest.raises(Diverged, match=said):
        stop.on_train_batch_end(4, {**fine, "loss": float("inf"), "mrcnn_bbox_loss": float("nan")})
