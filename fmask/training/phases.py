"""The parts of a schedule as epochs and samples of one training."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmask.config.schema import Config

if TYPE_CHECKING:
    from fmask.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class Phase:
    """A part of the schedule, or the rest of it when training resumes. Epochs are counted over the whole run."""

    name: str
    """Name of the part."""
    part: Config
    """The run's configuration with the part's own settings."""
    first_epoch: int
    """Index of the first epoch to train, from 0: the number of epochs finished before (Keras' `initial_epoch`)."""
    last_epoch: int
    """Number of epochs finished after this phase (Keras' `epochs`)."""
    first_sample: int
    """Index of the first training sample, from 0, over the whole run."""


def phases(config: Config, checkpoint: "Checkpoint | None" = None) -> list[Phase]:
    """Return the parts of the schedule that are still to be trained.

    The part that `checkpoint` belongs to is included even if all its epochs are finished: what follows a part, such as
    its scores, may still be missing.
    """
    return [
        each for each in _all_phases(config, checkpoint) if not (checkpoint and each.last_epoch < checkpoint.epochs)
    ]


def _all_phases(config: Config, checkpoint: "Checkpoint | None") -> Iterator[Phase]:
    finished = checkpoint.epochs if checkpoint else 0
    epochs = samples = 0
    for name, part in config.parts().items():
        last = epochs + part.epochs
        first = min(max(finished, epochs), last)
        yield Phase(name, part, first, last, samples + (first - epochs) * part.steps * part.batch_size)
        epochs, samples = last, samples + part.epochs * part.steps * part.batch_size
