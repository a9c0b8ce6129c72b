"""Loading of a trained network from a file, an MLflow run or the model registry."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fmask import tracking
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from fmask.inference.keras_predictor import KerasPredictor
    from fmask.inference.predictor import Predictor

KINDS = "a weight file (.h5), a run's id or its first characters, latest, best, or models:/NAME/VERSION"
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


def load(reference: str, settings: Sequence[str] = ()) -> "Predictor":
    """Load a trained network.

    For a file of `fmask export`, which ends in .onnx, neither Keras nor TensorFlow is imported.

    Args:
        reference: a file, a run or a registered model; see `find_model_file`.
        settings: for a weight file of matterport's own code, the settings of its network that differ from those of
            `recipe=report`, as overrides such as `["backbone=resnet101", "image_size=1024"]`; `["recipe=report"]` if
            none do. Other files contain their settings.

    Raises:
        UserError: there is no such file, run or model, its file is damaged, or the settings do not fit the file.
    """
    file = find_model_file(reference)
    if file.suffix != ".onnx":
        return load_keras(file, settings)
    if settings:
        raise UserError(f"{file} contains the settings of its network; remove --set {settings[0]}.")
    from fmask.inference.onnx import OnnxPredictor

    return OnnxPredictor(file)


def load_keras(file: Path, settings: Sequence[str] = ()) -> "KerasPredictor":
    """Load a network from a weight file; see `load`."""
    from fmask.inference.stated import stated_network

    stated = stated_network(file, settings)  # before Keras is imported, which takes seconds
    import fmask.utils.backend  # noqa: F401 - before Keras, to keep its loading quiet
    from fmask.inference.keras_predictor import KerasPredictor

    return KerasPredictor.load(file, stated)
