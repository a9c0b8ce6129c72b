"""Photos outlined in the VGG Image Annotator (VIA), read with every fault told and none repaired in silence.

Read are the JSON exports and project files of VIA 1.x (a photo's regions are a dictionary) and 2.x (a list); see
https://www.robots.ox.ac.uk/~vgg/software/via/. A region's attribute `fmask` says what it is, `mask` or `hat`; an
attribute `ignore` of "true" makes it count neither as an object nor as background.

Pixels follow the reference implementation's `skimage.draw.polygon`: the point (x, y) is the centre of column x, row y.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import skimage.draw
from PIL import ExifTags, Image

from fmask.data import images
from fmask.data.images import load_image, open_image  # noqa: F401 - with the annotations, as one has them
from fmask.data.outlines import SHAPES, clip, covers_pixel, outline
from fmask.detections import CLASS_NAMES
from fmask.errors import UserError

ANNOTATIONS = "via_region_data.json"
PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"})

FAULT_KINDS = {
    "blank label": "counts neither as an object nor as background",
    "unknown label": "counts neither as an object nor as background",
    "outside the photo": "clipped at the photo's edge",
    "unknown shape": "region left out",
    "bad coordinates": "region left out",
    "too few points": "region left out",
    "no area": "region left out",
    "no regions": "photo left out",
    "missing photo": "photo left out",
    "unreadable photo": "photo left out",
    "unsafe file name": "photo left out",
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
    """Position in the photo's list of regions in the VIA file, from 0."""

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

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

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
    """Position of the region in the VIA file, from 0, or None where the whole photo is meant."""
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


def read_split(folder: Path) -> Split:
    """Read a folder's photos and their regions, from photo headers alone.

    The annotations are `via_region_data.json`, or else the folder's only other JSON file. Faults in single photos and
    regions are collected in the result.

    Raises:
        UserError: there is no such folder, not one annotation file, or it is no VIA JSON.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one with photos and {ANNOTATIONS}.")
    faults: list[Fault] = []
    photos: list[Photo] = []
    listed: set[str] = set()
    for name, regions in _read_export(_find_export(folder)):
        if name in listed:
            faults.append(Fault("listed twice", name, None, "a second entry for the same file"))
            continue
        listed.add(name)
        try:
            photos.append(_read_photo(folder, name, regions, faults))
        except _Unusable as unusable:
            faults.append(Fault(unusable.kind, name, None, unusable.detail))
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.name not in listed:
            faults.append(Fault("unlisted photo", path.name, None, "in the folder, but not in the annotations"))
    return Split(folder.resolve().name, folder, tuple(photos), tuple(faults))


def write_split(folder: Path, photos: Iterable[Photo]) -> Path:
    """Write `via_region_data.json`, a VIA 2.x export, beside photos that lie in `folder`; return its path.

    Raises:
        UserError: a photo lies elsewhere.
    """
    folder = Path(folder)
    entries = {}
    for photo in photos:
        if not photo.path.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"{photo.path} lies outside {folder}; annotations are written beside their photos.")
        name = photo.path.resolve().relative_to(folder.resolve()).as_posix()
        size = photo.path.stat().st_size
        regions = [_region_entry(region) for region in photo.regions]
        entries[f"{name}{size}"] = {"filename": name, "size": size, "regions": regions, "file_attributes": {}}
    path = folder / ANNOTATIONS
    draft = path.with_suffix(".partial")
    draft.write_text(json.dumps(entries), encoding="utf-8")
    return draft.replace(path)


def _find_export(folder: Path) -> Path:
    if (folder / ANNOTATIONS).is_file():
        return folder / ANNOTATIONS
    found = sorted(path.name for path in folder.glob("*.json"))
    if len(found) != 1:
        found_instead = f"{len(found)} JSON files ({', '.join(found)})" if found else "no other JSON file"
        raise UserError(f"{folder} has no {ANNOTATIONS} and {found_instead}; expected one VIA export.")
    return folder / found[0]


def _read_export(path: Path) -> list[tuple[str, list[dict[str, Any]]]]:
    """The file's photos, in order: name and region entries."""
    try:
        export = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}.") from error
    if isinstance(export, dict):
        export = export.get("_via_img_metadata", export)
    if not isinstance(export, dict):
        raise UserError(f"{path} is not a VIA file: expected an object of photos, found {type(export).__name__}.")
    photos = []
    for key, entry in export.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("filename"), str):
            raise UserError(f"{path} is not a VIA export or project: its entry {key!r} has no `filename`.")
        regions = entry.get("regions", [])
        if isinstance(regions, dict):  # VIA 1.x
            regions = list(regions.values())
        if not isinstance(regions, list):
            raise UserError(f"{path}: `regions` of {key!r} is a {type(regions).__name__}; expected a list.")
        for index, region in enumerate(regions):
            for part in ("shape_attributes", "region_attributes"):
                if not isinstance(region, dict) or not isinstance(region.get(part), dict):
                    raise UserError(f"{path}: region {index} of {key!r} has no object `{part}`.")
        photos.append((entry["filename"], regions))
    return photos


class _Unusable(Exception):  # noqa: N818 - it is a reason, not an error of the program
    """Why a photo or region is left out: a kind of fault and its detail."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail


def _read_photo(folder: Path, name: str, entries: list[dict[str, Any]], faults: list[Fault]) -> Photo:
    if not stays_inside(folder, name):
        raise _Unusable("unsafe file name", "leads out of the folder")
    path = folder / name
    if not path.is_file():
        raise _Unusable("missing photo", "listed, but not in the folder")
    try:
        with Image.open(path) as image:
            images.check_readable(image, images.MAX_PIXELS)
            (width, height), mode = image.size, image.mode
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception as error:  # Pillow's decoders raise almost anything on a broken file
        raise _Unusable("unreadable photo", str(error).replace(str(path), name)) from error
    if mode != "RGB":
        faults.append(Fault("colour conversion", name, None, f"its pixels are of Pillow's mode {mode}"))
    if orientation in range(2, 9):
        faults.append(Fault("EXIF rotation", name, None, f"stored with orientation {orientation}"))
        if orientation >= 5:  # turned by a quarter, so its sides swap
            width, height = height, width
    regions = []
    for index, entry in enumerate(entries):
        try:
            regions.append(_read_region(name, index, entry, width, height, faults))
        except _Unusable as unusable:
            faults.append(Fault(unusable.kind, name, index, unusable.detail))
    if not regions:
        raise _Unusable("no regions", f"none of {len(entries)} is usable" if entries else "listed without any")
    return Photo(path, width, height, tuple(regions))


def stays_inside(folder: Path, name: str) -> bool:
    """Whether `name` is a relative path that, links followed, ends in `folder`. Windows' separators count as well."""
    parts = PureWindowsPath(name)
    if parts.anchor or ".." in parts.parts or "\0" in name:
        return False
    return (folder / name).resolve().is_relative_to(folder.resolve())


def _read_region(name: str, index: int, entry: dict[str, Any], width: int, height: int, faults: list[Fault]) -> Region:
    shape, attributes = entry["shape_attributes"], entry["region_attributes"]
    if shape.get("name") not in SHAPES:
        raise _Unusable("unknown shape", f"{shape.get('name')!r}; known are {', '.join(SHAPES)}")
    try:
        polygon = outline(shape)
    except ValueError as error:
        raise _Unusable("bad coordinates", str(error)) from error
    if len(polygon) < 3:
        raise _Unusable("too few points", f"{len(polygon)}, where an area needs 3")
    overshoot = max(-polygon.min(), *(polygon.max(axis=0) - (width - 1, height - 1)))
    if overshoot > 0:
        detail = f"{overshoot:.3g} px beyond the last of {width} x {height}"
        faults.append(Fault("outside the photo", name, index, detail))
        polygon = clip(polygon, width, height)
    if not covers_pixel(polygon, width, height):
        raise _Unusable("no area", "covers no pixel of the photo")
    label = _read_label(attributes.get("fmask"))
    if label is None:
        blank = attributes.get("fmask") is None or str(attributes["fmask"]).strip() == ""
        detail = "`fmask` is empty" if blank else f"{attributes['fmask']!r}; known are {', '.join(CLASS_NAMES)}"
        faults.append(Fault("blank label" if blank else "unknown label", name, index, detail))
    ignore = label is None or str(attributes.get("ignore")).strip().lower() == "true"
    return Region(label, polygon, ignore, index)


def _read_label(value: Any) -> str | None:
    label = value.strip().lower() if isinstance(value, str) else None
    return label if label in CLASS_NAMES else None


def _region_entry(region: Region) -> dict[str, Any]:
    x, y = region.polygon.T.tolist()
    attributes = {"fmask": region.label or ""} | ({"ignore": "true"} if region.ignore and region.label else {})
    return {
        "shape_attributes": {"name": "polygon", "all_points_x": x, "all_points_y": y},
        "region_attributes": attributes,
    }
