"""Annotated photos in memory, from whatever file they came, and what can be wrong with them.

Pixels follow the reference implementation's `skimage.draw.polygon`: the point (x, y) is the centre of column x, row y.
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
    "outside the photo": "clipped at the photo's edge",
    "unknown shape": "region left out",
    "bad coordinates": "region left out",
    "too few points": "region left out",
    "no area": "region left out",
    "no regions": "photo left out",
    "too many regions": "photo left out",
    "missing photo": "photo left out",
    "unreadable photo": "photo left out",
    "unsafe file name": "photo left out",
    "other size": "photo left out",
    "listed twice": "first entry used",
    "unlisted photo": "not used: it has no annotations",
}
"""Each kind of fault and what becomes of the region or photo."""

NOTE_KINDS = {
    "EXIF rotation": "turned upright, as browsers show it",
    "colour conversion": "converted to 8-bit RGB",
}
"""Things worth knowing that are no faults, and what is done about them."""


@dataclass(frozen=True)
class Region:
    """One outlined object.

    Equality is identity of the fields, arrays included, so compare `polygon` with `numpy.array_equal`.
    """

    label: str | None
    """One of `CLASS_NAMES`, or None where the label is blank or unknown."""
    polygon: np.ndarray
    """(n, 2) float64, n >= 3: x in [0, width - 1], y in [0, height - 1], in the photo's pixels."""
    ignore: bool
    """Counts neither as an object nor as background; always true where `label` is None."""
    index: int
    """Position in the photo's list of regions in its file, from 0."""

    @property
    def class_id(self) -> int:
        """1..K, or -1 for a region to ignore."""
        return -1 if self.ignore or self.label is None else 1 + CLASS_NAMES.index(self.label)

    def mask(self, height: int, width: int) -> np.ndarray:
        """The region's pixels: bool (height, width)."""
        mask = np.zeros((height, width), dtype=bool)
        mask[skimage.draw.polygon(self.polygon[:, 1], self.polygon[:, 0], mask.shape)] = True
        return mask


@dataclass(frozen=True)
class Photo:
    """A photo and its regions, in file order; sizes are those after EXIF rotation. H x W pixels, G regions."""

    path: Path
    width: int
    height: int
    regions: tuple[Region, ...]
    listed: str = ""
    """Its path below its split's folder, with slashes."""

    @property
    def name(self) -> str:
        """What tells it from the split's other photos: its path below the folder, or its file's name unless listed."""
        return self.listed or self.path.name

    def masks(self) -> np.ndarray:
        """Bool (G, H, W)."""
        masks = np.zeros((len(self.regions), self.height, self.width), dtype=bool)
        for mask, region in zip(masks, self.regions, strict=True):
            mask[:] = region.mask(self.height, self.width)
        return masks

    def class_ids(self) -> np.ndarray:
        """Int64 (G,): 1..K, or -1 for regions to ignore."""
        return np.array([region.class_id for region in self.regions], dtype=np.int64)


@dataclass(frozen=True)
class Fault:
    """Something wrong, or worth knowing, in one file."""

    kind: str
    """A key of `FAULT_KINDS` or `NOTE_KINDS`."""
    file: str
    """The photo's name as listed, or as found in the folder."""
    region: int | None
    """Position in the photo's list of regions in its file, from 0, or None where the whole photo is meant."""
    detail: str

    @property
    def is_note(self) -> bool:
        return self.kind in NOTE_KINDS


@dataclass(frozen=True)
class Split:
    """The annotated photos of one folder, and what was wrong with it."""

    name: str
    folder: Path
    photos: tuple[Photo, ...]
    faults: tuple[Fault, ...]
    is_coco: bool = False
    """Whether the annotations came from a COCO file rather than from VIA's."""


@dataclass(frozen=True)
class RegionEntry:
    """A region as a file has it, not yet held against its photo."""

    label: Any
    """Whatever stands where the label belongs."""
    ignore: bool
    outline: Callable[[int, int], np.ndarray]
    """Its polygon (n, 2) on a photo of that width and height; raises `Unusable`."""


@dataclass(frozen=True)
class PhotoEntry:
    """A photo as a file lists it."""

    name: str
    regions: list[RegionEntry]
    size: tuple[int, int] | None = None
    """Width and height that the file says it has, if it does."""
    edge: float = 0.0
    """How far outlines may reach beyond the centres of the outermost pixels: 0.5 where they run along pixels' edges."""


class Unusable(Exception):  # noqa: N818 - it is a reason, not an error of the program
    """Why a photo or region is left out: a kind of fault and its detail."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail
