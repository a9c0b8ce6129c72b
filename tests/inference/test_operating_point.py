"""The operating point of a network decides what a served model returns."""

import io
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from PIL import Image

from fmask.inference.serving import COLUMNS, ServedPredictor
from fmask.structures.detections import Detections
from fmask.structures.operating_point import Calibration, OperatingPoint
from tests.helpers.scenes import HEIGHT, WIDTH, detections

POINT = OperatingPoint("accuracy", {"mask": 0.3, "hat": 0.95}, Calibration(1.0, -1.0), 44, 64)


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
