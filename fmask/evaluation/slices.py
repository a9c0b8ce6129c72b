"""Outcomes of objects in parts of a set of photos: by size and place of the object, and by properties of its photo.

An object, or a spurious detection, is in one group of each property:

- *object size*: as in `fmask.evaluation.diagnosis.SIZES`, in pixels at the network's input;
- *position*: at the edge if the box around its mask comes within 2 % of the longer side of the photo of one of its
  edges, where objects are often cut off; else inside, also if its mask has no pixel;
- *photo size*: the longer side in pixels, as in the file;
- *brightness*: the mean grey value of the photo, from 0 to 255 (ITU-R 601 luma);
- *objects in the photo*: without regions to ignore.

Photo sizes and brightnesses are divided into three groups of about equal size; fewer, if photos have equal values.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fmask.data.images import load_image
from fmask.evaluation.diagnosis import SIZES
from fmask.evaluation.outcomes import Outcome, Outcomes
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from fmask.structures.run_length import RunLengths, area, bounding_box

SPURIOUS = "spurious"
EDGE = 0.02
"""Largest distance of an object at the edge from an edge of the photo, as a share of the photo's longer side."""
MANY = 3
"""Photos with this number of objects or more are one group."""
_Measure = Callable[[Photo, RunLengths], str]
"""Returns the group of an object or a spurious detection, from its photo and its mask."""


@dataclass(frozen=True)
class Slice:
    """The outcomes in one group."""

    property: str
    group: str
    counts: tuple[Counter[str], ...]
    """For each of the P photos, the number of objects by `Outcome`, and of `spurious` detections, in the group."""

    def count(self, outcome: str) -> int:
        """Return the number of objects with an outcome, or of `spurious` detections."""
        return sum(counts[outcome] for counts in self.counts)

    def found(self) -> np.ndarray:
        """Return the number of found objects of the group in each photo, int64 (P,)."""
        return np.array([counts[Outcome.FOUND] for counts in self.counts], dtype=np.int64)

    def objects(self) -> np.ndarray:
        """Return the number of objects of the group in each photo, int64 (P,)."""
        return np.array([sum(counts[outcome] for outcome in Outcome) for counts in self.counts], dtype=np.int64)


def slices(
    photos: Sequence[Photo],
    detections: Sequence[EncodedDetections],
    outcomes: Sequence[Outcomes],
    image_size: int,
) -> list[Slice]:
    """Count the outcomes in each group that has an object or a spurious detection. The photos are read.

    Args:
        photos: P annotated photos, at least one.
        detections: the detections in each photo that count.
        outcomes: the outcomes of each photo with these detections, as from `count_outcomes`.
        image_size: side in pixels of the network's square input, to which a photo's longer side is scaled.

    Raises:
        UserError: a photo cannot be read.
    """
    by_side, sides = _thirds([max(photo.width, photo.height) for photo in photos], "{} px")
    by_brightness, levels = _thirds([_brightness(photo) for photo in photos], "{}")
    number = {id(photo): n for n, photo in enumerate(photos)}
    counts = [sum(not region.ignore for region in photo.regions) for photo in photos]
    measures: dict[str, tuple[Sequence[str], _Measure]] = {
        "object size": (_size_groups(), lambda photo, mask: _size_group(photo, mask, image_size)),
        "position": (("inside", "at the edge"), _position),
        "photo size": (sides, lambda photo, _: by_side[number[id(photo)]]),
        "brightness": (levels, lambda photo, _: by_brightness[number[id(photo)]]),
        "objects in the photo": (
            [*map(str, range(MANY)), f"{MANY} or more"],
            lambda photo, _: f"{MANY} or more" if counts[number[id(photo)]] >= MANY else str(counts[number[id(photo)]]),
        ),
    }
    listed = [outcome_masks(*each) for each in zip(photos, detections, outcomes, strict=True)]
    made = []
    for property_, (groups, measure) in measures.items():
        in_photos = [
            [(measure(photo, mask), outcome) for mask, outcome in items]
            for photo, items in zip(photos, listed, strict=True)
        ]
        for group in groups:
            counted = tuple(Counter(outcome for each, outcome in items if each == group) for items in in_photos)
            if any(counted):
                made.append(Slice(property_, group, counted))
    return made


def outcome_masks(photo: Photo, found: EncodedDetections, outcomes: Outcomes) -> list[tuple[RunLengths, str]]:
    """Return the mask and the outcome of each object of a photo and of each spurious detection in it.

    Args:
        photo: the photo.
        found: the detections that count.
        outcomes: the outcomes of this photo with these detections, whose order the result has.
    """
    regions = {region.index: region for region in photo.regions}
    objects = [
        (regions[record.region].run_lengths(photo.height, photo.width), str(record.outcome))
        for record in outcomes.objects
    ]
    return objects + [(found.masks[record.detection], SPURIOUS) for record in outcomes.spurious]


def _size_groups() -> list[str]:
    return [
        f"{name}, {f'from {low:g} px' if np.isinf(high) else f'below {high:g} px'}"
        for name, (low, high) in SIZES.items()
    ]


def _size_group(photo: Photo, mask: RunLengths, image_size: int) -> str:
    return _size_groups()[list(SIZES).index(size_name(object_size(photo, mask, image_size)))]


def object_size(photo: Photo, mask: RunLengths, image_size: int) -> float:
    """Return the square root of the area of a mask on its photo, in pixels at the network's input.

    Args:
        photo: the photo.
        mask: the mask, in pixels of the photo.
        image_size: side in pixels of the network's square input, to which the photo's longer side is scaled.
    """
    return area(mask) ** 0.5 * image_size / max(photo.width, photo.height)


def size_name(size: float) -> str:
    """Return the name in `SIZES` of a size in pixels at the network's input."""
    return next(name for name, (low, high) in SIZES.items() if low <= size < high)


def _position(photo: Photo, mask: RunLengths) -> str:
    if not area(mask):
        return "inside"
    left, top, width, height = bounding_box(mask)
    distance = min(left, top, photo.width - left - width, photo.height - top - height)
    return "at the edge" if distance <= EDGE * max(photo.width, photo.height) else "inside"


def _brightness(photo: Photo) -> int:
    return round(float(np.asarray(Image.fromarray(load_image(photo.path)).convert("L")).mean()))


def _thirds(values: Sequence[int], text: str) -> tuple[list[str], list[str]]:
    """Return the group of each value, and the names of up to three groups of about equal size, in order."""
    ends = sorted({int(each) for each in np.quantile(values, (1 / 3, 2 / 3, 1), method="inverted_cdf")})
    starts = [min(values), *(min(each for each in values if each > end) for end in ends[:-1])]
    names = [text.format(low if low == high else f"{low} to {high}") for low, high in zip(starts, ends, strict=True)]
    return [names[int(np.searchsorted(ends, value))] for value in values], names
