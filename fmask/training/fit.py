"""Training itself: the parts of a schedule by Keras' `fit`, one after the other, with a checkpoint after each epoch."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import keras
from rich.console import Console

from fmask import tracking
from fmask.config.schema import Config
from fmask.data.batches import Batches
from fmask.data.dataset import Dataset
from fmask.data.samples import Sample, load_samples
from fmask.data.transforms import augment
from fmask.evaluation import figures
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.freezing import freeze_except
from fmask.model.mask_rcnn import MaskRCNN
from fmask.training import checkpoint
from fmask.training.callbacks import AfterEpoch, EpochLog, Progress, StopAtNaN, StopWhenAsked
from fmask.training.checkpoint import Checkpoint
from fmask.training.optimizers import build_optimizer
from fmask.utils.backend import JIT
from fmask.utils.errors import UserError
from fmask.utils.signals import stop_on_signal


@dataclass(frozen=True)
class Phase:
    """What is to be trained of a part of the schedule."""

    name: str
    part: Config
    """With the part's own settings in place of those of the top."""
    first: int
    """Epochs of the run that are finished before it."""
    last: int
    """Epochs of the run that are finished after it."""
    sample: int
    """Training samples of the run that come before it."""


def phases(config: Config, standing: Checkpoint | None = None) -> list[Phase]:
    """The schedule's parts, or what is left of them; the part that `standing` is of comes even if nothing is."""
    return [each for each in _all_phases(config, standing) if not (standing and each.last < standing.epochs)]


def _all_phases(config: Config, standing: Checkpoint | None) -> Iterator[Phase]:
    done = standing.epochs if standing else 0
    epochs = samples = 0
    for name, part in config.parts().items():
        last = epochs + part.epochs
        first = min(max(done, epochs), last)
        yield Phase(name, part, first, last, samples + (first - epochs) * part.steps * part.batch_size)
        epochs, samples = last, samples + part.epochs * part.steps * part.batch_size


def fit(
    network: MaskRCNN,
    predictor: KerasPredictor,
    config: Config,
    dataset: Dataset,
    run: tracking.Run,
    output_dir: Path,
    console: Console,
    standing: Checkpoint | None = None,
    after_part: Callable[[str], None] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Trains the network; from `standing` on, the checkpoint in `output_dir`, if it is given.

    The first Ctrl-C or SIGTERM ends it after the step that it is at, whose epoch is lost, or, where all steps of an
    epoch are done, after its checkpoint; a second one at once.

    Args:
        predictor: sees the validation photos with the network, every few epochs; the best weights are kept as
            `best.h5`.
        callbacks: called after those that training needs itself.
        after_part: called with the name of each part of the schedule but the last, when it is finished.

    Returns:
        Each loss by epoch, over all parts; `val_` before the name of a validation loss.

    Raises:
        UserError: training diverges, or a checkpoint cannot be written.
        KeyboardInterrupt: a signal asked it to end.
    """
    photos = {name: dataset.splits[name].photos for name in ("train", "val")}
    # Zoomed views keep detail that a photo shrunk to fit would have lost.
    samples = {
        "train": load_samples(photos["train"], round(config.image_size * (1 + config.jitter.scale)), config.antialias),
        "val": load_samples(photos["val"], config.image_size, config.antialias),
    }
    log = EpochLog(run, predictor, photos["val"], config.batch_size, config.score_every, output_dir / "best.h5")
    if standing:
        log.restore(standing.log)
    file = output_dir / checkpoint.NAME

    def keep(part: str, epochs: int) -> None:
        checkpoint.save(file, network, Checkpoint(run.id, asdict(config), part, epochs, log.state()))

    left = phases(config, standing)
    for phase in left:
        part, epochs = phase.part, phase.last - phase.first
        if config.schedule.parts:
            said = f"part {phase.name}: aug={part.aug.name} layers={part.layers} lr={part.lr:g}"
            console.print(said, highlight=False)
        batches, checks = _batches(part, samples, phase.sample)
        freeze_except(network, part.layers)
        network.compile(optimizer=build_optimizer(part), jit_compile=JIT)
        # Variables that are made while a graph is traced cost a second tracing, and a conditional each.
        network.optimizer.build(network.trainable_variables)
        with _plain_failures(part, batches, checks):
            console.print(_forecast(network, checks, part, epochs), highlight=False)
        if standing and phase.name == standing.part:
            checkpoint.restore(file, network)
        progress = Progress(epochs, part.steps, console)
        with stop_on_signal() as stop, _plain_failures(part, batches, checks), progress:
            network.fit(
                batches,
                initial_epoch=phase.first,
                epochs=phase.last,
                validation_data=checks if part.val_steps else None,
                callbacks=[
                    StopAtNaN(batches),
                    log,
                    AfterEpoch(partial(keep, phase.name)),
                    progress,
                    *callbacks,
                    StopWhenAsked(stop),
                ],
                shuffle=False,  # the batches come in random order already, one that depends on the seed alone
                verbose=0,
            )
        if after_part and phase is not left[-1]:
            after_part(phase.name)
    run.log_figure(figures.ap_curve(log.cpu_seconds, log.mask_ap50), "figures/val_mask_ap50.png")
    return log.losses


@contextmanager
def _plain_failures(part: Config, *sources: Batches) -> Iterator[None]:
    """Raises what kept a batch from being made as it was, and a UserError where there is not memory enough."""
    try:
        yield
    except Exception as error:
        cause = next((source.failure for source in sources if source.failure), error)
        if isinstance(cause, MemoryError) or "ResourceExhausted" in type(cause).__name__:
            raise UserError(
                f"Out of memory with batch_size={part.batch_size}, crop_size={part.crop_size} and "
                f"image_size={part.image_size}; make one of them smaller."
            ) from error
        if cause is error:
            raise
        raise cause from error


def _batches(part: Config, samples: dict[str, list[Sample]], start: int) -> tuple[Batches, Batches]:
    """Training batches, from sample `start` of the run on, and validation batches."""
    most = max(len(sample.polygons) for split in samples.values() for sample in split)
    slots = 2 * most if part.jitter.paste else most
    of_any = partial(Batches, image_size=part.image_size, batch_size=part.batch_size, slots=slots, seed=part.seed)
    train = of_any(
        samples["train"],
        crop_size=part.crop_size,
        steps=part.steps,
        jitter=part.jitter,
        augmenter=augment.build(part.aug.augmenters),
        start=start,
    )
    one_pass = -(-len(samples["val"]) // part.batch_size)
    checks = of_any(
        samples["val"], crop_size=part.image_size, steps=min(max(part.val_steps, 1), one_pass), shuffle=False
    )
    return train, checks


def _forecast(network: MaskRCNN, checks: Batches, config: Config, epochs: int) -> str:
    """How long `epochs` of training will take, from the time that one validation batch takes now."""
    images, targets = checks[0]
    network.test_on_batch(images, targets)  # traces the graph
    started = time.perf_counter()
    network.test_on_batch(images, targets)
    check = time.perf_counter() - started
    # A training step is about three times the forward pass, gradients of inputs and of weights being one each.
    step = 3.2 * check * (config.crop_size / config.image_size) ** 2
    seconds = epochs * (config.steps * step + len(checks) * check)
    return (
        f"{epochs} epochs of {config.steps} steps of {config.batch_size} photos: "
        f"about {max(1, round(seconds / 60))} min on this machine"
    )
