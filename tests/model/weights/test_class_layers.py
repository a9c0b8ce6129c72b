"""A training takes over the weights of classes by name from a network of other classes."""

from pathlib import Path

import numpy as np
import pytest

from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights.matterport import LoadReport, layers_of, load_weights, save_weights
from tests.helpers.networks import SIZE, tiny

LAYERS = {"mrcnn_bbox_fc": 4, "mrcnn_class_logits": 1, "mrcnn_mask": 1}
"""The layers that depend on the classes, and their number of outputs for each class."""


@pytest.fixture(scope="module")
def trained() -> MaskRCNN:
    """A network with the classes mask and hat, whose weights are all different from those of another one."""
    network = tiny()
    for layer in layers_of(network).values():
        layer.set_weights([weight + 1 for weight in layer.get_weights()])
    return network


def load(start: MaskRCNN, file: Path, *classes: str) -> LoadReport:
    return load_weights(start, file, classes)


def outputs(network: MaskRCNN, layer: str, class_id: int) -> list[np.ndarray]:
    """Return the part of the kernel and of the bias that belongs to a class."""
    part = slice(class_id * LAYERS[layer], (class_id + 1) * LAYERS[layer])
    return [weight[..., part] for weight in layers_of(network)[layer].get_weights()]


def assert_equal(network: MaskRCNN, class_id: int, other: MaskRCNN, other_id: int) -> None:
    for layer in LAYERS:
        for one, two in zip(outputs(network, layer, class_id), outputs(other, layer, other_id), strict=True):
            np.testing.assert_array_equal(one, two)


def test_classes_are_taken_over_by_name(trained: MaskRCNN, tmp_path: Path) -> None:
    KerasPredictor(trained, SIZE, antialias=True, classes=("mask", "hat")).save(tmp_path / "last.h5")
    start, before = tiny(num_classes=4), tiny(num_classes=4)
    report = load(start, tmp_path / "last.h5", "Hat", "goggles", "vest")
    assert_equal(start, 0, trained, 0)
    assert_equal(start, 1, trained, 2)
    for class_id in (2, 3):
        assert_equal(start, class_id, before, class_id)
    assert (report.by_class, report.classes, report.new_classes) == (tuple(LAYERS), ("Hat",), ("goggles", "vest"))
    total = len(layers_of(start))
    assert str(report) == (
        f"last.h5: {total - 3} of {total} layers loaded; loaded for the classes Hat: mrcnn_bbox_fc, "
        "mrcnn_class_logits, mrcnn_mask; random for the classes goggles, vest"
    )


def test_the_same_classes_in_another_order_are_exchanged(trained: MaskRCNN, tmp_path: Path) -> None:
    KerasPredictor(trained, SIZE, antialias=True, classes=("mask", "hat")).save(tmp_path / "last.h5")
    start = tiny()
    assert load(start, tmp_path / "last.h5", "hat", "mask").new_classes == ()
    for class_id, other in ((0, 0), (1, 2), (2, 1)):
        assert_equal(start, class_id, trained, other)


def test_the_same_classes_are_loaded_whole(trained: MaskRCNN, tmp_path: Path) -> None:
    KerasPredictor(trained, SIZE, antialias=True, classes=("mask", "hat")).save(tmp_path / "last.h5")
    start = tiny()
    report = load(start, tmp_path / "last.h5", "mask", "hat")
    assert (report.by_class, report.random, report.new_classes) == ((), (), ())
    assert_equal(start, 2, trained, 2)


def test_other_classes_stay_random_though_there_are_as_many(trained: MaskRCNN, tmp_path: Path) -> None:
    KerasPredictor(trained, SIZE, antialias=True, classes=("mask", "hat")).save(tmp_path / "last.h5")
    start, before = tiny(), tiny()
    report = load(start, tmp_path / "last.h5", "helmet", "vest")
    assert (report.random, report.new_classes) == (tuple(LAYERS), ("helmet", "vest"))
    for class_id in range(3):
        assert_equal(start, class_id, before, class_id)


def test_files_without_names_are_loaded_by_the_number_of_classes(trained: MaskRCNN, tmp_path: Path) -> None:
    save_weights(trained, tmp_path / "matterport.h5")
    start = tiny()
    assert load(start, tmp_path / "matterport.h5", "helmet", "vest").random == ()
    assert_equal(start, 1, trained, 1)
    assert load(tiny(num_classes=4), tmp_path / "matterport.h5", "a", "b", "c").random == tuple(LAYERS)
