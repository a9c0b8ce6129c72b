"""Annotated photos in memory, independent of their file format, and faults in annotation files.

Coordinates follow `skimage.draw.polygon`, as in the reference: the point (x, y) is the centre of column x, row y.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import skimage.draw

from fmask.structures.hierarchy import Hierarchy
from fmask.structures.run_length import RunLengths, bounding_box, decode_mask, encode_mask

FAULT_KINDS = {
    "blank label": "counts neither as an object nor as background",
    "unknown label": "counts neither as an object nor as background",
    "unknown ignore mark": "counts neither as an object nor as background",
    "outside the photo": "clipped at the photo's edge",
    "unknown shape": "region left out",
    "bad coordinates": "region left out",
    "too few points": "region left out",
    "no area": "region left out",
    "no pixel": "not trained on; scored as by COCO's tools",
    "marked as empty": "its regions are used",
    "no regions": "photo left out",
    "too many regions": "photo left out",
    "missing photo": "photo left out",
    "unreadable photo": "photo left out",
    "unsafe file name": "photo left out",
    "other size": "photo left out",
    "listed twice": "first entry used",
    "unlisted photo": "not used: it has no annotations",
}
"""The kinds of faults, and how the region or photo is treated."""

NOTE_KINDS = {
    "drawn to the edge": "clipped by a pixel or less",
    "EXIF rotation": "rotated upright, as browsers display it",
    "colour conversion": "converted to 8-bit RGB",
    "several annotations": "the ground truth is used, else the last one",
}
"""The kinds of notes, which are not faults, and how the photo is treated."""


@dataclass(frozen=True)
class CocoObject:
    """What COCO's tools read of an annotation. With it, scores on a COCO file are equal to theirs."""

    mask: RunLengths
    """The pixels: run lengths as in the file, or its polygons rasterised as by COCO's tools."""
    bbox: tuple[float, float, float, float]
    """Left, top, width and height in pixels, as in the file; the box around `mask` if the file has none."""
    area: float
    """In pixels, as in the file; that of `mask` if the file has none."""
    crowd_of: tuple[str, ...] = ()
    """The classes whose detections on a crowd do not count as wrong; empty for an object."""


@dataclass(frozen=True)
class ParentOnly:
    """What is known of an object that is annotated as a parent of a hierarchy, and not as one of its leaves."""

    class_id: int
    """The class id to train on: K + the position of the parent in the hierarchy, from 0; see `fmask.MaskRCNN`."""
    leaves: tuple[str, ...]
    """The leaves of the parent; which of them the object is, is unknown."""


@dataclass(frozen=True)
class Region:
    """An annotated object.

    Do not compare regions with `==`, which is ambiguous for arrays; compare `polygon` with `numpy.array_equal`.
    """

    label: str | None
    """One of `classes`; the parent's name if `parent` is set; None if the label is blank or unknown."""
    polygon: np.ndarray
    """(n, 2) float64, n >= 3, in the photo's pixels: x in [0, width - 1], y in [0, height - 1]."""
    ignore: bool
    """True for a region that counts neither as an object nor as background; always True if `label` is None."""
    index: int
    """Position in the photo's list of regions in its file, from 0."""
    classes: tuple[str, ...]
    """The class names of the data set, in the order of their ids."""
    coco: CocoObject | None = None
    """The annotation for scoring, if it comes from a COCO file. Otherwise the polygon is rasterised, as in the
    reference, and a region to ignore has all classes."""
    covers_pixel: bool = True
    """False for a region of a COCO file whose outline covers no pixel's centre: COCO's tools score it, but nothing can
    be learned from it."""
    box_only: bool = False
    """Whether only the object's box is annotated: `polygon` is its rectangle. Such an object is matched by boxes."""
    parent: ParentOnly | None = None
    """Set for an object that is annotated as a parent. It is trained on and counts in scores of parents. Scores of
    leaves ignore it, so `ignore` is True."""

    @property
    def class_id(self) -> int:
        """The class id in 1..K - 1; -1 for a region to ignore."""
        return -1 if self.ignore or self.label is None else 1 + self.classes.index(self.label)

    @property
    def is_object(self) -> bool:
        """Whether this is an object, annotated as a class or as a parent, and not a region to ignore."""
        return not self.ignore or self.parent is not None

    @property
    def crowd_of(self) -> tuple[str, ...]:
        """The classes whose detections on a region to ignore do not count as wrong; empty for all classes."""
        return (self.coco.crowd_of if self.coco else ()) or (self.parent.leaves if self.parent else ())

    def mask(self, height: int, width: int) -> np.ndarray:
        """Return the region's mask on its photo, which has that size: bool (height, width)."""
        if self.coco:
            return decode_mask(self.coco.mask)
        mask = np.zeros((height, width), dtype=bool)
        mask[skimage.draw.polygon(self.polygon[:, 1], self.polygon[:, 0], mask.shape)] = True
        return mask

    def run_lengths(self, height: int, width: int) -> RunLengths:
        """Return the region's mask on its photo, which has that size, as run lengths."""
        return self.coco.mask if self.coco else encode_mask(self.mask(height, width))

    def box(self, mask: RunLengths) -> tuple[float, float, float, float]:
        """Return left, top, width and height in pixels, as scored; `mask` is the result of `run_lengths`."""
        return self.coco.bbox if self.coco else bounding_box(mask)


@dataclass(frozen=True)
class Photo:
    """A photo of H x W pixels, after EXIF rotation, and its G regions in file order.

    A photo without regions shows no object: all of it is background.
    """

    path: Path
    width: int
    height: int
    regions: tuple[Region, ...]
    listed: str = ""
    """Path relative to the folder of its split, with slashes; empty if unknown."""
    image_id: int | str | None = None
    """The photo's id in a COCO file; COCO's tools order photos by it. None for other photos."""

    @property
    def name(self) -> str:
        """A name that is unique in the split: `listed`, or the name of the file if `listed` is empty."""
        return self.listed or self.path.name

    def masks(self) -> np.ndarray:
        """Return the masks of the regions, bool (G, H, W)."""
        masks = np.zeros((len(self.regions), self.height, self.width), dtype=bool)
        for mask, region in zip(masks, self.regions, strict=True):
            mask[:] = region.mask(self.height, self.width)
        return masks

    def run_lengths(self) -> list[RunLengths]:
        """Return the masks of the G regions as run lengths; at full size, only one is in memory at a time."""
        return [region.run_lengths(self.height, self.width) for region in self.regions]

    def class_ids(self) -> np.ndarray:
        """Return the class ids to train on, int64 (G,).

        They are 1..K - 1; `ParentOnly.class_id` for objects annotated as a parent; and -1 for regions to ignore or
        without pixels.
        """
        ids = [region.parent.class_id if region.parent else region.class_id for region in self.regions]
        trained = [region.covers_pixel for region in self.regions]
        return np.where(np.array(trained, dtype=bool), np.array(ids, dtype=np.int64), -1)


def have_outlines(photos: Iterable[Photo]) -> bool:
    """Return whether any object of the photos has an outline, not just a box."""
    return any(region.is_object and not region.box_only for photo in photos for region in photo.regions)


@dataclass(frozen=True)
class Fault:
    """A fault or a note about a photo."""

    kind: str
    """A key of `FAULT_KINDS` or `NOTE_KINDS`."""
    file: str
    """The photo's name in the annotation file or in the folder."""
    region: int | None
    """Position in the photo's list of regions in its file, from 0; None if the fault concerns the whole photo."""
    detail: str
    """What was found, in a few words."""

    @property
    def is_note(self) -> bool:
        """True for a note, False for a fault."""
        return self.kind in NOTE_KINDS


@dataclass(frozen=True)
class Split:
    """The annotated photos of a folder, and its faults."""

    name: str
    folder: Path
    classes: tuple[str, ...]
    """The class names of the data set, in the order of their ids; they may include some without an object here."""
    photos: tuple[Photo, ...]
    faults: tuple[Fault, ...]
    is_coco: bool = False
    """True if the annotations are a COCO file, False if they are a VIA file."""
    attribute: str | None = None
    """The region attribute of a VIA file that holds the class; None for other files."""
    hierarchy: Hierarchy = field(default_factory=dict)
    """The parents of the classes, and their leaves."""
    mapped_out: Mapping[str, int] = field(default_factory=dict)
    """Number of regions of each name that `data.map` leaves out."""

    @property
    def objects(self) -> int:
        """The number of objects: regions that are not ignored, and those annotated as a parent."""
        return sum(region.is_object for photo in self.photos for region in photo.regions)

    def objects_of(self) -> dict[str, int]:
        """Return the number of objects of each class, in the order of `classes`, and of those annotated as a parent."""
        counts = Counter(region.label for photo in self.photos for region in photo.regions if region.is_object)
        return {name: counts[name] for name in (*self.classes, *(each for each in self.hierarchy if counts[each]))}

    @property
    def box_only(self) -> int:
        """The number of objects of which only the box is annotated."""
        return sum(region.box_only for photo in self.photos for region in photo.regions if region.is_object)

    @property
    def empty(self) -> int:
        """The number of photos that count as photos without objects."""
        return sum(not photo.regions for photo in self.photos)

    @property
    def left_out(self) -> int:
        """The number of photos, listed or in the folder, that are not used."""
        return sum(FAULT_KINDS.get(fault.kind, "").startswith(("photo left out", "not used")) for fault in self.faults)


@dataclass(frozen=True)
class RegionEntry:
    """A region in an annotation file, not yet checked against its photo."""

    label: Any
    """The unchecked label."""
    ignore: bool
    outline: Callable[[int, int], np.ndarray]
    """A function from width and height of the photo to the polygon (n, 2); it may raise `Unusable`."""
    fault: tuple[str, str] | None = None
    """A fault of the entry: a key of `FAULT_KINDS` and a detail."""
    coco: Callable[[int, int], CocoObject] | None = None
    """A function from width and height of the photo to the annotation for scoring; it may raise `Unusable`."""
    box_only: bool = False
    """Whether only the object's box is annotated: the rectangle around `outline`."""
    left_out: bool = False
    """True for a region that counts as not annotated, because its label, a name in the file, was mapped to None."""


@dataclass(frozen=True)
class PhotoEntry:
    """A photo in an annotation file, not yet checked against its file."""

    name: str
    regions: list[RegionEntry]
    size: tuple[int, int] | None = None
    """Width and height in the annotation file, if it has them."""
    edge: float = 0.0
    """Distance in pixels by which outlines may exceed the outermost pixel centres: 0.5 if they follow pixel edges."""
    far_edge: float = 0.0
    """Distance in pixels by which outlines may exceed the last column and row with a note instead of a fault."""
    image_id: int | str | None = None
    """The photo's id in a COCO file."""
    empty: bool | str = False
    """Whether the file says that the photo shows no object; a text if it says something that means neither."""
    notes: tuple[tuple[str, str], ...] = ()
    """Notes about the entry: each a key of `NOTE_KINDS` and a detail."""


class Unusable(Exception):  # noqa: N818 - a reason, not a program error
    """The reason why a photo or region is left out: a key of `FAULT_KINDS` and a detail."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail
