"""One run, from configuration to scores."""

import time
from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from fmask import tracking
from fmask.backend import JIT
from fmask.callbacks import EpochLog, Progress
from fmask.config import Config
from fmask.data import augment
from fmask.data.photos import Dataset, digest
from fmask.data.samples import Batches, Sample, load_samples
from fmask.data.via import CLASS_NAMES, load_image
from fmask.datasets import describe, open_dataset
from fmask.detections import Detections
from fmask.evaluation import figures, sheets
from fmask.evaluation.evaluate import Scores, evaluate
from fmask.model.config import ModelConfig
from fmask.model.detector import Detector
from fmask.model.imagenet import load_imagenet
from fmask.model.layers import train_only
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights import load as load_weights
from fmask.optimizers import build_optimizer
from fmask.pretrained import find_weights
from fmask.sweeping import pruning

THRESHOLDS = (0.5, 0.9)
"""Confidences that every run is scored at, beside its own `min_confidence`."""


@dataclass(frozen=True)
class Result:
    """What is left of a run."""

    run_id: str
    scores: dict[str, dict[float, Scores]]
    """By split, val and test, and by the confidence from which detections count."""


def train(config: Config, output_dir: Path, console: Console | None = None) -> Result:
    """Trains a Mask R-CNN as `config` says and scores it on val and test; everything is logged to MLflow.

    Raises:
        UserError: the data or the tracking store cannot be used.
    """
    console = console or Console()
    dataset = open_dataset(config.data)
    console.print(describe(dataset), highlight=False, soft_wrap=True)
    keras.utils.set_random_seed(config.seed)
    use_threads(config.threads)

    with tracking.start(asdict(config), config.study, _name(config), output_dir=output_dir) as run:
        console.print(f"run {run.id}: `mlflow ui` shows it at {run.uri}", highlight=False, soft_wrap=True)
        _log_data(run, dataset)
        network = MaskRCNN(config.backbone.name, model_config(config), config.seed)
        _start_from(network, config, run, console)
        detector = Detector(network, config.fit, config.smooth)
        history = fit(network, detector, config, dataset, run, output_dir, console)

        detector.save(output_dir / "last.h5")
        scores = {}
        for split in ("val", "test"):
            found = detect(detector, dataset, split)
            scores[split] = score(dataset, split, found, config.min_confidence)
            _log_scores(run, dataset, split, found, scores[split], config.min_confidence)
            if config.schedule.parts:
                _log_part(run, list(config.schedule.parts)[-1], split, scores[split], config.min_confidence)
        run.log_figure(figures.loss_curves(history), "figures/losses.png")
        for name in ("last", "best"):
            run.log_file(output_dir / f"{name}.h5", "weights")
        run.log_model(output_dir / "last.h5")
        console.print(summary(scores))
    return Result(run.id, scores)


def use_threads(count: int) -> None:
    """Lets the network use `count` processor threads, 0 for all; only before it has computed anything."""
    if count and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)


def fit(
    network: MaskRCNN,
    detector: Detector,
    config: Config,
    dataset: Dataset,
    run: tracking.Run,
    output_dir: Path,
    console: Console,
) -> dict[str, list[float]]:
    """Trains the parts of the schedule, one after the other, by Keras' `fit`.

    Returns:
        Each loss by epoch, over all parts; `val_` before the name of a validation loss.
    """
    photos = {name: dataset.splits[name].photos for name in ("train", "val")}
    # Zoomed views keep detail that a photo shrunk to fit would have lost.
    keep = round(config.fit * (1 + config.jitter.scale))
    samples = {
        "train": load_samples(photos["train"], keep, config.smooth),
        "val": load_samples(photos["val"], config.fit, config.smooth),
    }
    log = EpochLog(run, detector, photos["val"], config.batch, config.score_every, output_dir / "best.h5")
    parts = config.parts()
    history: dict[str, list[float]] = defaultdict(list)
    epochs = start = 0
    for name, part in parts.items():
        if len(parts) > 1:
            console.print(f"part {name}: aug={part.aug.name} layers={part.layers} lr={part.lr:g}", highlight=False)
        batches, checks = _batches(part, samples, start)
        train_only(network, part.layers)
        network.compile(optimizer=build_optimizer(part), jit_compile=JIT)
        # Variables that are made while a graph is traced cost a second tracing, and a conditional each.
        network.optimizer.build(network.trainable_variables)
        console.print(_forecast(network, checks, part), highlight=False)
        fitted = network.fit(
            batches,
            initial_epoch=epochs,
            epochs=epochs + part.epochs,
            validation_data=checks if part.val_steps else None,
            callbacks=[log, Progress(part.epochs, part.steps, console), *pruning.callbacks()],
            shuffle=False,  # the batches come in random order already, one that depends on the seed alone
            verbose=0,
        )
        epochs, start = epochs + part.epochs, start + part.epochs * part.steps * part.batch
        for loss, values in fitted.history.items():
            history[loss] += values
        if name != list(parts)[-1]:  # the last part's scores are the run's
            for split in ("val", "test"):
                at = score(dataset, split, detect(detector, dataset, split), config.min_confidence)
                _log_part(run, name, split, at, config.min_confidence)
    run.log_figure(figures.ap_curve(log.cpu_seconds, log.mask_ap50), "figures/val_mask_ap50.png")
    return history


def detect(detector: Detector, dataset: Dataset, split: str) -> list[Detections]:
    """What the network finds in each photo of a split."""
    return detector.detect_all([load_image(photo.path) for photo in dataset.splits[split].photos])


def score(dataset: Dataset, split: str, found: list[Detections], min_confidence: float) -> dict[float, Scores]:
    """The scores of a split's detections, by the confidence from which they count."""
    photos = dataset.splits[split].photos
    return {threshold: evaluate(photos, found, threshold) for threshold in sorted({min_confidence, *THRESHOLDS})}


def _start_from(network: MaskRCNN, config: Config, run: tracking.Run, console: Console) -> None:
    """Gives the network the weights that training starts from, and logs which layers have them."""
    if config.weights == "none":
        return
    file = find_weights(config.weights, config.backbone.name) or tracking.download_weights(config.weights)
    loaded = (load_imagenet if config.weights == "imagenet" else load_weights)(network, file)
    console.print(f"weights={config.weights}: {loaded}", highlight=False, soft_wrap=True)
    run.log_json(asdict(loaded) | {"path": str(file), "weights": config.weights}, "weights/start.json")


def _batches(part: Config, samples: dict[str, list[Sample]], start: int) -> tuple[Batches, Batches]:
    """Training batches, from sample `start` of the run on, and validation batches."""
    most = max(len(sample.polygons) for split in samples.values() for sample in split)
    slots = 2 * most if part.jitter.paste else most
    of_any = partial(Batches, fit=part.fit, batch=part.batch, slots=slots, seed=part.seed)
    train = of_any(
        samples["train"],
        size=part.size,
        steps=part.steps,
        jitter=part.jitter,
        augmenter=augment.build(part.aug.augmenters),
        start=start,
    )
    one_pass = -(-len(samples["val"]) // part.batch)
    checks = of_any(samples["val"], size=part.fit, steps=min(max(part.val_steps, 1), one_pass), shuffle=False)
    return train, checks


def _log_part(run: tracking.Run, name: str, split: str, scores: dict[float, Scores], min_confidence: float) -> None:
    """Logs what one part of a schedule led to."""
    run.log_scores(scores[min_confidence].metrics(), prefix=f"{name}/{split}")
    run.log_json({f"{key:g}": value.to_json() for key, value in scores.items()}, f"scores/{name}/{split}.json")


def _log_scores(
    run: tracking.Run,
    dataset: Dataset,
    split: str,
    found: list[Detections],
    scores: dict[float, Scores],
    min_confidence: float,
) -> None:
    """Logs a split's scores, those of test under plain names, and figures at one confidence."""
    for threshold, at in scores.items():
        run.log_json(at.to_json(), f"scores/{split}_at_{threshold:g}.json")
    chosen = scores[min_confidence]
    run.log_scores(chosen.metrics(), prefix=None if split == "test" else split)
    run.log_figure(figures.confusion_matrix(chosen.outcomes), f"figures/{split}_confusion_matrix.png")
    run.log_figure(figures.pr_curve(chosen.average_precision), f"figures/{split}_precision_recall.png")
    if split == "test":
        shown = slice(sheets.PHOTOS_A_SHEET)
        for kind, draw in (("predictions", sheets.contact_sheet), ("splash", sheets.splash_sheet)):
            (figure,) = draw(dataset.splits[split].photos[shown], found[shown], min_confidence)
            run.log_figure(figure, f"figures/test_{kind}.png")


def model_config(config: Config) -> ModelConfig:
    """The part of a run's configuration that decides the network."""
    return ModelConfig(**{key.name: getattr(config, key.name) for key in fields(ModelConfig)})


def summary(scores: dict[str, dict[float, Scores]]) -> Table:
    """The run's scores as a table for the terminal: a column for each split and confidence."""
    table = Table("", title="What became of the annotated objects, and average precision")
    columns = []
    for split, by_confidence in scores.items():
        for confidence, at in by_confidence.items():
            table.add_column(f"{split} at {confidence:g}", justify="right")
            columns.append(at.metrics())
    for name in ("found", "found_wrongly", "missed", "spurious"):
        table.add_row(name.replace("_", " "), *(f"{column[name]:.0f}" for column in columns))
    for name in ("accuracy", "precision"):
        table.add_row(name, *(f"{column[name]:.3f}" if name in column else "-" for column in columns))
        ends = [(column.get(f"{name}_low"), column.get(f"{name}_high")) for column in columns]
        table.add_row("  95 %", *(f"{low:.2f} to {high:.2f}" if low is not None else "-" for low, high in ends))
    for name in ("mask_ap50", "box_ap50", "mask_ap"):
        table.add_row(name.replace("_ap", " AP"), *(f"{column[name]:.3f}" for column in columns))
    return table


def _name(config: Config) -> str:
    return f"{config.data.name} {config.backbone.name} aug={config.aug.name} steps={config.steps} seed={config.seed}"


def _log_data(run: tracking.Run, dataset: Dataset) -> None:
    for name, split in dataset.splits.items():
        ids = np.concatenate([photo.class_ids() for photo in split.photos])
        objects = {label: int((ids == index).sum()) for index, label in enumerate(CLASS_NAMES, start=1)}
        run.log_dataset(name, dataset.name, dataset.root, digest(split), len(split.photos), objects)


def _forecast(network: MaskRCNN, checks: Batches, config: Config) -> str:
    """How long training will take, from the time that one validation batch takes now."""
    (batch,) = checks[0]
    network.test_on_batch(batch)  # traces the graph
    started = time.perf_counter()
    network.test_on_batch(batch)
    check = time.perf_counter() - started
    # A training step is about three times the forward pass, gradients of inputs and of weights being one each.
    step = 3.2 * check * (config.size / config.fit) ** 2
    seconds = config.epochs * (config.steps * step + len(checks) * check)
    return (
        f"{config.epochs} epochs of {config.steps} steps of {config.batch} photos: "
        f"about {max(1, round(seconds / 60))} min on this machine"
    )
