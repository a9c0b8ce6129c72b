"""Annotated photos in memory, independent of their file format, and faults in annotation files.

Coordinates follow `skimage.draw.polygon`, as in the reference: the point (x, y) is the centre of column x, row y.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skimage.draw

from fmask.structures.detections import CLASS_NAMES

FAULT_KINDS = {
    "blank label": "counts neither as an object nor as background",
    "unknown label": "counts neither as an object nor as background",
    "box without an outline": "counts neither as an object nor as background",
    "outside the photo": "clipped at the photo's edge",
    "unknown shape": "region left out",
    "bad coordinates": "region left out",
    "too few points": "region left out",
    "no area": "region left out",
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
}
"""The kinds of notes, which are not faults, and how the photo is treated."""


@dataclass(frozen=True)
class Region:
    """An annotated object.

    Do not compare regions with `==`, which is ambiguous for arrays; compare `polygon` with `numpy.array_equal`.
    """

    label: str | None
    """One of `CLASS_NAMES`; None if the label is blank or unknown."""
    polygon: np.ndarray
    """(n, 2) float64, n >= 3, in the photo's pixels: x in [0, width - 1], y in [0, height - 1]."""
    ignore: bool
    """True for a region that counts neither as an object nor as background; always True if `label` is None."""
    index: int
    """Position in the photo's list of regions in its file, from 0."""

    @property
    def class_id(self) -> int:
        """The class id in 1..K - 1; -1 for a region to ignore."""
        return -1 if self.ignore or self.label is None else 1 + CLASS_NAMES.index(self.label)

    def mask(self, height: int, width: int) -> np.ndarray:
        """Return the region's mask on a photo of that size, bool (height, width)."""
        mask = np.zeros((height, width), dtype=bool)
        mask[skimage.draw.polygon(self.polygon[:, 1], self.polygon[:, 0], mask.shape)] = True
        return mask


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

    def class_ids(self) -> np.ndarray:
        """Return the class ids of the regions, int64 (G,): 1..K - 1, or -1 for regions to ignore."""
        return np.array([region.class_id for region in self.regions], dtype=np.int64)


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
    photos: tuple[Photo, ...]
    faults: tuple[Fault, ...]
    is_coco: bool = False
    """True if the annotations are a COCO file, False if they are a VIA file."""

    @property
    def objects(self) -> int:
        """The number of objects, which are the regions that are not ignored."""
        return sum(not region.ignore for photo in self.photos for region in photo.regions)

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
    left_out: bool = False
    """True for a region that counts as not annotated, because its class was mapped to None."""


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
    empty: bool | str = False
    """Whether the file says that the photo shows no object; a text if it says something that means neither."""


class Unusable(Exception):  # noqa: N818 - a reason, not a program error
    """The reason why a photo or region is left out: a key of `FAULT_KINDS` and a detail."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail
