"""A network exported to ONNX, run by ONNX Runtime: neither Keras nor TensorFlow is imported."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fmask.inference.predictor import NetworkPredictor
from fmask.model.weights import operating_point
from fmask.structures.classes import UNNAMED, check_classes
from fmask.structures.hierarchy import read_hierarchy
from fmask.utils.errors import UserError
from fmask.utils.processors import processors

IMAGE_SIZE, ANTIALIAS, ALIGN_CORNERS = "fmask.image_size", "fmask.antialias", "fmask.align_corners"
"""Keys in the metadata of the file; see `NetworkPredictor`."""
CLASSES, BACKBONE, SETTINGS, RUN, VERSION = (
    f"fmask.{name}" for name in ("classes", "backbone", "settings", "run", "version")
)
"""More keys, with a JSON list, a name, a JSON object, the id of an MLflow run, and a version of fmask."""
HIERARCHY = "fmask.hierarchy"
"""The key of the parents of the classes: a JSON object of parents and lists of their leaves. Files without parents lack
it."""
CONVENTIONS = {
    "fmask.inputs": "image: float32 (B, S, S, 3), RGB in 0..255, where S is fmask.image_size: the photo is scaled so "
    "that its longer side is S, and centred in a square of zeros. If fmask.antialias is True, shrinking averages "
    "pixels; else they are sampled bilinearly. window: float32 (B, 4), the box of the photo in the square, as below.",
    "fmask.boxes": "y1, x1, y2, x2 of the square, normalised: y1 / (S - 1), x1 / (S - 1), (y2 - 1) / (S - 1), "
    "(x2 - 1) / (S - 1), where y1, x1, y2, x2 are pixels with exclusive ends.",
    "fmask.class_ids": "1 + the position in fmask.classes; 0 where there is no detection. Scores are in 0..1, best "
    "first.",
    "fmask.masks": "(B, D, M, M), the probability of each cell of the detection's own box, stretched over the box with "
    "half-pixel centres; a pixel belongs to the object from 0.5 on.",
    "fmask.scores": "If the file has fmask.operating_point, thresholds of it are the lowest scores of each class that "
    "count, and 1 / (1 + exp(-(slope * log(score / (1 - score)) + intercept))) is the probability of being right.",
}
"""The meaning of the inputs and outputs, in words, which is part of the metadata."""
OLD_KEYS = {IMAGE_SIZE: "fmask.size", ANTIALIAS: "fmask.smooth"}
"""Keys in files of version 0.1."""
OUTPUTS = ("boxes", "class_ids", "scores", "masks")


class OnnxPredictor(NetworkPredictor):
    """A network in an ONNX file, which `fmask export` or a training wrote.

    Args:
        path: the file.
        threads: processor threads to use, 0 for all that this process may use.

    Raises:
        UserError: the file is missing, or fmask did not write it.
    """

    runtime = "onnx"

    def __init__(self, path: Path, threads: int = 0) -> None:
        self.threads = threads or processors()
        self._path = path
        try:
            self._session = _session(path, self.threads)
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
            metadata = self.metadata
            image_size, antialias = (metadata.get(key) or metadata[OLD_KEYS[key]] for key in (IMAGE_SIZE, ANTIALIAS))
            align_corners = metadata.get(ALIGN_CORNERS, "True")  # files of version 0.1 lack it
            classes = json.loads(metadata[CLASSES]) if CLASSES in metadata else UNNAMED
            check_classes(classes, CLASSES)
            hierarchy = read_hierarchy(json.loads(metadata.get(HIERARCHY, "{}")), classes, HIERARCHY)
            nms = json.loads(metadata[SETTINGS])["detection"]["nms"] if hierarchy else 1.0
            super().__init__(int(image_size), antialias == "True", align_corners == "True", classes, hierarchy, nms)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise UserError(f"{path} is not a network exported by fmask: {str(error).splitlines()[0]}.") from error
        self.operating_point = operating_point.from_text(metadata.get(operating_point.PROPERTY), self.classes, path)
        fixed = self._session.get_inputs()[0].shape[0]
        self._fixed = fixed if isinstance(fixed, int) else None
        shapes = {output.name: output.shape for output in self._session.get_outputs()}
        count = shapes["scores"][1]
        self._max_detections = count if isinstance(count, int) else None

    @property
    def batch_size(self) -> int:
        """Number of photos in a batch by default."""
        return self._fixed or 1

    @property
    def max_detections(self) -> int | None:
        """The most detections in a photo; None if the file does not say."""
        return self._max_detections

    @property
    def fixed_batch_size(self) -> int | None:
        """The batch size that the file was exported for; None if it accepts any."""
        return self._fixed

    def single_threaded(self) -> "OnnxPredictor":
        """Return a copy that computes in the calling thread."""
        if self.threads == 1:
            return self
        single = copy.copy(self)
        single.threads, single._session = 1, _session(self._path, 1)
        return single

    def _run(self, inputs: dict[str, np.ndarray]) -> Mapping[str, Any]:
        return dict(zip(OUTPUTS, self._session.run(OUTPUTS, inputs), strict=True))


def _session(path: Path, threads: int) -> Any:
    """Return an `onnxruntime.InferenceSession` of a file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    # Threads that wait actively took half of the CPU time, and slow down whatever else the machine does.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
