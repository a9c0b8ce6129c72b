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
NOT_COMPARED = {"fold", "threads", "keep_weights", "data.root", "onnx"}
"""Params in which the counterparts of a run on other folds may differ from it."""


@dataclass(frozen=True)
class Teacher:
    """A trained network that others learn from. Field names are keys of the artifact."""

    reference: str
    """The reference in `distill.teachers`."""
    run: str | None
    """Id of the run that trained it; None if its file does not name one."""
    path: str
    """The weight file."""
    sha256: str
    """SHA-256 of the file, in hexadecimal."""

    def __str__(self) -> str:
        return f"{self.run or self.reference} {self.sha256[:16]}"


def find_teachers(config: Config, dataset: Dataset) -> list[Teacher]:
    """Find the networks that `distill.teachers` lists, and download those of runs.

    With a fold, a run stands for its counterpart on that fold: the run of its study with the same settings and seed.

    Args:
        config: the configuration of the student.
        dataset: the student's photos.

    Raises:
        UserError: there is no such file, run, counterpart or model; it is not a weight file with metadata; it has other
            classes, or photos or masks of another size than the student; or its training photos include test photos of
            the student.
    """
    found = []
    for reference in config.distill.teachers:
        if tracking.is_run_reference(reference) and not Path(reference).exists():
            run = _counterpart(reference, tracking.find_run(reference), config, dataset)
            file = tracking.download_weights(f"runs:/{run.id}")
        else:
            file = find_model_file(reference)
        if file.suffix == ".onnx":
            raise UserError(f"distill.teachers: {reference} is an ONNX file; a teacher must be a run or a weight file.")
        _check(reference, read_metadata(file), config, dataset.classes)
        trained_by = read_run(file)
        if trained_by:
            _refuse_other_fold(reference, trained_by, config, dataset)
        found.append(Teacher(reference, trained_by, str(file), sha256_of(file)))
    return found


def recorded_teachers(run: tracking.RunInfo) -> list[Teacher]:
    """Find the teachers of a run that is resumed.

    Raises:
        UserError: the store cannot be used, or a teacher has changed or no longer exists.
    """
    found = []
    for recorded in tracking.read_json(run, TEACHERS_ARTIFACT) or []:
        then = Teacher(**recorded)
        file = Path(then.path)
        if not file.exists() and then.run:
            file = tracking.download_weights(f"runs:/{then.run}")
        if not file.exists() or sha256_of(file) != then.sha256:
            raise UserError(
                f"distill.teachers: {then.reference} ({then.path}) has other weights than when the run {run.id} was "
                "started, or none; restore them, or start a new run."
            )
        found.append(Teacher(then.reference, then.run, str(file), then.sha256))
    return found


def load_teachers(found: Sequence[Teacher], weight: float) -> Teachers:
    """Load the networks that `find_teachers` found."""
    return Teachers([load_keras(Path(teacher.path)).network for teacher in found], weight)


def _counterpart(reference: str, run: tracking.RunInfo, config: Config, dataset: Dataset) -> tracking.RunInfo:
    """Return the run of the same study, settings and seed on the student's fold."""
    if config.fold is None or _is_of_fold(run, config, dataset):
        return run

    def settings(of: tracking.RunInfo) -> dict[str, str]:
        return {key: value for key, value in of.params.items() if key not in NOT_COMPARED}

    for each in tracking.find_runs(run.experiment):  # newest first
        if each.status == "FINISHED" and settings(each) == settings(run) and _is_of_fold(each, config, dataset):
            return each
    raise UserError(
        f"distill.teachers: {reference} was trained with fold={run.params.get('fold', 'null')}, and its study "
        f"{run.experiment} has no finished run with its settings and fold={config.fold} of the same deal."
    )


def _refuse_other_fold(reference: str, run_id: str, config: Config, dataset: Dataset) -> None:
    """Refuse a file whose run had other folds, as far as the run is known: it may have seen the test photos."""
    try:
        run = tracking.find_run(run_id)
    except UserError:
        return  # a file from elsewhere
    there, here = (fold or "null" for fold in (run.params.get("fold"), config.fold))
    if not _is_of_fold(run, config, dataset):
        raise UserError(
            f"distill.teachers: {reference} was trained with fold={there}, perhaps on test photos of this run; it must "
            f"have fold={here} of the same deal."
        )


def _is_of_fold(run: tracking.RunInfo, config: Config, dataset: Dataset) -> bool:
    if config.fold is None:
        return run.params.get("fold", "null") == "null"
    deal = run.datasets.get("folds", "").rpartition("@")[2]
    return run.params.get("fold") == str(config.fold) and deal == dataset.digests()["folds"][:16]


def _check(reference: str, teacher: NetworkMetadata, config: Config, classes: Sequence[str]) -> None:
    if list(teacher.classes) != list(classes):
        raise UserError(
            f"distill.teachers: {reference} has the classes {', '.join(teacher.classes)}; it must have those of the "
            f"data, {', '.join(classes)}."
        )
    for key, there, here in (
        ("image_size", teacher.image_size, config.image_size),  # a teacher sees the student's crops
        ("regions.pool_mask", teacher.model.regions.pool_mask, config.regions.pool_mask),
    ):
        if there != here:
            raise UserError(f"distill.teachers: {reference} has {key}={there}; it must be {here}, as here.")
