"""The predictor of version 0.1, for networks that were logged to MLflow then; see `fmask.utils.old_modules`."""

import numpy as np

from fmask.inference.keras_predictor import KerasPredictor
from fmask.structures.detections import Detections


class Detector(KerasPredictor):
    """A `KerasPredictor` under its old name, with its old method."""

    def detect(self, image: np.ndarray, most: int | None = None) -> Detections:
        """Detect the objects in one photo, uint8 (H, W, 3); `most` is the `max_mask_pixels` of `predict`."""
        return self.predict(image, max_mask_pixels=most)
