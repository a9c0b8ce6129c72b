"""Predict photos of a run again.

Runs log no detections. The page and the diagnosis of a run therefore load its weights and predict the photos again. The
photos must still be where they were, with the same contents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from omegaconf import OmegaConf
from rich.console import Console
from rich.progress import track

from fmask import tracking
from fmask.data.config import Data, ReadOptions, photos_root
from fmask.data.dataset import Dataset, digest, read_dataset
from fmask.data.folds import Deal, fold_dataset
from fmask.data.formats.names import NoSuchCategory
from fmask.data.formats.read import read_split
from fmask.data.splits import split_folders
from fmask.inference.batched import predict_encoded
from fmask.structures.annotations import Photo, Split
from fmask.structures.detections import EncodedDetections
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from fmask.inference.predictor import Predictor


@dataclass(frozen=True)
class PredictedPhotos:
    """Photos and their detections."""

    photos: Sequence[Photo]
    detections: Sequence[EncodedDetections]
    image_size: int
    """Side in pixels of the network's square input."""


class PhotosUnavailable(Exception):  # noqa: N818 - not an error: the page is written without photos
    """The reason why the photos cannot be predicted again, in one sentence."""


def predict_again(
    run: tracking.RunInfo,
    console: Console,
    split: str = "test",
    runtime: Literal["onnx", "keras"] | None = "keras",
    threads: int = 0,
) -> PredictedPhotos:
    """Predict the photos of a run with its last weights, with a progress bar.

    Args:
        run: the run.
        console: where the progress bar is drawn.
        split: val or test.
        runtime: what computes the network; see `fmask.inference.load.load`. By default, what computed the scores of the
            run.
        threads: processor threads to use, 0 for all.

    Raises:
        PhotosUnavailable: the photos do not exist or have changed, or the run has no weights.
        UserError: the MLflow store cannot be used.
    """
    photos = find_split(run, split).photos
    predictor = load_network(run, runtime, threads)
    return PredictedPhotos(photos, predict_photos(predictor, photos, split, console), predictor.image_size)


def load_network(run: tracking.RunInfo, runtime: Literal["onnx", "keras"] | None, threads: int) -> "Predictor":
    """Load the last weights of a run.

    Args:
        run: the run.
        runtime: what computes the network; see `fmask.inference.load.load`.
        threads: processor threads to use, 0 for all.

    Raises:
        PhotosUnavailable: the run has no weights, or they cannot be loaded.
    """
    weights = tracking.download(run, tracking.WEIGHTS_ARTIFACT)
    if weights is None:
        kept_none = run.params.get("keep_weights") == "none"
        raise PhotosUnavailable(
            "The run kept no weights (keep_weights=none)."
            if kept_none
            else f"The run has no {tracking.WEIGHTS_ARTIFACT}."
        )
    from fmask.inference import load

    try:
        return load.load(str(weights), runtime=runtime, threads=threads)
    except UserError as error:
        raise PhotosUnavailable(str(error)) from error


def predict_photos(
    predictor: "Predictor", photos: Sequence[Photo], name: str, console: Console
) -> list[EncodedDetections]:
    """Predict photos with a progress bar; `name` says which photos they are."""
    found = predict_encoded(predictor, [photo.path for photo in photos])
    hidden = not console.is_terminal
    return list(track(found, f"{name} photos", len(photos), console=console, transient=True, disable=hidden))


class Folded:
    """Data sets with their folds, so that several runs on the same folds deal them once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, str], tuple[Dataset, Deal]] = {}

    def open(self, root: Path, data: Data, fold: int) -> Dataset:
        """Return the data set of the run of one fold; see `fold_dataset`.

        Args:
            root: the folder of the data set.
            data: the settings `data.*` of the run.
            fold: number of the fold.

        Raises:
            UserError: the data set cannot be read or dealt.
        """
        key = root, repr(data)
        dataset, dealt = self._known.get(key) or (
            read_dataset(root, data.name, ReadOptions.from_settings(vars(data))),
            None,
        )
        found = fold_dataset(dataset, data, fold, dealt)
        assert found.deal is not None
        self._known[key] = dataset, found.deal
        return found


def find_split(run: tracking.RunInfo, name_of_split: str, folded: Folded | None = None) -> Split:
    """Find the photos of a split: in their folder, or where the published photos are installed now.

    Args:
        run: the run.
        name_of_split: train, val or test.
        folded: keeps the folds of this run for further runs; None deals them for this call alone.

    Raises:
        PhotosUnavailable: the photos do not exist or have changed.
    """
    if name_of_split not in run.datasets:
        raise PhotosUnavailable(f"The run did not log its {name_of_split} photos.")
    name, _, expected = run.datasets[name_of_split].partition("@")
    root = tracking.read_data_folders(run)[name_of_split]
    installed = photos_root() if name == "photos" else None
    options, others = _read_options(run), []
    if "folds" in run.datasets:
        roots = [each for each in (root, installed) if each]
        return _find_fold(run, name_of_split, roots, folded or Folded())
    for each in dict.fromkeys(filter(None, (root, installed))):
        folder = split_folders(each).get(name_of_split)
        if folder and (split := _read(folder, options)):
            if digest(split).startswith(expected):
                return split
            others.append(folder)
    if not others:
        raise PhotosUnavailable(f"The folder {root / name_of_split} has no photos any more.")
    raise PhotosUnavailable(f"The photos or annotations in {others[0]} differ from those that the run was scored on.")


def _find_fold(run: tracking.RunInfo, name_of_split: str, roots: Sequence[Path], folded: Folded) -> Split:
    """Find the photos of a run with a fold, by dealing the photos again."""
    file = tracking.download(run, "config.yaml")
    if file is None:
        raise PhotosUnavailable("The run did not log the settings that its folds were dealt with.")
    recorded = OmegaConf.load(file)
    data = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Data), recorded.data))
    assert isinstance(data, Data)
    reason = f"The photos in {roots[0]} differ from those that the run's folds were dealt from."
    for root in roots:
        try:
            found = folded.open(root, data, recorded.fold).splits[name_of_split]
        except UserError as error:
            reason = str(error) if root == roots[0] else reason
            continue
        if digest(found).startswith(run.datasets[name_of_split].partition("@")[2]):
            return found
    raise PhotosUnavailable(reason)


def _read_options(run: tracking.RunInfo) -> ReadOptions:
    """Return the options with which the run read its annotation files."""
    file = tracking.download(run, "config.yaml")
    data = OmegaConf.select(OmegaConf.load(file), "data") if file else None
    return ReadOptions.from_settings(data if isinstance(data, Mapping) else {})


def _read(folder: Path, options: ReadOptions) -> Split | None:
    try:
        try:
            return read_split(folder, options)
        except NoSuchCategory as refusal:  # the test photos lack a class that the other splits have
            return read_split(folder, options.without(refusal.names))
    except UserError:
        return None
