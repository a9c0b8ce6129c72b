"""The Python API: three names for scripts and notebooks, and a network for a training loop of one's own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import keras
import numpy as np
import pytest
from PIL import Image

import fmask
from fmask.data.arrays import to_arrays
from fmask.data.synthetic.dataset import render_dataset
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.config import Proposals
from fmask.tracking import machine_tags
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, batch, eagerly, settled, tiny


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn") / "photos"
    render_dataset(root, seed=0, counts={"train": 5, "val": 1, "test": 1}, size=96)
    return root


@pytest.mark.usefixtures("eagerly")
def test_a_run_is_trained_loaded_and_used(drawn: Path, store: Path) -> None:
    epochs = []
    counter = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    settings = ["experiment=smoke", f"data.root={drawn}", "epochs=1", "steps=1", "val_steps=0", "batch=1"]
    run = fmask.train(settings, callbacks=[counter])
    assert epochs == [0]
    assert set(run.scores) == {"val", "test"}
    assert "test/mask_ap50" in run.metrics

    model = fmask.load(run.run_id)
    photo = next((drawn / "test").glob("*.jpg"))
    found = model.predict(photo)
    pixels = np.array(Image.open(photo))
    by_text, by_pixels = model.predict([str(photo), pixels])
    for other in (by_text, by_pixels):
        np.testing.assert_array_equal(found.class_ids, other.class_ids)
        np.testing.assert_allclose(found.boxes, other.boxes, atol=1e-2)
    assert found.masks.shape == (len(found), *pixels.shape[:2])
    assert set(found.labels) <= {"mask", "hat"}
    picture = found.plot(min_confidence=0)
    assert picture.size == (pixels.shape[1], pixels.shape[0])
    assert (np.array(picture) != pixels).any() == (len(found) > 0)
    np.testing.assert_array_equal(np.array(picture), np.array(by_pixels.plot(pixels, min_confidence=0)))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: fmask.MaskRCNN("resnet19"), "There is no backbone 'resnet19'; the backbones are resnet18, resnet50"),
        (
            lambda: fmask.MaskRCNN("resnet18", num_classes=1),
            "num_classes must be at least 2, the background and one",
        ),
        (lambda: fmask.MaskRCNN("resnet18", config=fmask.ModelConfig(norm="layer")), "norm must be frozen or batch or"),
        (
            lambda: fmask.MaskRCNN("resnet18", config=fmask.ModelConfig(proposals=Proposals(nms=7))),
            "proposals.nms must be between 0 and 1, not 7.",
        ),
        (
            lambda: fmask.MaskRCNN("resnet18", config=fmask.ModelConfig(proposals=Proposals(nms="high"))),  # type: ignore[arg-type]
            "Proposals.nms: Value 'high' of type 'str' could not be converted to Float.",
        ),
        (lambda: fmask.load("best", runtime="tflite"), "There is no runtime 'tflite'; the runtimes are onnx, keras."),  # type: ignore[arg-type]
        (lambda: fmask.load("best", threads=-1), "threads must be at least 0, not -1."),
        (lambda: fmask.train("aug=blur"), r"Overrides must be a list, such as \['aug=blur'\], not a string."),
        (
            lambda: fmask.train(["aug=blur,none"]),
            "these overrides ask for several runs; use `fmask sweep aug=blur,none`",
        ),
    ],
)
def test_wrong_arguments_are_refused(mistake: Callable[[], object], message: str) -> None:
    with pytest.raises(fmask.UserError, match=f"^{message}"):
        mistake()


def test_what_predict_and_plot_cannot_use_is_refused() -> None:
    predictor = KerasPredictor(settled(), SIZE, antialias=True, classes=CLASSES)
    with pytest.raises(fmask.UserError, match=r"must be a uint8 array \(H, W, 3\), not float64 \(8, 8, 3\)"):
        predictor.predict(np.zeros((8, 8, 3)))
    with pytest.raises(fmask.UserError, match=r"nowhere\.jpg"):
        predictor.predict("nowhere.jpg")
    found = predictor.predict(np.zeros((8, 9, 3), np.uint8))
    with pytest.raises(ValueError, match="needs the photo"):
        found.plot()
    with pytest.raises(ValueError, match="must have 9 x 8 pixels, not 8 x 8"):
        found.plot(np.zeros((8, 8, 3), np.uint8))


def test_a_network_is_a_keras_model_and_a_label_outside_its_classes_stops_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = tiny(num_classes=5)
    images, targets = batch()
    targets["class_ids"][0, 0] = 4
    network.compile(keras.optimizers.Adam(1e-3))
    traced = Mock(side_effect=network.losses_of)
    monkeypatch.setattr(network, "losses_of", traced)
    history = network.fit(images, targets, batch_size=2, epochs=2, verbose=0).history
    assert traced.call_count == 1, "a graph is built once, which takes most of a short training"
    assert len(history["loss"]) == len(history["mrcnn_mask_loss"]) == 2
    assert np.isfinite(history["loss"]).all()

    before = [np.array(weight) for weight in network.trainable_variables]
    wrong = targets | {"class_ids": np.where(targets["class_ids"] == 4, 5, targets["class_ids"])}
    with pytest.raises(Exception, match="class_ids must be below num_classes=5"):
        network.fit(images, wrong, batch_size=2, verbose=0)
    for weight, value in zip(network.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert traced.call_count == 1

    found = network(images)
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "boxes": (2, 6, 4),
        "class_ids": (2, 6),
        "scores": (2, 6),
        "masks": (2, 6, 28, 28),
    }
    assert set(network.predict(images, verbose=0)) == set(found)

    network.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_config() == network.get_config()
    for name, value in again(images).items():
        np.testing.assert_array_equal(value, found[name])
    with eagerly():
        assert np.isfinite(again.fit(images, targets, batch_size=2, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("shape", [(1, 64, 96, 3), (1, 100, 100, 3)])
def test_images_must_be_squares_of_the_right_size(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="squares whose side is a multiple of 32 pixels"):
        tiny()(np.zeros(shape, np.float32))


def test_photos_become_arrays(drawn: Path) -> None:
    photos = fmask.read_dataset(drawn, "drawn").splits["train"].photos
    images, targets = to_arrays(photos, image_size=64)
    assert images.shape == (len(photos), 64, 64, 3)
    assert [ids[ids > 0].tolist() for ids in targets["class_ids"]] == [photo.class_ids().tolist() for photo in photos]
    assert (targets["boxes"][targets["class_ids"] > 0][:, 2:] > targets["boxes"][targets["class_ids"] > 0][:, :2]).all()


def test_keras_may_be_imported_before_fmask() -> None:
    """In this process, as in most, fmask was imported first."""
    program = """
import keras, fmask
import os
from fmask.tracking import machine_tags
print(keras.backend.backend(), os.environ["KERAS_BACKEND"], machine_tags()["backend"], fmask.MaskRCNN.__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    expected = ["tensorflow", "tensorflow", "tensorflow", "MaskRCNN"]
    assert done.stdout.split() == expected
    here = [keras.backend.backend(), os.environ["KERAS_BACKEND"], machine_tags()["backend"], fmask.MaskRCNN.__name__]
    assert here == expected
