"""Batches for Keras' fit."""

from typing import Any

import keras
import numpy as np

from fmask.data.config import Jitter
from fmask.data.samples import Sample, augment_sample, collate


class Batches(keras.utils.PyDataset):
    """`steps` batches an epoch of randomly ordered, augmented samples; each photo comes once before any comes again.

    What a batch holds depends on the seed and on how many samples came before it since the start of training alone, so
    that a run can be repeated, or go on from sample `start`, without replaying what went before.
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
        self.samples, self.crop_size, self.image_size, self.batch_size, self.steps = (
            samples,
            crop_size,
            image_size,
            batch_size,
            steps,
        )
        self.slots, self.seed = slots, seed
        self.jitter, self.augmenter, self.shuffle, self.start = jitter or Jitter(), augmenter, shuffle, start
        self.epoch = 0
        self.failure: Exception | None = None
        """What kept a batch from being made; Keras' `fit` raises something else for it, that depends on the backend."""

    def __len__(self) -> int:
        return self.steps

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        first = self._first(index)
        try:
            return collate([self.draw(first + number) for number in range(self.batch_size)], self.slots)
        except Exception as error:
            self.failure = error
            raise

    def names(self, index: int) -> list[str]:
        """The photos of a batch of this epoch."""
        first = self._first(index)
        return [self.samples[self._position(first + number)].name for number in range(self.batch_size)]

    def draw(self, number: int) -> dict[str, np.ndarray]:
        """The sample that is the `number`-th since the start of training."""
        position = self._position(number)
        rng = np.random.default_rng([self.seed, 2, number])
        donor = None
        if self.jitter.paste and rng.uniform() < self.jitter.paste:
            donor = self.samples[rng.integers(len(self.samples))]
        return augment_sample(
            self.samples[position], self.crop_size, self.image_size, self.jitter, self.augmenter, rng, donor
        )

    def _first(self, index: int) -> int:
        """The number of a batch's first sample."""
        before = self.start + self.epoch * self.steps * self.batch_size if self.shuffle else 0
        return before + index * self.batch_size

    def _position(self, number: int) -> int:
        """Which photo is the `number`-th since the start of training."""
        passed, position = divmod(number, len(self.samples))
        if self.shuffle:
            return int(np.random.default_rng([self.seed, 1, passed]).permutation(len(self.samples))[position])
        return position
