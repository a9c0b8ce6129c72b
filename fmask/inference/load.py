"""Loading of a trained network from a file, an MLflow run or the model registry."""

from pathlib import Path
from typing import TYPE_CHECKING

from fmask import tracking
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from fmask.inference.predictor import Predictor

KINDS = "a weight file (.h5), a run's id, latest, best, or models:/NAME/VERSION"
"""The references that `load` accepts, for help texts and messages."""


def find_model_file(reference: str) -> Path:
    """Return the file of a trained network, downloaded from MLflow if necessary.

    Args:
        reference: a file; the id of an MLflow run, with or without `runs:/`; `latest`, the newest finished run; `best`,
            the finished run with the highest validation mask AP50; `models:/NAME/VERSION` or `models:/NAME@ALIAS`, a
            registered model.

    Raises:
        UserError: there is no such file, run or model.
    """
    if reference.startswith("models:/"):
        return tracking.download_model(reference)
    path = Path(reference)
    if path.is_file():
        return path
    if path.is_dir() or path.suffix or (path.name != reference and not reference.startswith("runs:/")):
        raise UserError(f"{reference or repr(reference)}: there is no such weight file; a model is {KINDS}.")
    return tracking.download_weights(reference)


def load(reference: str) -> "Predictor":
    """Load a trained network.

    For a file of `fmask export`, which ends in .onnx, neither Keras nor TensorFlow is imported.

    Args:
        reference: a file, a run or a registered model; see `find_model_file`.

    Raises:
        UserError: there is no such file, run or model, or its file is damaged.
    """
    file = find_model_file(reference)
    if file.suffix == ".onnx":
        from fmask.inference.onnx import OnnxPredictor

        return OnnxPredictor(file)
    import fmask.utils.backend  # noqa: F401 - before Keras, to keep its loading quiet
    from fmask.inference.keras_predictor import KerasPredictor

    return KerasPredictor.load(file)
