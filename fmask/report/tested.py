"""Photos that runs were not trained on, their val and test photos, and what the networks of the runs detect in them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from rich.console import Console

from fmask import tracking
from fmask.data.dataset import photo_digest
from fmask.report.photos import Folded, PhotosUnavailable, find_split, load_network, predict_photos
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from fmask.utils.errors import UserError

SPLITS = ("val", "test")
"""The splits that no network is trained on."""


@dataclass(frozen=True)
class TestedPhotos:
    """Photos with the detections of networks that were not trained on them."""

    __test__ = False  # pytest would collect it by its name

    photos: Sequence[Photo]
    """Each photo once, named by its path below `root`."""
    folders: Sequence[Path]
    """The folder of each photo's annotations."""
    root: Path
    """A folder above all `folders`."""
    tests: Sequence[tuple[int, EncodedDetections]]
    """For each network and photo, the index of the photo, and its detections of any score."""
    runs: int
    """Number of networks."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the networks."""
        return self.tests[0][1].classes


def test_runs(
    runs: Sequence[tracking.RunInfo], console: Console, runtime: Literal["onnx", "keras"] | None, threads: int
) -> TestedPhotos:
    """Predict the val and test photos of runs. A photo of several runs is listed once, with the detections of each.

    Args:
        runs: finished trainings, at least one. Those without weights or photos are left out with a note.
        console: where progress and notes are printed.
        runtime: what computes the networks; see `fmask.inference.load.load`.
        threads: processor threads to use, 0 for all.

    Raises:
        UserError: no run can be used, or runs differ in their annotations of a photo or in their classes.
    """
    photos: list[Photo] = []
    folders: list[Path] = []
    tests: list[tuple[int, EncodedDetections]] = []
    known: dict[Path, tuple[int, bytes, tracking.RunInfo]] = {}
    used, reason, folded = 0, None, Folded()
    for run in runs:
        try:
            logged = [name for name in SPLITS if name in run.datasets] or SPLITS
            splits = [find_split(run, name, folded) for name in logged]
            predictor = load_network(run, runtime, threads)
        except PhotosUnavailable as unavailable:
            reason = f"{run.id[:8]} ({run.name}) is left out: {unavailable}"
            console.print(reason, markup=False, highlight=False, soft_wrap=True)
            continue
        used += 1
        for split in splits:
            found = predict_photos(predictor, split.photos, f"run {used} of {len(runs)}: {split.name}", console)
            for read, detections in zip(split.photos, found, strict=True):
                if tests and detections.classes != tests[0][1].classes:
                    raise UserError(
                        f"The run {run.id} has the classes {', '.join(detections.classes)}, and others have "
                        f"{', '.join(tests[0][1].classes)}; give runs with the same classes."
                    )
                photo = replace(read, path=read.path.absolute())
                digest = photo_digest(photo)
                place, other, first = known.setdefault(photo.path.resolve(), (len(photos), digest, run))
                if digest != other:
                    raise UserError(
                        f"{photo.path} has other annotations in the run {run.id} than in {first.id}; give runs of the "
                        "same annotations."
                    )
                if place == len(photos):
                    photos.append(photo)
                    folders.append(_folder(photo, is_fold="folds" in run.datasets))
                tests.append((place, detections))
    if not used:
        raise UserError(reason or "There are no runs to use.")
    root = Path(os.path.commonpath({*folders, *(folder.parent for folder in folders)}))
    named = [replace(photo, listed=photo.path.relative_to(root).as_posix()) for photo in photos]
    return TestedPhotos(named, folders, root, tests, used)


def _folder(photo: Photo, is_fold: bool) -> Path:
    """Return the folder that a photo's annotation file is in.

    Args:
        photo: the photo; its name is relative to the folder.
        is_fold: whether the name begins with that of the folder of a split, as in folds.
    """
    parts = PurePosixPath(photo.name).parts
    return photo.path.parents[len(parts) - 1 - is_fold]
