"""The first training samples of a run, as a figure. Keras is not imported, so that they can be looked at quickly."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from fmask.config.schema import Config
from fmask.data.config import Jitter
from fmask.data.draws import Draws
from fmask.data.samples import Sample, load_samples
from fmask.data.transforms import augment
from fmask.evaluation.sample_sheet import SampleGroup, sample_sheet
from fmask.structures.annotations import Photo, Split, have_outlines
from fmask.training.phases import phases

SAMPLES = 12
"""Number of samples shown for each augmentation."""


class LazySamples(Sequence[Sample]):
    """Training photos that are decoded when they are used."""

    def __init__(self, photos: Sequence[Photo], *settings: Any) -> None:
        """See `load_samples`."""
        self._photos, self._settings = photos, settings

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return LazySamples(self._photos[index], *self._settings)
        return load_samples([self._photos[index]], *self._settings)[0]


def training_side(config: Config) -> int:
    """Return the largest side in pixels of training photos in memory: zoomed-in views keep their detail."""
    return round(config.image_size * (1 + config.jitter.scale))


def training_views(part: Config) -> dict[str, Any]:
    """Return the arguments of `Draws` and `Batches` that define the random views of a part of the schedule."""
    return {
        "crop_size": part.crop_size,
        "image_size": part.image_size,
        "seed": part.random_seed(),
        "jitter": part.jitter,
        "augmenter": augment.build(part.aug.augmenters),
    }


def first_samples(config: Config, photos: Sequence[Photo]) -> list[SampleGroup]:
    """Draw the first training samples of a run, exactly those that the network is trained on.

    Samples depend on the seed and their number alone, so that drawing them here changes nothing in the training.

    Args:
        config: the configuration of the run.
        photos: the training photos.

    Returns:
        Up to `SAMPLES` samples of each part of the schedule whose augmentation no earlier part has.

    Raises:
        UserError: a photo cannot be decoded, or the augmentation refuses one.
    """
    samples = LazySamples(photos, training_side(config), config.antialias, not have_outlines(photos))
    groups, shown = [], []
    for phase in phases(config):
        part = phase.part
        if part.aug in shown:
            continue
        shown.append(part.aug)
        draws = Draws(samples, **training_views(part))
        count = min(SAMPLES, part.epochs * part.steps * part.batch_size)
        numbers = range(phase.first_sample, phase.first_sample + count)
        title = f"part {phase.name}: aug={part.aug.name}" if config.schedule.parts else f"aug={part.aug.name}"
        title += " after jitter" if part.jitter != Jitter() else ""
        names = [photos[draws.position(number)].name for number in numbers]
        groups.append(SampleGroup(title, names, [draws.draw(number) for number in numbers]))
    return groups


def training_samples(config: Config, train: Split) -> Figure:
    """Draw `first_samples` of the training photos as a figure."""
    return sample_sheet(first_samples(config, train.photos), (*train.classes, *train.hierarchy))
