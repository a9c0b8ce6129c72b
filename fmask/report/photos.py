"""The test photos of a run, looked at again by its network.

What a network found is not logged, so its weights are fetched and it is run once more. That needs the photos to be
where they were, with the same contents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from fmask import tracking
from fmask.data.config import photos_root
from fmask.data.dataset import digest
from fmask.data.formats.read import read_split
from fmask.inference.batched import predict_photos
from fmask.structures.annotations import Photo, Split
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError


@dataclass(frozen=True)
class Seen:
    """The photos, and what the network finds in each."""

    photos: Sequence[Photo]
    detections: Sequence[Detections]


class NotSeen(Exception):  # noqa: N818 - a page goes without
    """The photos cannot be shown; why, in one sentence."""


def look_again(run: tracking.RunInfo, console: Console) -> Seen:
    """Detect in the run's test photos with its last weights, under a progress bar.

    Raises:
        NotSeen: the photos are gone or others, or the run left no weights.
        UserError: the store cannot be used.
    """
    photos = _find_split(run).photos
    weights = tracking.download(run, tracking.WEIGHTS_ARTIFACT)
    if weights is None:
        raise NotSeen(f"The run left no {tracking.WEIGHTS_ARTIFACT}.")
    from fmask.inference import load

    try:
        predictor = load.load(str(weights))
    except UserError as error:
        raise NotSeen(str(error)) from error
    found = predict_photos(predictor, [photo.path for photo in photos])
    shown = track(found, "test photos", len(photos), console=console, transient=True, disable=not console.is_terminal)
    return Seen(photos, list(shown))


def _find_split(run: tracking.RunInfo) -> Split:
    """The test photos, where they were or where photos are installed now."""
    if "test" not in run.datasets:
        raise NotSeen("The run did not say which photos it was tested on.")
    name, _, expected = run.datasets["test"].partition("@")
    root = tracking.read_folders(run)["test"]
    installed = photos_root() if name == "photos" else None
    others = []
    for folder in dict.fromkeys(each / "test" for each in (root, installed) if each):
        if folder.is_dir() and (split := _read(folder)):
            if digest(split).startswith(expected):
                return split
            others.append(folder)
    if not others:
        raise NotSeen(f"There are no photos in {root / 'test'} any more.")
    raise NotSeen(f"The photos or annotations in {others[0]} are others than those that the run was tested on.")


def _read(folder: Path) -> Split | None:
    try:
        return read_split(folder)
    except UserError:
        return None
