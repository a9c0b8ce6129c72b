"""The trained networks that a training learns from, with their content hashes; found before a run is opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fmask import tracking
from fmask.config.schema import Config
from fmask.data.dataset import Dataset
from fmask.inference.load import find_model_file, load_keras
from fmask.model.distillation import Teachers
from fmask.model.weights.metadata import NetworkMetadata, read_metadata, read_run
from fmask.utils.errors import UserError
from fmask.utils.files import sha256_of

TEACHERS_ARTIFACT = "weights/teachers.json"
"""Artifact of a run that records its teachers."""


@dataclass(frozen=True)
class Teacher:
    """A trained network that others learn from. Field names are keys of the artifact."""

    reference: str
    """The reference in `distill.teachers`."""
    path: str
    """The weight file."""
    sha256: str
    """SHA-256 of the file, in hexadecimal."""

    def __str__(self) -> str:
        return f"{self.reference} {self.sha256[:16]}"


def find_teachers(config: Config, dataset: Dataset) -> list[Teacher]:
    """Find the networks that `distill.teachers` lists, and download those of runs.

    Args:
        config: the configuration of the student.
        dataset: the student's photos.

    Raises:
        UserError: there is no such file, run or model; it is not a weight file with metadata; it has other classes or
            another size of masks than the student; or it was trained on another fold, and so on the test photos.
    """
    found = []
    for reference in config.distill.teachers:
        file = find_model_file(reference)
        if file.suffix == ".onnx":
            raise UserError(f"distill.teachers: {reference} is an ONNX file; a teacher must be a run or a weight file.")
        _check(reference, read_metadata(file), config, dataset.classes)
        _refuse_other_fold(reference, file, config, dataset)
        found.append(Teacher(reference, str(file), sha256_of(file)))
    return found


def load_teachers(found: Sequence[Teacher], weight: float) -> Teachers:
    """Load the networks that `find_teachers` found."""
    return Teachers([load_keras(Path(teacher.path)).network for teacher in found], weight)


def refuse_other_teachers(run: tracking.RunInfo, found: Sequence[Teacher]) -> None:
    """Check that a run to be resumed has the same teachers as at its start.

    Raises:
        UserError: a teacher has changed.
    """
    recorded = tracking.read_json(run, TEACHERS_ARTIFACT) or []
    for then, now in zip(recorded, found, strict=False):
        if then["sha256"] != now.sha256:
            raise UserError(
                f"distill.teachers: {now.reference} has other weights than when the run {run.id} was started; restore "
                "them, or start a new run."
            )


def _check(reference: str, teacher: NetworkMetadata, config: Config, classes: Sequence[str]) -> None:
    if list(teacher.classes) != list(classes):
        raise UserError(
            f"distill.teachers: {reference} has the classes {', '.join(teacher.classes)}; it must have those of the "
            f"data, {', '.join(classes)}."
        )
    there, here = teacher.model.regions.pool_mask, config.regions.pool_mask
    if there != here:
        raise UserError(f"distill.teachers: {reference} has regions.pool_mask={there}; it must be {here}, as here.")


def _refuse_other_fold(reference: str, file: Path, config: Config, dataset: Dataset) -> None:
    """Refuse a teacher that was trained on another fold, as far as its run is known."""
    try:
        run = tracking.find_run(read_run(file) or "")
    except UserError:
        return  # a file from elsewhere
    there, here = run.params.get("fold", "null"), "null" if config.fold is None else str(config.fold)
    deal = run.datasets.get("folds", "").rpartition("@")[2]
    if there != here or (config.fold and deal != dataset.digests()["folds"][:16]):
        raise UserError(
            f"distill.teachers: {reference} was trained with fold={there}, perhaps on test photos of this run; it must "
            f"have fold={here} of the same deal."
        )
