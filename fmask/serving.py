"""The network as an MLflow model: encoded photos in, a table of detections out.

    network = mlflow.pyfunc.load_model("runs:/<run id>/model")
    network.predict([Path("street.jpg").read_bytes()])

MLflow runs this file, from the copy inside the model, whenever the model is loaded.
"""

import tempfile
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from fmask.data.via import CLASS_NAMES, load_image

COLUMNS = ["photo", "class", "score", "y1", "x1", "y2", "x2"]


class MaskAndHatFinder(PythonModel):
    """Finds worn masks and hats with the network that the MLflow model holds."""

    def load_context(self, context: PythonModelContext) -> None:
        """Build the network; MLflow calls this once."""
        from fmask.model.detector import Detector

        self.detector = Detector.load(Path(context.artifacts["network"]))

    def predict(self, context: PythonModelContext, model_input: list[bytes]) -> pd.DataFrame:
        """Find masks and hats.

        Args:
            context: given by MLflow.
            model_input: photo files' contents (JPEG, PNG, ...); base64 text when served over HTTP.

        Returns:
            A row a detection: `photo` (position in `model_input`), `class`, `score` in [0, 1], and the box in the
            photo's pixels, ends exclusive.

        Raises:
            UserError: a photo cannot be decoded.
        """
        rows: list[list[Any]] = []
        for photo, content in enumerate(model_input):
            found = self.detector.detect(_decoded(content, f"photo {photo}"))
            for class_id, score, box in zip(found.class_ids, found.scores, found.boxes, strict=True):
                rows.append([photo, CLASS_NAMES[class_id - 1], float(score), *map(float, box)])
        return pd.DataFrame(rows, columns=COLUMNS)


def _decoded(content: bytes, name: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, name)
        file.write_bytes(content)
        return load_image(file)


mlflow.models.set_model(MaskAndHatFinder())
