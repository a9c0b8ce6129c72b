"""Networks that version 0.1 logged to MLflow load in a process that has imported this version."""

from pathlib import Path

import numpy as np
import pytest

from fmask.inference.keras_predictor import KerasPredictor
from fmask.utils import old_modules
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, settled

SERVING = """
from fmask.data.images import decode
from fmask.detections import CLASS_NAMES
from fmask.errors import UserError
import fmask.backend
from fmask.model.detector import Detector
"""
"""The imports of the code that version 0.1 put into MLflow models."""


@pytest.mark.usefixtures("eagerly")
def test_the_code_in_old_mlflow_models_finds_its_modules(tmp_path: Path) -> None:
    KerasPredictor(settled(), SIZE, antialias=True, classes=CLASSES).save(tmp_path / "network.h5")
    names: dict[str, object] = {}
    exec(SERVING, names)
    photo = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    found = names["Detector"].load(tmp_path / "network.h5").detect(photo, 10**9)  # type: ignore[attr-defined]
    expected = KerasPredictor.load(tmp_path / "network.h5").predict(photo)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    assert names["CLASS_NAMES"] == ("mask", "hat")


def test_the_old_names_are_installed_once() -> None:
    import sys

    old_modules.install()
    assert sum(isinstance(finder, old_modules.OldModules) for finder in sys.meta_path) == 1
