"""A trained network as an MLflow model, which returns a table of detections for encoded photos.

    network = mlflow.pyfunc.load_model("runs:/<run id>/model")
    network.predict([Path("street.jpg").read_bytes()])

Over HTTP (`mlflow models serve`) photos are base64 text in any of MLflow's formats, such as `{"inputs": ["..."]}` or
`{"dataframe_split": {"columns": ["photo"], "data": [["..."]]}}`. An invalid request gets a response with status 400.

MLflow executes this file, from the copy inside the model, whenever the model is loaded.
"""

import base64
import io
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import INVALID_PARAMETER_VALUE, MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

from fmask.data.images import decode
from fmask.structures.run_length import encode_mask
from fmask.utils.errors import UserError

COLUMNS = ["photo", "class", "score", "y1", "x1", "y2", "x2", "mask"]
PROBABILITY, MIN_CONFIDENCE = "probability", "min_confidence"
"""One more column, and the parameter, of a network with an operating point."""
MAX_PHOTOS = 64
"""Largest number of photos in a request."""
MAX_BYTES = 64 * 2**20
"""Largest total size of the encoded photos in a request."""
MAX_PIXELS = 50_000_000
"""Largest number of pixels of a photo."""
MAX_MASK_PIXELS = 2**31
"""Largest number of pixels of all masks of a photo together, one byte each."""


class ServedPredictor(PythonModel):
    """Detects the objects of its classes in photos."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the network. MLflow calls this method once."""
        self.predictor = _load({name: Path(file) for name, file in context.artifacts.items()})
        # A server calls `predict` from several threads; one request at a time limits the memory.
        self.lock = threading.Lock()

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Detect objects.

        Args:
            context: passed by MLflow, not used.
            model_input: one column with the contents of photo files (JPEG, PNG, ...) as bytes or base64 text. MLflow
                converts a list to it.
            params: `min_confidence`, the lowest score of the detections to return, of a network with an operating
                point; by default its thresholds decide. A network without one returns all detections.

        Returns:
            One row for each detection: `photo`, its position in `model_input`; `class`; `score` in [0, 1]; the box
            `y1`, `x1`, `y2`, `x2` in the photo's pixels, ends exclusive; and `mask`, COCO's compressed run lengths, a
            dict of `size` [height, width] and `counts`, a str. With an operating point also `probability`, that of
            being right.

        Raises:
            InvalidRequest: a photo cannot be decoded, or the request exceeds `MAX_PHOTOS`, `MAX_BYTES`, `MAX_PIXELS`
                or `MAX_MASK_PIXELS`. A server responds with status 400.
        """
        rows: list[list[Any]] = []
        try:
            limit = _limit(params)
            for photo, content in enumerate(_decoded(model_input.iloc[:, 0].tolist())):
                rows += [[photo, *row] for row in self._find(content, f"photo {photo}", limit)]
        except UserError as error:
            raise InvalidRequest(str(error), INVALID_PARAMETER_VALUE) from error
        return pd.DataFrame(rows, columns=[*COLUMNS, *([PROBABILITY] if self.predictor.operating_point else [])])

    def _find(self, content: bytes, name: str, limit: float | None) -> list[list[Any]]:
        with self.lock:
            image = np.array(decode(io.BytesIO(content), name, MAX_PIXELS))
            try:
                found = self.predictor.predict(image, max_mask_pixels=MAX_MASK_PIXELS)
            except UserError as error:
                raise UserError(f"{name} has too many detections for its size: {error}") from error
            if self.predictor.operating_point:
                found = found.select(limit)
            rows = zip(found.labels, found.scores, found.boxes, found.masks, strict=True)
            listed = [[label, float(score), *map(float, box), encode_mask(mask)] for label, score, box, mask in rows]
            probabilities = found.probabilities
            if probabilities is None:
                return listed
            return [[*row, value] for row, value in zip(listed, probabilities.tolist(), strict=True)]


class InvalidRequest(MlflowException):
    """A request with invalid photos.

    Its message stays one sentence: MLflow's server appends the whole request to the messages of other exceptions.
    """

    @property
    def message(self) -> str:
        return str(self.args[0])

    @message.setter
    def message(self, _: str) -> None:
        pass


def _load(files: Mapping[str, Path]) -> Any:
    """Load the network, on ONNX Runtime if the model has the file `onnx`.

    Modules are imported by name: `fmask.tracking.logged_model` adds those of one runtime to the model.
    """
    if "onnx" in files:
        return import_module("fmask.inference.onnx").OnnxPredictor(files["onnx"])
    import_module("fmask.utils.backend")  # before Keras, to keep its loading quiet
    return import_module("fmask.inference.keras_predictor").KerasPredictor.load(files["network"])


def _limit(params: dict[str, Any] | None) -> float | None:
    """Return the parameter `min_confidence`; None if the request does not have it."""
    value = (params or {}).get(MIN_CONFIDENCE)
    if value is not None and not 0 <= value <= 1:
        raise UserError(f"{MIN_CONFIDENCE} must be between 0 and 1, not {value:g}.")
    return value


def _decoded(cells: list[Any]) -> list[bytes]:
    """Return the contents of the photo files, after a check of their number and total size."""
    if len(cells) > MAX_PHOTOS:
        raise UserError(f"The request has {len(cells)} photos; at most {MAX_PHOTOS} are allowed.")
    contents = [_bytes(cell, f"photo {photo}") for photo, cell in enumerate(cells)]
    if (total := sum(map(len, contents))) > MAX_BYTES:
        raise UserError(f"The request's photos have {total} bytes; at most {MAX_BYTES} are allowed.")
    return contents


def _bytes(cell: Any, name: str) -> bytes:
    if not isinstance(cell, (str, bytes)):
        raise UserError(f"{name} must be the bytes of a photo file or their base64 text, not {type(cell).__name__}.")
    content = cell.encode() if isinstance(cell, str) else cell
    # MLflow decodes the base64 text of some request formats only. The bytes of a photo are never valid base64 text.
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)  # base64 text may have line breaks
    except ValueError:
        return content


mlflow.models.set_model(ServedPredictor())
