"""One run, from configuration to scores."""

import time
from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import keras
from rich.console import Console

from fmask import tracking
from fmask.backend import JIT
from fmask.callbacks import EpochLog, Progress
from fmask.config import Config
from fmask.data import augment
from fmask.data.photos import Dataset
from fmask.data.samples import Batches, Sample, load_samples
from fmask.data.via import load_image
from fmask.datasets import describe, open_dataset
from fmask.detections import Detections
from fmask.evaluation import figures
from fmask.evaluation.evaluate import Scores
from fmask.model.config import ModelConfig
from fmask.model.detector import Detector
from fmask.model.imagenet import load_imagenet
from fmask.model.layers import train_only
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights import load as load_weights
from fmask.optimizers import build_optimizer
from fmask.pretrained import find_weights
from fmask.scoring import log_scores, log_split, score, summary
from fmask.sweeping import pruning


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
        for name, split in dataset.splits.items():
            log_split(run, name, dataset.name, dataset.root, split)
        network = MaskRCNN(config.backbone.name, model_config(config), config.seed)
        _start_from(network, config, run, console)
        detector = Detector(network, config.fit, config.smooth)
        history = fit(network, detector, config, dataset, run, output_dir, console)

        detector.save(output_dir / "last.h5")
        scores = {}
        for name in ("val", "test"):
            photos, found = dataset.splits[name].photos, detect(detector, dataset, name)
            scores[name] = score(photos, found, config.min_confidence)
            log_scores(run, name, photos, found, scores[name], config.min_confidence, plain=name == "test")
            if config.schedule.parts:
                _log_part(run, list(config.schedule.parts)[-1], name, scores[name], config.min_confidence)
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
                found = detect(detector, dataset, split)
                at = score(dataset.splits[split].photos, found, config.min_confidence)
                _log_part(run, name, split, at, config.min_confidence)
    run.log_figure(figures.ap_curve(log.cpu_seconds, log.mask_ap50), "figures/val_mask_ap50.png")
    return history


def detect(detector: Detector, dataset: Dataset, split: str) -> list[Detections]:
    """What the network finds in each photo of a split."""
    return detector.detect_all([load_image(photo.path) for photo in dataset.splits[split].photos])


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
    slots = max(len(sample.polygons) for split in samples.values() for sample in split)
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


def model_config(config: Config) -> ModelConfig:
    """The part of a run's configuration that decides the network."""
    return ModelConfig(**{key.name: getattr(config, key.name) for key in fields(ModelConfig)})


def _name(config: Config) -> str:
    return f"{config.data.name} {config.backbone.name} aug={config.aug.name} steps={config.steps} seed={config.seed}"


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
