"""Whole runs on a few rendered photos."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fmask import tracking
from fmask.data.images import load_image
from fmask.data.open import open_dataset
from fmask.data.synthetic.dataset import render_dataset
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.mask_rcnn import LOSSES, MaskRCNN
from fmask.model.weights import matterport
from fmask.model.weights.metadata import read_run
from fmask.training.checkpoint import CHECKPOINT_NAME, Checkpoint
from fmask.training.naming import run_name
from fmask.training.train import train
from fmask.utils.errors import Diverged, Pruned
from tests.helpers.composing import smoke
from tests.helpers.mlflow_runs import artifacts as logged


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "rendered"
    render_dataset(root, seed=0, counts={"train": 6, "val": 2, "test": 2}, size=96)
    return root


@pytest.mark.usefixtures("eagerly")
def test_a_run_logs_everything_to_mlflow(rendered: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = store / "output"
    output.mkdir()
    config = smoke(f"data.root={rendered}")
    start = MaskRCNN(config.backbone.name, 3, config.network_settings(), seed=9)
    matterport.save_weights(start, store / "start.h5")
    parts = ["schedule=two_part", "epochs=1", "schedule.parts.two.lr=1e-5", "schedule.parts.two.layers=heads"]
    result = train(smoke(f"data.root={rendered}", "aug=blur", "weights=start.h5", *parts), output)

    output_text = capsys.readouterr().out
    assert f"recipe=scratch backbone=resnet18 precision={config.precision} on CPU\n" in output_text
    last = output_text.splitlines()[-3:]
    assert last[0] == f"The weights are in {output / 'last.h5'}, the figures are artifacts of the run. Next:"
    for line, command in zip(last[1:], ("report", "splash"), strict=True):
        assert line.startswith(f"  fmask {command} {result.run_id[:8]} ")
    assert tracking.find_run(result.run_id[:6]).tags["device"] == "CPU"
    assert read_run(output / "last.h5") == read_run(output / "best.h5") == result.run_id
    assert output_text.startswith("data=rendered")
    count = len(matterport.layers_of(start))
    assert f"weights=start.h5: start.h5: {count} of {count} layers loaded" in output_text
    assert "1 epochs of 2 steps of 2 photos: about" in output_text
    assert "part one: aug=blur layers=all" in output_text
    assert "part two: aug=none layers=heads lr=1e-05" in output_text

    run = tracking.find_run(result.run_id)
    assert run.status == "FINISHED"
    expected = {"aug": "blur", "backbone": "resnet18", "data": "rendered", "steps": "2", "seed": "1"}
    assert {key: run.params[key] for key in expected} == expected
    undefined = {f"{split}/{name}" for split in ("val", "test") for name in ("precision", "precision_all", "accuracy")}
    of_part = {name for name in result.metrics if name.startswith("one/")}
    of_class = {f"test/mask_ap50_{name}" for name in ("mask", "hat")}
    assert set(tracking.METRICS) - undefined <= set(result.metrics) <= {*tracking.METRICS, *of_part, *of_class}
    assert len(tracking.METRICS) <= 35, "more would make runs hard to compare"
    assert {f"train/{name}" for name in ("loss", *LOSSES)} < set(tracking.METRICS)
    assert {"one/val/mask_ap50", "one/test/accuracy"} <= of_part
    assert all(map(tracking.is_metric, of_part))
    history = tracking.read_history(run, ["val/mask_ap50"])["val/mask_ap50"]
    assert list(history) == [1, 2], "the final score is the last point of the curve"
    assert {name: value for name, value in run.metrics.items() if not name.startswith("system/")} == result.metrics
    assert (run.name, run.tags["output_dir"]) == ("rendered resnet18 aug=blur,none steps=2 seed=1", str(output))
    assert not (output / "checkpoint.h5").exists()
    assert (run.params["schedule"], run.params["schedule.parts.two.layers"]) == ("two_part", "heads")
    assert set(run.datasets) == {"train", "val", "test"}
    artifacts = {
        "config.yaml", "weights/start.json", "scores/one/test.json", "environment.txt",
        "weights/last.h5", "weights/best.h5",
        "scores/test_at_0.5.json", "scores/test_at_0.9.json", "scores/val_at_0.5.json",
        "figures/training_samples.png", "figures/losses.png", "figures/val_mask_ap50.png",
        "figures/test_confusion_matrix.png", "figures/test_confidence.png",
        "figures/test_precision_recall.png", "figures/test_predictions.png", "figures/test_splash.png",
    }  # fmt: skip
    folder = logged(run.id)
    assert {name for name in artifacts if not (folder / name).is_file()} == set()
    started = json.loads((folder / "weights/start.json").read_text())
    assert started["sha256"] == hashlib.sha256((store / "start.h5").read_bytes()).hexdigest()

    photo = open_dataset(smoke(f"data.root={rendered}").data).splits["test"].photos[0]
    predictor = KerasPredictor.load(output / "last.h5")
    assert len(predictor.predict(load_image(photo.path))) <= 4
    for name, layer in matterport.layers_of(
        predictor.network
    ).items():  # the backbone moved in part one, and not in part two
        moved = np.abs(np.asarray(layer.weights[0]) - np.asarray(matterport.layers_of(start)[name].weights[0])).max()
        assert moved > 1e-5, name


def test_the_name_of_a_run_has_the_overrides() -> None:
    config = smoke()
    assert run_name(config) == f"rendered {config.backbone.name} aug=none steps={config.steps} seed={config.seed}"
    typed = ["data=rendered", "experiment=report/a/b", "study=b", "threads=1", "lr=0.1", "hydra.launcher.jobs=2"]
    assert run_name(config, typed) == "rendered resnet18 experiment=b lr=0.1"
    assert run_name(config, ["weights=https://me:hunter2@host/x.h5"]).endswith("weights=https://me:***@host/x.h5")
    assert len(run_name(config, ["weights=" + "x" * 200])) == 100


def test_a_failed_run_logs_the_error(rendered: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the loss is not a number")

    monkeypatch.setattr("fmask.training.train.fit", broken)
    with pytest.raises(RuntimeError):
        train(smoke(f"data.root={rendered}"), store)
    (run,) = tracking.find_runs("fmask")
    assert run.status == "FAILED"
    assert run.tags["failure"] == "RuntimeError: the loss is not a number"


def train_until(
    error: BaseException, root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[tracking.RunInfo, str]:
    """Train with a checkpoint and best weights until `error` is raised in the final scoring.

    Returns:
        The run, and the printed output.
    """

    def fit(*arguments: Any, **_: Any) -> None:
        run, output = arguments[4:6]
        checkpoint = Checkpoint(run.id, {}, "one", 2, {})
        (output / "best.h5").touch()
        with h5py.File(output / CHECKPOINT_NAME, "w") as file:
            file["checkpoint"] = json.dumps(asdict(checkpoint))

    def end(*_: Any) -> None:
        raise error

    monkeypatch.setattr("fmask.training.train.fit", fit)
    monkeypatch.setattr("fmask.training.train.detect", end)
    with pytest.raises(type(error)):
        train(smoke(f"data.root={root}", "lr=1e-3"), folder)
    (run,) = tracking.find_runs("fmask")
    return run, capsys.readouterr().out


def test_an_interrupted_run_prints_how_to_resume_it(
    rendered: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, output_text = train_until(KeyboardInterrupt(), rendered, store, monkeypatch, capsys)
    assert output_text.splitlines()[-1] == f"To resume after epoch 2: fmask train resume={run.id}"
    assert (store / CHECKPOINT_NAME).exists()


def test_a_diverged_run_prints_how_to_use_its_best_weights(
    rendered: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, output_text = train_until(Diverged("NaN"), rendered, store, monkeypatch, capsys)
    assert "resume=" not in output_text
    assert output_text.splitlines()[-1] == (
        f"To start from this run's best weights, add weights={store}/best.h5 lr=0.0001 to the command."
    )


def test_a_pruned_run_has_no_checkpoint(
    rendered: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, output_text = train_until(Pruned("hopeless"), rendered, store, monkeypatch, capsys)
    assert (run.status, run.tags["pruned"]) == ("KILLED", "hopeless")
    assert "resume=" not in output_text
    assert not (store / CHECKPOINT_NAME).exists()
