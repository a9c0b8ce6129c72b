"""The photos of the browser's page, each with its outlines and the objects that are listed with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fmask.evaluation.outcomes import Outcome, count_outcomes
from fmask.evaluation.sheets import region_key
from fmask.evaluation.slices import object_size, outcome_masks, size_name
from fmask.evaluation.worst import worst_photos
from fmask.report.objects import ObjectRow, object_rows
from fmask.report.pictures import Outline, Picture, draw
from fmask.structures.annotations import Fault, Photo, Region
from fmask.structures.detections import EncodedDetections
from fmask.structures.run_length import RunLengths

MAX_SIDE, MIN_SIDE = 1280, 240
"""Limits of the longer side of a photo in the page, in pixels."""
MAX_PIXELS = 200_000_000
"""Number of pixels of all photos in a page; as JPEG they have about 25 MB, with which browsers are still quick."""
SHOWN = 900
"""Usual longer side of an opened photo in pixels, for which tags are placed."""
OBJECT, BOX, IGNORED = "object", "only a box", "ignored"
"""The kinds of annotated regions."""
KINDS = (OBJECT, BOX, IGNORED)


@dataclass(frozen=True)
class Item:
    """An annotated region, or a spurious detection, as it is listed with its photo."""

    classes: Sequence[str]
    """The annotated and detected classes, for the filter."""
    label: str | None
    """The annotated class; None for a spurious detection and a region without a class."""
    kind: str
    """One of `KINDS`; with a network, the outcome of an object and `spurious` instead."""
    size: str
    """A key of `fmask.evaluation.diagnosis.SIZES`."""
    pixels: float
    """The square root of its area, in pixels at the network's input."""
    region: int | None
    """Index in the photo's annotations; None for a spurious detection."""
    keys: Sequence[str]
    """The keys of its outlines."""
    row: ObjectRow | None = None
    """What was detected; None without a network and for regions to ignore."""

    @property
    def is_object(self) -> bool:
        """Whether it is an annotated object."""
        return self.region is not None and self.kind != IGNORED


@dataclass(frozen=True)
class Entry:
    """A photo of the page."""

    split: str
    picture: Picture
    annotated: Sequence[Outline]
    """Outlines of the annotations."""
    detected: Sequence[Outline]
    """Outlines of the detections."""
    tags: Sequence[Outline]
    """The outlines that have a tag."""
    items: Sequence[Item]
    weight: float = 0.0
    """See `fmask.evaluation.worst.PhotoErrors`."""
    faults: Sequence[Fault] = field(default=())
    """Faults and notes about the photo and its regions."""

    @property
    def name(self) -> str:
        """A name that is unique in the page."""
        return f"{self.split}/{self.picture.name}"

    @property
    def objects(self) -> int:
        """The number of annotated objects."""
        return sum(item.is_object for item in self.items)

    @property
    def true_faults(self) -> int:
        """The number of faults, without notes."""
        return sum(not fault.is_note for fault in self.faults)


def side_for(photos: Sequence[Photo]) -> int:
    """Return the longer side in pixels that photos get in a page, so that all of them have `MAX_PIXELS` at most.

    The result is between `MIN_SIDE` and `MAX_SIDE`.
    """
    squares = sum(min(photo.width, photo.height) / max(photo.width, photo.height) for photo in photos)
    return max(MIN_SIDE, min(MAX_SIDE, int((MAX_PIXELS / max(squares, 1)) ** 0.5)))


def annotated_entry(photo: Photo, split: str, faults: Sequence[Fault], side: int, image_size: int) -> Entry:
    """Return the entry of an annotated photo. The photo is read.

    Args:
        photo: the photo.
        split: name of its split.
        faults: the faults and notes about it.
        side: longer side of the photo in the page, in pixels.
        image_size: side of a network's square input in pixels, at which objects are measured.

    Raises:
        UserError: the photo cannot be read.
    """
    picture = draw(photo, None, longer_side=side, shown=SHOWN)
    items = [_annotated(photo, region, image_size) for region in photo.regions]
    return Entry(split, picture, picture.annotated, (), picture.annotated, items, faults=faults)


def predicted_entry(
    photo: Photo, split: str, detections: EncodedDetections, min_confidence: float, side: int, image_size: int
) -> Entry:
    """Return the entry of an annotated photo with detections. The photo is read.

    Args:
        photo: the photo.
        split: name of its split.
        detections: its detections, of any score.
        min_confidence: lowest score in [0, 1] of the detections that count.
        side: longer side of the photo in the page, in pixels.
        image_size: side of the network's square input in pixels.

    Raises:
        UserError: the photo cannot be read.
    """
    picture = draw(photo, detections, [min_confidence], side, SHOWN)
    found = detections.at_least(min_confidence)
    outcomes = count_outcomes([photo], [found])
    rows = object_rows(outcomes.to_json(), {photo.name: found})
    masks = [mask for mask, _ in outcome_masks(photo, found, outcomes)]
    regions = [record.region for record in outcomes.objects] + [None] * len(outcomes.spurious)
    items = [
        _item(photo, mask, image_size, row.classes, row.label, row.outcome, region, row.keys, row)
        for mask, region, row in zip(masks, regions, rows, strict=True)
    ]
    items += [_annotated(photo, region, image_size) for region in photo.regions if region.ignore]
    drawn = picture.found[min_confidence]
    missed = [outline for outline in drawn if outline.outcome == Outcome.MISSED]
    others = [outline for outline in drawn if outline.outcome != Outcome.MISSED]
    known = {outline.key for outline in missed}
    annotated = [outline for outline in picture.annotated if outline.key not in known] + missed
    weight = sum(errors.weight for errors in worst_photos([outcomes], [found]))
    return Entry(split, picture, annotated, others, drawn, items, weight)


def _annotated(photo: Photo, region: Region, image_size: int) -> Item:
    mask = region.run_lengths(photo.height, photo.width)
    kind = IGNORED if region.ignore else BOX if region.box_only else OBJECT
    classes = [region.label] if region.label else []
    return _item(photo, mask, image_size, classes, region.label, kind, region.index, [region_key(region.index)])


def _item(
    photo: Photo, mask: RunLengths, image_size: int, classes: Sequence[str], label: str | None, kind: str, *rest: Any
) -> Item:
    pixels = object_size(photo, mask, image_size)
    return Item(classes, label, kind, size_name(pixels), pixels, *rest)
