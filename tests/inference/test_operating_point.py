"""The operating point of a network is kept in its files, and decides what a served model returns."""

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from PIL import Image

from fmask.inference.export import export_onnx
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.onnx import OnnxPredictor
from fmask.inference.serving import COLUMNS, ServedPredictor
from fmask.model.weights.exported import exported_file
from fmask.model.weights.metadata import read_operating_point
from fmask.model.weights.rewriting import write_exported, write_operating_point
from fmask.structures.detections import Detections
from fmask.structures.operating_point import Calibration, OperatingPoint
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, settled
from tests.helpers.scenes import HEIGHT, WIDTH, detections

POINT = OperatingPoint("accuracy", {"mask": 0.3, "hat": 0.95}, Calibration(1.0, -1.0), 44, 64)
OTHER = OperatingPoint("precision=0.9", {"mask": 0.8, "hat": 0.1}, Calibration(1.5, 0.25), 44, 64)


@pytest.mark.usefixtures("eagerly")
def test_weight_files_and_onnx_files_keep_it(tmp_path: Path) -> None:
    predictor = KerasPredictor(settled(), SIZE, antialias=True, classes=CLASSES)
    file, exported = tmp_path / "last.h5", tmp_path / "last.onnx"
    predictor.save(file)
    assert KerasPredictor.load(file).operating_point is None
    predictor.operating_point = POINT
    predictor.save(file)
    export_onnx(predictor, exported, weights=file)
    onnx = OnnxPredictor(exported)
    assert KerasPredictor.load(file).operating_point == onnx.operating_point == POINT
    photo = np.random.default_rng(0).integers(1, 256, (50, 70, 3), dtype=np.uint8)
    found = onnx.predict(photo)
    assert found.operating_point == POINT
    assert len(found.select(0.0)) == len(found)
    kept = POINT.keeps(found.class_ids, found.scores)
    assert found.select().scores.tolist() == found.scores[kept].tolist()

    changed = tmp_path / "changed"
    changed.mkdir()
    write_operating_point(file, changed / "last.h5", OTHER)
    write_exported(exported, changed / "last.onnx", OTHER, changed / "last.h5")
    assert read_operating_point(changed / "last.h5", CLASSES) == OTHER
    assert exported_file(changed / "last.h5") == changed / "last.onnx"
    again = OnnxPredictor(changed / "last.onnx")
    assert again.operating_point == OTHER
    np.testing.assert_array_equal(again.predict(photo).scores, found.scores)


class FakePredictor:
    """Finds a hat of score 0.9 and a mask of score 0.4."""

    def __init__(self, point: OperatingPoint | None) -> None:
        self.operating_point = point

    def predict(self, image: np.ndarray, max_mask_pixels: int) -> Detections:
        found = detections(("hat", (0, 0, 9, 9), 0.9), ("mask", (20, 20, 30, 30), 0.4))
        return Detections(**{**vars(found), "operating_point": self.operating_point})


def serve(point: OperatingPoint | None, params: dict[str, Any] | None = None) -> pd.DataFrame:
    served = ServedPredictor()
    served.predictor, served.lock = FakePredictor(point), threading.Lock()
    content = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT)).save(content, "PNG")
    return served.predict(None, pd.DataFrame([[content.getvalue()]]), params)  # type: ignore[arg-type]


def test_a_served_model_returns_what_counts() -> None:
    found = serve(POINT, {"min_confidence": None})
    assert found["class"].tolist() == ["mask"]
    assert found["probability"].tolist() == pytest.approx([1 / (1 + 1.5 * np.e)])
    assert serve(POINT, {"min_confidence": 0.5})["class"].tolist() == ["hat"]
    assert serve(POINT, {"min_confidence": 0.0})["class"].tolist() == ["hat", "mask"]


def test_a_served_model_without_one_returns_everything() -> None:
    found = serve(None)
    assert list(found.columns) == COLUMNS
    assert found["class"].tolist() == ["hat", "mask"]


def test_a_wrong_confidence_is_an_invalid_request() -> None:
    with pytest.raises(MlflowException, match=r"min_confidence must be between 0 and 1, not 1\.5"):
        serve(POINT, {"min_confidence": 1.5})
