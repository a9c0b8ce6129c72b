"""The sequence of training samples: which photo comes when, and its random view."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fmask.data.config import Jitter
from fmask.data.samples import AugmentedSample, Sample, augment_sample


@dataclass(frozen=True)
class Draws:
    """Randomly ordered, augmented samples; every photo is used once before any is used again.

    A sample depends only on the seed and its number, counted from the start of training.
    """

    samples: Sequence[Sample]
    """The photos to draw from."""
    crop_size: int
    """Side S of the network's square input, in pixels."""
    image_size: int
    """Longer side of a photo in pixels, before jitter zooms it."""
    seed: int
    """Seed of the order and of all random changes."""
    jitter: Jitter = field(default_factory=Jitter)
    """Random changes of view and colour."""
    augmenter: Any = None
    """An imgaug augmenter from `augment.build`, or None."""
    shuffle: bool = True
    """Whether the order is random."""

    def draw(self, number: int) -> AugmentedSample:
        """Return augmented sample `number`; see `augment_sample`."""
        rng = np.random.default_rng([self.seed, 2, number])
        donor = None
        if self.jitter.paste and rng.uniform() < self.jitter.paste:
            donor = self.samples[int(rng.integers(len(self.samples)))]
        sample = self.samples[self.position(number)]
        return augment_sample(sample, self.crop_size, self.image_size, self.jitter, self.augmenter, rng, donor)

    def position(self, number: int) -> int:
        """Return the position in `samples` of the photo for sample `number`."""
        passes, position = divmod(number, len(self.samples))
        if self.shuffle:
            return int(np.random.default_rng([self.seed, 1, passes]).permutation(len(self.samples))[position])
        return position
