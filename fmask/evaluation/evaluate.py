"""One evaluation, from a model and annotated photos to scores in MLflow."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import track

from fmask import tracking
from fmask.data.config import SPLITS
from fmask.data.formats.read import find_export, read_file
from fmask.evaluation.report import log_scores, log_split, score, summary
from fmask.evaluation.scores import Scores
from fmask.inference.batched import predict_photos
from fmask.inference.load import find_model_file, load
from fmask.inference.predictor import Predictor
from fmask.structures.annotations import Split
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError
from fmask.utils.files import sha256_of


def evaluate(model: str, split: Split, min_confidence: float, console: Console) -> dict[float, Scores]:
    """Score the network `model` (see `find_model_file`) on a split; print the scores and log them to MLflow.

    Returns:
        The scores by the confidence from which detections count: `min_confidence`, 0.5 and 0.9.

    Raises:
        UserError: there is no such model, a photo cannot be decoded, or the tracking store cannot be used.
    """
    network = find_model_file(model)
    predictor = load(str(network))
    objects = sum(not region.ignore for photo in split.photos for region in photo.regions)
    told = [fault for fault in split.faults if not fault.is_note]
    faults = f"; {len(told)} faults in it, which `fmask check` lists" if told else ""
    console.print(f"{split.folder}: {len(split.photos)} photos, {objects} objects{faults}", soft_wrap=True)
    config = {
        "model": model,
        "weights": str(network),
        "weights_sha256": sha256_of(network),
        "data": str(split.folder),
        "min_confidence": min_confidence,
    }
    with tracking.start(config, tracking.EVALUATIONS, f"{model} on {split.name}") as run:
        console.print(f"run {run.id}: `mlflow ui` shows it at {run.uri}", highlight=False, soft_wrap=True)
        log_split(run, split.name, split.folder.resolve().parent.name, split.folder, split)
        found = _find(predictor, split)
        scores = score(split.photos, found, min_confidence)
        log_scores(run, split.name, split.photos, found, scores, min_confidence, plain=True)
        console.print(summary({split.name: scores}))
    return scores


def open_split(data: Path, name: str | None, photos: Path | None, categories: Mapping[str, str]) -> Split:
    """The annotated photos that a person points at.

    Args:
        data: a data set, with folders train, val and test; the folder of one split; or an annotation file.
        name: which split of a data set, test unless said; none of anything else.
        photos: the folder that an annotation file's names count from, where it is not the file's own.
        categories: that of `fmask.data.formats.coco.read_entries`.

    Raises:
        UserError: there is nothing of that kind, or no annotated photo in it.
    """
    splits = [split for split in SPLITS if (data / split).is_dir()]
    if splits:
        if (name or "test") not in splits:
            raise UserError(f"{data} has no split {name or 'test'}; it has {', '.join(splits)}.")
        data /= name or "test"
    elif name:
        raise UserError(f"{data} is no data set with splits, so --split {name} cannot be chosen.")
    file = find_export(data) if data.is_dir() or not data.exists() else data
    split = read_file(file, photos or file.parent, categories)
    if not any(not region.ignore for photo in split.photos for region in photo.regions):
        raise UserError(f"{file} has no annotated object in a photo that is there; there is nothing to be found.")
    return split


def _find(predictor: Predictor, split: Split) -> list[Detections]:
    """What is found in each of the split's photos."""
    console = Console(stderr=True)
    paths = [photo.path for photo in split.photos]
    found = predict_photos(predictor, paths)
    return list(track(found, "Photos", len(paths), console=console, disable=not console.is_terminal))
