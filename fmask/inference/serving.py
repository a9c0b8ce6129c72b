"""The network as an MLflow model: encoded photos in, a table of detections out.

    network = mlflow.pyfunc.load_model("runs:/<run id>/model")
    network.predict([Path("street.jpg").read_bytes()])

Over HTTP (`mlflow models serve`) photos are base64 text in any of MLflow's formats, such as `{"inputs": ["..."]}` or
`{"dataframe_split": {"columns": ["photo"], "data": [["..."]]}}`. What is asked wrongly is answered with status 400.

MLflow runs this file, from the copy inside the model, whenever the model is loaded.
"""

import base64
import io
import threading
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import INVALID_PARAMETER_VALUE, MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

from fmask.data.images import decode
from fmask.structures.detections import CLASS_NAMES
from fmask.structures.run_length import encode_mask
from fmask.utils.errors import UserError

COLUMNS = ["photo", "class", "score", "y1", "x1", "y2", "x2", "mask"]
MAX_PHOTOS = 64
"""In one request."""
MAX_BYTES = 64 * 2**20
"""Of the encoded photos in one request."""
MAX_PIXELS = 50_000_000
"""Of one photo."""
MAX_MASK_PIXELS = 2**31
"""Of all that is found in one photo, a byte each."""


class ServedPredictor(PythonModel):
    """Finds worn masks and hats with the network that the MLflow model holds."""

    def load_context(self, context: PythonModelContext) -> None:
        """Build the network; MLflow calls this once."""
        import fmask.utils.backend  # noqa: F401 - before Keras, to keep its loading quiet
        from fmask.inference.keras_predictor import KerasPredictor

        self.predictor = KerasPredictor.load(Path(context.artifacts["network"]))
        # A server's requests come from several threads: taken in turn, they need one request's memory.
        self.turn = threading.Lock()

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame) -> pd.DataFrame:
        """Find masks and hats.

        Args:
            context: given by MLflow.
            model_input: one column, photo files' contents (JPEG, PNG, ...) as bytes; MLflow makes it of a list too.

        Returns:
            A row a detection: `photo` (position in `model_input`), `class`, `score` in [0, 1], the box in the photo's
            pixels, ends exclusive, and `mask`, COCO's run-length code: `size` [height, width] and `counts`, a text.

        Raises:
            Refused: a photo cannot be decoded, or there is more than `MAX_PHOTOS`, `MAX_BYTES`, `MAX_PIXELS` or
                `MAX_MASK_PIXELS`; a server answers with status 400.
        """
        rows: list[list[Any]] = []
        try:
            for photo, content in enumerate(_decoded(model_input.iloc[:, 0].tolist())):
                rows += [[photo, *row] for row in self._find(content, f"photo {photo}")]
        except UserError as error:
            raise Refused(str(error), INVALID_PARAMETER_VALUE) from error
        return pd.DataFrame(rows, columns=COLUMNS)

    def _find(self, content: bytes, name: str) -> list[list[Any]]:
        with self.turn:
            image = np.array(decode(io.BytesIO(content), name, MAX_PIXELS))
            try:
                found = self.predictor.predict(image, max_mask_pixels=MAX_MASK_PIXELS)
            except UserError as error:
                raise UserError(f"{name} is too large for all that is found in it: {error}") from error
            return [
                [CLASS_NAMES[class_id - 1], float(score), *map(float, box), encode_mask(mask)]
                for class_id, score, box, mask in zip(
                    found.class_ids, found.scores, found.boxes, found.masks, strict=True
                )
            ]


class Refused(MlflowException):
    """A request that cannot be answered, in one sentence, to which MLflow's server would add the whole request."""

    @property
    def message(self) -> str:
        return str(self.args[0])

    @message.setter
    def message(self, _: str) -> None:
        pass


def _decoded(cells: list[Any]) -> list[bytes]:
    """The photo files' contents, of a number and size that memory is there for."""
    if len(cells) > MAX_PHOTOS:
        raise UserError(f"The request has {len(cells)} photos; at most {MAX_PHOTOS} are taken.")
    contents = [_bytes(cell, f"photo {photo}") for photo, cell in enumerate(cells)]
    if (total := sum(map(len, contents))) > MAX_BYTES:
        raise UserError(f"The request's photos are {total} bytes; at most {MAX_BYTES} are taken.")
    return contents


def _bytes(cell: Any, name: str) -> bytes:
    if not isinstance(cell, (str, bytes)):
        raise UserError(f"{name} is a {type(cell).__name__}; a photo is the bytes of its file, or base64 text of them.")
    content = cell.encode() if isinstance(cell, str) else cell
    try:  # MLflow has decoded some formats' base64 text and not others'; no photo's own bytes are such text
        return base64.b64decode(b"".join(content.split()), validate=True)  # its lines may be broken
    except ValueError:
        return content


mlflow.models.set_model(ServedPredictor())
