"""A network that was exported to ONNX, pointed at photos by ONNX Runtime: no Keras, no TensorFlow."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmask.model.preprocessing import in_frames
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError

SIZE, SMOOTH = "fmask.size", "fmask.smooth"
"""Names, in the file's metadata, of the frame's side and of whether photos are averaged into it."""
OUTPUTS = ("boxes", "class_ids", "scores", "masks")


class OnnxDetector:
    """What `Detector` is, for a file of `fmask export`.

    Args:
        path: the file.
        threads: how many of the processor's to use, 0 for all.

    Raises:
        UserError: the file is not there or not one of those, or ONNX Runtime is not installed.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise UserError(
                f"{path} needs ONNX Runtime, which is not installed: `uv sync --extra export` does that."
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            facts = self._session.get_modelmeta().custom_metadata_map
            self.size, self.smooth = int(facts[SIZE]), facts[SMOOTH] == "True"
        except Exception as error:  # ONNX Runtime's are of no common kind
            raise UserError(f"{path} is no network exported by fmask: {str(error).splitlines()[0]}.") from error
        fixed = self._session.get_inputs()[0].shape[0]
        self._fixed = fixed if isinstance(fixed, int) else None

    @property
    def batch(self) -> int:
        """How many photos go through the network together, unless `detect_all` is told another number."""
        return self._fixed or 1

    def detect(self, image: np.ndarray) -> Detections:
        """Finds the instances in one photo, uint8 (H, W, 3), RGB."""
        return self.detect_all([image])[0]

    def detect_all(self, images: Sequence[np.ndarray], batch: int | None = None) -> list[Detections]:
        """Finds the instances in photos, each uint8 (H, W, 3), RGB, of its own size.

        `batch` photos go through the network together where the file was not exported for a number of its own.
        """
        return in_frames(images, self.size, self.smooth, self._fixed or batch or self.batch, self._run)

    def _run(self, inputs: dict[str, np.ndarray]) -> Mapping[str, Any]:
        return dict(zip(OUTPUTS, self._session.run(OUTPUTS, inputs), strict=True))
