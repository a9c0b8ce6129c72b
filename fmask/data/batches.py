"""Training and validation batches for `keras.Model.fit`."""

from typing import Any

import keras
import numpy as np

from fmask.data.config import Jitter
from fmask.data.draws import Draws
from fmask.data.samples import AugmentedSample, Sample, collate


class Batches(keras.utils.PyDataset):
    """Batches of randomly ordered, augmented samples; every photo is used once before any is used again.

    A batch depends only on the seed and on the number of samples drawn before it since the start of training. A run can
    therefore be repeated, or resumed at sample `start`, without replaying the samples before.

    Args:
        samples: the photos to draw from.
        crop_size: side S of the network's square input, in pixels.
        image_size: longer side of a photo in pixels, before jitter zooms it.
        batch_size: samples in a batch.
        steps: batches in an epoch.
        slots: instances that a sample can have; further ones are left out.
        seed: seed of the order and of all random changes.
        jitter: random changes of view and colour; none by default.
        augmenter: an imgaug augmenter from `augment.build`, or None.
        shuffle: whether the order is random; if not, every epoch begins with the first photo.
        start: number of samples drawn before the first batch.
    """

    def __init__(
        self,
        samples: list[Sample],
        *,
        crop_size: int,
        image_size: int,
        batch_size: int,
        steps: int,
        slots: int,
        seed: int,
        jitter: Jitter | None = None,
        augmenter: Any = None,
        shuffle: bool = True,
        start: int = 0,
    ) -> None:
        super().__init__()
        self.draws = Draws(samples, crop_size, image_size, seed, jitter or Jitter(), augmenter, shuffle)
        self.batch_size, self.steps, self.slots, self.shuffle, self.start = batch_size, steps, slots, shuffle, start
        self.epoch = 0
        self.failure: Exception | None = None
        """The error that stopped a batch; Keras' `fit` raises another in its place, which depends on the backend."""

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        first = self._first(index)
        try:
            return collate([self.draw(first + offset) for offset in range(self.batch_size)], self.slots)
        except Exception as error:
            self.failure = error
            raise

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def names(self, index: int) -> list[str]:
        """Return the names of the photos in a batch of this epoch."""
        first = self._first(index)
        return [self.draws.samples[self.draws.position(first + offset)].name for offset in range(self.batch_size)]

    def draw(self, number: int) -> AugmentedSample:
        """Return augmented sample `number`, counted from the start of training."""
        return self.draws.draw(number)

    def _first(self, index: int) -> int:
        """Return the number of a batch's first sample, counted from the start of training."""
        before = self.start + self.epoch * self.steps * self.batch_size if self.shuffle else 0
        return before + index * self.batch_size
