"""Detections in photos, and saving and loading of networks."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from fmask.inference.keras_predictor import KerasPredictor
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, settled


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)


def assert_same(first: Detections, second: Detections) -> None:
    np.testing.assert_array_equal(first.boxes, second.boxes)
    np.testing.assert_array_equal(first.class_ids, second.class_ids)
    np.testing.assert_allclose(first.scores, second.scores, rtol=1e-4)
    np.testing.assert_array_equal(first.masks, second.masks)


@pytest.mark.usefixtures("eagerly")
def test_a_loaded_network_detects_the_same(tmp_path: Path) -> None:
    predictor = KerasPredictor(settled(), SIZE, antialias=False, classes=CLASSES)
    predictor.save(tmp_path / "predictor.h5")
    loaded = KerasPredictor.load(tmp_path / "predictor.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["predictor.h5"]
    assert (loaded.image_size, loaded.antialias) == (SIZE, False)
    assert loaded.network.config == predictor.network.config
    expected = predictor.predict(noise(50, 70))
    assert len(expected.scores) > 1
    assert expected.scores[0] > expected.scores[-1]
    assert_same(loaded.predict(noise(50, 70)), expected)


@pytest.mark.usefixtures("eagerly")
def test_detections_do_not_depend_on_the_batch() -> None:
    predictor = KerasPredictor(settled(), SIZE, antialias=True, classes=CLASSES)
    photos = [noise(50, 70), noise(90, 40, seed=1), noise(64, 64, seed=2)]
    together = predictor.predict(photos, batch_size=2)
    assert [found.masks.shape[1:] for found in together] == [(50, 70), (90, 40), (64, 64)]
    for photo, found in zip(photos, together, strict=True):
        assert_same(predictor.predict(photo), found)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no network")
    (tmp_path / "empty.h5").touch()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weights"] = np.zeros(3)
    for name in ("missing.h5", "text.h5", "empty.h5", "other.h5", "."):
        with pytest.raises(UserError, match="is not a network saved by fmask") as refused:
            KerasPredictor.load(tmp_path / name)
        assert str(tmp_path / name) in str(refused.value)
        assert "\n" not in str(refused.value)
