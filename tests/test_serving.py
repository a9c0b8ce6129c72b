"""A logged network, loaded by MLflow, finds things in encoded photos."""

import io
import sys
from pathlib import Path
from types import ModuleType

import mlflow
import numpy as np
import pytest
from PIL import Image

from fmask import tracking
from fmask.detections import Detections
from fmask.errors import UserError


class OneHat:
    """A detector that finds a hat over the whole of each photo, as sure as its file says."""

    def __init__(self, score: float) -> None:
        self.score = score

    @classmethod
    def load(cls, path: Path) -> "OneHat":
        return cls(float(path.read_text()))

    def detect(self, image: np.ndarray) -> Detections:
        height, width = image.shape[:2]
        return Detections(
            boxes=np.array([[0, 0, height, width]], np.float32),
            class_ids=np.array([2]),
            scores=np.array([self.score], np.float32),
            masks=np.ones((1, height, width), bool),
        )


def test_photos_go_in_and_rows_come_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = ModuleType("fmask.model.detector")
    monkeypatch.setattr(detector, "Detector", OneHat, raising=False)
    monkeypatch.setitem(sys.modules, "fmask.model.detector", detector)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "network.keras").write_text("0.75")
    with tracking.start({}, "serving", output_dir=tmp_path) as run:
        run.log_model(tmp_path / "network.keras")
    (tmp_path / "network.keras").unlink()

    mlflow.set_tracking_uri(tracking.tracking_uri())
    network = mlflow.pyfunc.load_model(f"runs:/{run.id}/model")
    found = network.predict([png(width=40, height=30), png(width=8, height=9)])

    assert found.to_dict("list") == {
        "photo": [0, 1],
        "class": ["hat", "hat"],
        "score": [0.75, 0.75],
        "y1": [0, 0],
        "x1": [0, 0],
        "y2": [30, 9],
        "x2": [40, 8],
    }
    assert network.predict([]).columns.to_list() == found.columns.to_list()
    with pytest.raises(UserError, match="photo 1 is not a readable photo"):
        network.predict([png(8, 8), b"text"])


def png(width: int, height: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height)).save(content, "PNG")
    return content.getvalue()
