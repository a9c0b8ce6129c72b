"""Find and segment worn face masks and hats with a Keras 3 Mask R-CNN.

    import fmask

    model = fmask.load("best")              # a run, a registered model or a file
    found = model.predict("street.jpg")     # boxes, labels, scores, masks
    found.plot("street.jpg")
    run = fmask.train(["aug=fliplr_clahe", "steps=50"])

`import fmask` is quick: what a name stands for is imported when the name is first used.
"""

import os
import sys
from importlib import import_module
from typing import Any

from fmask.utils import old_modules

__version__ = "0.2.0"

# `__init__.pyi` says the same to type checkers.
_HOMES = {
    "Dataset": "fmask.data.dataset",
    "Detections": "fmask.structures.detections",
    "MaskRCNN": "fmask.model.mask_rcnn",
    "ModelConfig": "fmask.model.config",
    "Predictor": "fmask.inference.predictor",
    "UserError": "fmask.utils.errors",
    "load": "fmask.inference.load",
    "read_dataset": "fmask.data.dataset",
    "train": "fmask.training.train",
}
__all__ = ["__version__", *_HOMES]

# Keras and TensorFlow read these when they are first imported. TensorFlow enables oneDNN by itself only on processors
# with AVX-512, but its convolutions are faster on other processors too.
if "keras" in sys.modules:
    os.environ["KERAS_BACKEND"] = sys.modules["keras"].config.backend()
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

old_modules.install()


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fmask' has no attribute {name!r}")
    if name in ("MaskRCNN", "train"):
        import_module("fmask.utils.backend")  # imports Keras without TensorFlow's messages
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
