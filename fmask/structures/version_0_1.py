"""The contents of version 0.1's module of detections, for networks that were logged to MLflow then.

See `fmask.utils.old_modules`.
"""

from fmask.structures.classes import UNNAMED as CLASS_NAMES
from fmask.structures.detections import Detections

__all__ = ["CLASS_NAMES", "Detections"]
