"""Loading of a trained network from a file, an MLflow run or the model registry."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fmask import tracking
from fmask.model.weights.exported import exported_file
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from fmask.inference.keras_predictor import KerasPredictor
    from fmask.inference.predictor import Predictor

KINDS = (
    "a weight file (.h5), a run's id or its first characters, the output folder of a run, latest, best, or "
    "models:/NAME/VERSION"
)
"""The references that `load` accepts, for help texts and messages."""

RUNTIMES = ("onnx", "keras")
"""The runtimes that `load` accepts."""


def find_model_file(reference: str) -> Path:
    """Return the file of a trained network, downloaded from MLflow if necessary.

    Args:
        reference: a file; the id of an MLflow run, with or without `runs:/`; the output folder of a run; `latest`, the
            newest finished run; `best`, the finished run with the highest validation mask AP50; `models:/NAME/VERSION`
            or `models:/NAME@ALIAS`, a registered model.

    Raises:
        UserError: there is no such file, run or model.
    """
    if reference.startswith("models:/"):
        return tracking.download_model(reference)
    path = Path(reference)
    if path.is_file():
        return path
    if (path / "last.h5").is_file():
        return path / "last.h5"
    if tracking.is_run_reference(reference):  # also if a folder has this name, such as that of an earlier output
        return tracking.download_weights(reference)
    if path.is_dir() or path.suffix or path.name != reference:
        raise UserError(f"{reference or repr(reference)}: there is no such weight file; a model is {KINDS}.")
    return tracking.download_weights(reference)


def load(
    reference: str | Sequence[str],
    settings: Sequence[str] = (),
    runtime: Literal["onnx", "keras"] | None = None,
    threads: int = 0,
    views: Sequence[str] = (),
) -> "Predictor":
    """Load a trained network, or several that detect together.

    A network runs on ONNX Runtime if its file is an ONNX file, or if a file that was exported from exactly these
    weights lies beside it, as for each finished run: `last.onnx` beside `last.h5`. Then neither Keras nor TensorFlow is
    imported. It computes in float32, whatever the precision in training.

    Args:
        reference: a file, a run or a registered model; see `find_model_file`. A list of them makes an ensemble: each
            network detects in each photo, and what they find is fused; see `fmask.inference.fusion`.
        settings: for a weight file of matterport's own code, the settings of its network that differ from those of
            `recipe=report`, as overrides such as `["backbone=resnet101", "image_size=1024"]`; `["recipe=report"]` if
            none do. Other files contain their settings.
        runtime: `onnx` or `keras`; by default `onnx` if the network has an ONNX file, else `keras`.
        threads: processor threads to use, 0 for all. With `keras`, they are those of the whole process, and must be set
            before its first computation.
        views: views of each photo that the networks are shown in addition, `mirrored` or `smaller`; what is found in
            them is fused too. Each view takes as long as the photo itself.

    Raises:
        UserError: there is no such file, run, model or view, a file is damaged, the settings do not fit the file, the
            network does not run on `runtime`, or the networks have different classes.
    """
    if runtime not in (None, *RUNTIMES):
        raise UserError(f"There is no runtime {runtime!r}; the runtimes are {', '.join(RUNTIMES)}.")
    if threads < 0:
        raise UserError(f"threads must be at least 0, not {threads}.")
    references = [reference] if isinstance(reference, str) else list(reference)
    members = [_load_one(each, settings, runtime, threads) for each in references]
    if len(members) == 1 and not views:
        return members[0]
    from fmask.inference.ensemble import Ensemble

    return Ensemble(members, views)


def _load_one(
    reference: str, settings: Sequence[str], runtime: Literal["onnx", "keras"] | None, threads: int
) -> "Predictor":
    file = find_model_file(reference)
    if file.suffix == ".onnx":
        if settings:
            raise UserError(f"{file} contains the settings of its network; remove --set {settings[0]}.")
        if runtime == "keras":
            raise UserError(f"{file} runs on ONNX Runtime only; --runtime keras needs a weight file (.h5).")
        return _load_onnx(file, threads)
    if runtime != "keras" and not settings and (exported := exported_file(file)):
        return _load_onnx(exported, threads)
    if runtime == "onnx":
        raise UserError(
            f"{file} has no ONNX file that was exported from these weights; "
            f"`fmask export {reference} {file.with_suffix('.onnx')}` writes one."
        )
    return load_keras(file, settings, threads)


def load_keras(file: Path, settings: Sequence[str] = (), threads: int = 0) -> "KerasPredictor":
    """Load a network from a weight file; see `load`."""
    from fmask.inference.stated import stated_network

    stated = stated_network(file, settings)  # before Keras is imported, which takes seconds
    from fmask.utils.backend import use_threads  # before Keras, to keep its loading quiet

    use_threads(threads)
    from fmask.inference.keras_predictor import KerasPredictor

    return KerasPredictor.load(file, stated)


def _load_onnx(file: Path, threads: int) -> "Predictor":
    from fmask.inference.onnx import OnnxPredictor

    return OnnxPredictor(file, threads)
