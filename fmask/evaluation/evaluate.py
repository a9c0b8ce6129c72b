"""Evaluation of a model on annotated photos, with the scores in MLflow."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import track

from fmask import tracking
from fmask.data.config import ReadOptions
from fmask.data.formats.labels import classes_of, counted
from fmask.data.formats.names import how_to_map
from fmask.data.formats.read import check_photos, find_annotations, read_annotations
from fmask.data.open import describe_use
from fmask.data.splits import split_folders
from fmask.evaluation.operating_report import Scored, log_given
from fmask.evaluation.report import levels_of, log_split, score_levels, scores_tables
from fmask.evaluation.scores import Scores
from fmask.inference.batched import predict_encoded
from fmask.inference.limits import crowded, filled
from fmask.inference.load import load
from fmask.inference.predictor import Predictor
from fmask.structures.annotations import Split
from fmask.structures.detections import EncodedDetections
from fmask.utils.errors import UserError
from fmask.utils.files import sha256_of


def evaluate(
    networks: Mapping[str, Path],
    split: Split,
    min_confidence: float,
    console: Console,
    settings: Sequence[str] = (),
    options: ReadOptions | None = None,
    runtime: Literal["onnx", "keras"] | None = None,
    threads: int = 0,
    views: Sequence[str] = (),
) -> dict[float, Scores]:
    """Score a model on a split; print the scores and log them to MLflow.

    Args:
        networks: the name of the model, as it was given, and its file, as from `find_model_file`; several of them
            detect together.
        split: annotated photos, read with the classes of the model.
        min_confidence: confidence in [0, 1] at which scores are computed, in addition to 0.5 and 0.9.
        console: where the scores are printed.
        settings: settings of the network that a weight file of matterport's code lacks; see `load`.
        options: how the split's annotation file was read, which is logged; None for the defaults.
        runtime: what computes the network; see `load`.
        threads: processor threads to use, 0 for all.
        views: further views of each photo; see `load`.

    Returns:
        The scores, those at the leaves, by the lowest confidence of the detections that count.

    Raises:
        ValueError: the photos were read with other classes.
        UserError: the model cannot be loaded, a photo cannot be decoded, or the tracking store cannot be used.
    """
    predictor = load([str(network) for network in networks.values()], settings, runtime, threads, views)
    if split.classes != predictor.classes:
        raise ValueError(f"the photos have the classes {split.classes}, and the network {predictor.classes}")
    limit = predictor.max_detections
    faults = [fault for fault in split.faults if not fault.is_note]
    hint = f"; faults: {len(faults)}, listed by `fmask check`" if faults else ""
    counts = f"{split.objects} objects in {len(split.photos)} photos; {describe_use([split])}"
    console.print(f"{split.folder}: {counts}{hint}", soft_wrap=True)
    model = " and ".join(networks)
    config = {
        "model": model,
        "weights": ", ".join(map(str, networks.values())),
        "weights_sha256": ", ".join(map(sha256_of, networks.values())),
        **({"views": ", ".join(views)} if views else {}),
        "runtime": predictor.runtime,
        "data": {"name": str(split.folder), **asdict(options or ReadOptions())},
        "min_confidence": min_confidence,
        **({"settings": " ".join(settings)} if settings else {}),
    }
    with tracking.start_run(config, tracking.EVALUATIONS, f"{model} on {split.name}") as run:
        console.print(f"run {run.id}: start `mlflow ui` and open {run.uri}", highlight=False, soft_wrap=True)
        log_split(run, split.name, split.folder.resolve().parent.name, split.folder, split)
        detections = _detect(predictor, split)
        for note in (limit and crowded(split, limit), filled([len(found) for found in detections], predictor)):
            if note:
                console.print(note, highlight=False, soft_wrap=True)
        levels = levels_of(split.name, split, detections, predictor.nms)
        scores = score_levels(run, levels, min_confidence, main_split=True)
        console.print(*scores_tables(scores))
        if predictor.operating_point:
            scored = Scored.of(split, detections, scores[split.name])
            console.print(*log_given(run, predictor.operating_point, split.name, scored))
    return scores[split.name]


def open_split(data: Path, name: str | None, photos: Path | None, options: ReadOptions | None = None) -> Split:
    """Open annotated photos.

    Args:
        data: a data set (see `split_folders`), the folder of one split, or an annotation file.
        name: the split of a data set; None selects test. It must be None if `data` is not a data set.
        photos: the folder that photo names in an annotation file are relative to; None for the file's own folder.
        options: how the annotation file is read; None for the defaults. If it has classes, those of a network, the
            file must not have others.

    Raises:
        UserError: `data` does not exist, the split does not exist, no photo has an annotated object, or there are
            objects of other classes.
    """
    splits = split_folders(data)
    if splits:
        if (name or "test") not in splits:
            raise UserError(f"{data} has no split {name or 'test'}; it has {', '.join(splits)}.")
        data = splits[name or "test"]
    elif name:
        raise UserError(f"{data} is not a data set with splits; remove --split {name}.")
    file = find_annotations(data) if data.is_dir() or not data.exists() else data
    found = read_annotations(file, photos or (data if data.is_dir() else file.parent), options)
    classes = found.options.classes or classes_of([found])
    if unknown := found.unknown_labels(classes):
        raise UserError(
            f"{file} has objects of classes that the network lacks: {counted(unknown)}; use a network that "
            f"knows them, or map each to one of the network's classes "
            f"{', '.join((*classes, *found.options.hierarchy))}, "
            f"{how_to_map(min(unknown), classes[0])}."
        )
    split = check_photos(found, classes)
    if not split.objects:
        raise UserError(f"{file} has no annotated objects in existing photos; evaluation needs at least one.")
    return split


def _detect(predictor: Predictor, split: Split) -> list[EncodedDetections]:
    """Return the detections in each photo of the split, with a progress bar on a terminal."""
    console = Console(stderr=True)
    paths = [photo.path for photo in split.photos]
    detections = predict_encoded(predictor, paths)
    return list(track(detections, "Photos", len(paths), console=console, disable=not console.is_terminal))
