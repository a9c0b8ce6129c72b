"""The input pipeline: from photos in memory to the batches of a training step."""

from typing import Any

import fmask.utils.backend  # noqa: F401 - before Keras, to keep its loading quiet
from benchmarks.machine import peak, timed
from benchmarks.network import configuration
from fmask.data.batches import Batches
from fmask.data.open import open_dataset
from fmask.data.samples import load_samples
from fmask.data.transforms import augment
from fmask.training.train import use_threads


def pipeline(times: int, overrides: list[str]) -> dict[str, Any]:
    """Measure the cost per image of augmentation, cropping and batching on one thread."""
    config = configuration(*overrides)
    use_threads(1)
    best = peak()
    photos = open_dataset(config.data).splits["train"].photos
    samples = load_samples(photos, round(config.image_size * (1 + config.jitter.scale)), config.antialias)
    batches = Batches(
        samples,
        crop_size=config.crop_size,
        image_size=config.image_size,
        batch_size=config.batch_size,
        steps=times,
        slots=max(len(sample.polygons) for sample in samples),
        seed=config.seed,
        jitter=config.jitter,
        augmenter=augment.build(config.aug.augmenters),
    )
    numbers = iter(range(times + 1))
    took = timed(lambda: batches[next(numbers)], times)
    cpu, wall = took.cpu / config.batch_size, took.wall / config.batch_size
    return {"cpu_s": cpu, "wall_s": wall, "images_per_s": 1 / wall, "peak_gflops": best, "peak_gflop": cpu * best}
