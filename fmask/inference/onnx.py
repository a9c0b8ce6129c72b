"""A network exported to ONNX, run by ONNX Runtime: neither Keras nor TensorFlow is imported."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fmask.inference.predictor import Predictor
from fmask.utils.errors import UserError

IMAGE_SIZE, ANTIALIAS, ALIGN_CORNERS = "fmask.image_size", "fmask.antialias", "fmask.align_corners"
"""Keys in the metadata of the file; see `Predictor`."""
OLD_KEYS = {IMAGE_SIZE: "fmask.size", ANTIALIAS: "fmask.smooth"}
"""Keys in files of version 0.1."""
OUTPUTS = ("boxes", "class_ids", "scores", "masks")


class OnnxPredictor(Predictor):
    """A network that `fmask export` wrote as an ONNX file.

    Args:
        path: the file.
        threads: processor threads to use, 0 for all.

    Raises:
        UserError: the file is missing, `fmask export` did not write it, or ONNX Runtime is not installed.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise UserError(
                f"{path} needs ONNX Runtime, which is not installed; install it with `uv sync --extra export`."
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            metadata = self._session.get_modelmeta().custom_metadata_map
            image_size, antialias = (metadata.get(key) or metadata[OLD_KEYS[key]] for key in (IMAGE_SIZE, ANTIALIAS))
            align_corners = metadata.get(ALIGN_CORNERS, "True")  # files of version 0.1 lack it
            super().__init__(int(image_size), antialias == "True", align_corners == "True")
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise UserError(f"{path} is not a network exported by fmask: {str(error).splitlines()[0]}.") from error
        fixed = self._session.get_inputs()[0].shape[0]
        self._fixed = fixed if isinstance(fixed, int) else None

    @property
    def batch_size(self) -> int:
        """Number of photos in a batch by default."""
        return self._fixed or 1

    @property
    def fixed_batch_size(self) -> int | None:
        """The batch size that the file was exported for; None if it accepts any."""
        return self._fixed

    def _run(self, inputs: dict[str, np.ndarray]) -> Mapping[str, Any]:
        return dict(zip(OUTPUTS, self._session.run(OUTPUTS, inputs), strict=True))
