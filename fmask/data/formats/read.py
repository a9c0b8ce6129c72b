"""Annotated photos, read from VIA's or COCO's files with every fault told and none repaired in silence."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

from fmask.data import images
from fmask.data.formats import coco, via
from fmask.data.paths import ANNOTATIONS, PHOTO_SUFFIXES, is_inside
from fmask.data.polygons import clip, covers_pixel
from fmask.structures.annotations import Fault, Photo, PhotoEntry, Region, Split, Unusable
from fmask.structures.detections import CLASS_NAMES
from fmask.utils.errors import UserError, printable

MAX_BYTES = 512 * 2**20
"""Larger annotation files are refused, for in memory they grow tenfold; the largest of COCO's own has 448 MiB."""

MAX_REGIONS = 2000
"""In one photo; each may take some hundredths of a second to look at, and no photo shows thousands of people."""


def read_split(folder: Path) -> Split:
    """Read a folder's photos and their regions, from photo headers alone.

    The annotations are those of `find_export`. Faults in single photos and regions are collected in the result. Files
    may come from anybody: their names for photos count from the folder and cannot climb out of it. What is in the
    folder may be a link, though, for many keep their photos in one place and data sets as links to them; links are
    made by who has the folder, not by the annotations, and nothing but pictures is read through them.

    Raises:
        UserError: there is no such folder, not one annotation file, or it is neither VIA's nor COCO's.
    """
    return read_file(find_export(folder), folder)


def read_file(file: Path, folder: Path, categories: Mapping[str, str] | None = None) -> Split:
    """Read the photos that an annotation file lists, which lie in `folder`; as `read_split` otherwise.

    `categories` is that of `fmask.data.formats.coco.read_entries`.

    Raises:
        UserError: there is no such folder, or the file is neither VIA's nor COCO's.
    """
    file, folder = Path(file), Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one with photos.")
    faults: list[Fault] = []
    photos: list[Photo] = []
    listed: set[str] = set()
    entries, is_coco = _read_entries(file, categories or {})
    for entry in entries:
        name = Path(entry.name).as_posix()  # which ./a.jpg and a.jpg share
        if name in listed:
            faults.append(Fault("listed twice", printable(name), None, "a second entry for the same file"))
            continue
        listed.add(name)
        try:
            photos.append(_read_photo(folder, entry, faults))
        except Unusable as unusable:
            faults.append(Fault(unusable.kind, printable(name), None, unusable.detail))
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.name not in listed:
            faults.append(
                Fault("unlisted photo", printable(path.name), None, "in the folder, but not in the annotations")
            )
    return Split(folder.resolve().name, folder, tuple(photos), tuple(faults), is_coco)


def find_export(folder: Path) -> Path:
    """A folder's annotations: `via_region_data.json`, or else the only other JSON file.

    Raises:
        UserError: there is no such folder, or not one such file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one with photos and {ANNOTATIONS}.")
    if (folder / ANNOTATIONS).is_file():
        return folder / ANNOTATIONS
    found = sorted(path.name for path in folder.glob("*.json"))
    if len(found) != 1:
        found_instead = f"{len(found)} JSON files ({', '.join(found)})" if found else "no other JSON file"
        raise UserError(f"{folder} has no {ANNOTATIONS} and {found_instead}; expected one VIA or COCO file.")
    return folder / found[0]


def _read_entries(path: Path, categories: Mapping[str, str]) -> tuple[list[PhotoEntry], bool]:
    """The file's photos, in order, and whether it is COCO's."""
    document = _parse(path)
    if coco.is_coco(document):
        return coco.read_entries(document, path, categories), True
    if categories:
        raise UserError(f"{path} is a VIA file; only the categories of COCO files can be given other names.")
    return via.read_entries(document, path), False


def _parse(path: Path) -> Any:
    """The file's document, with fractions as `Decimal` where it is COCO's and as floats where it is VIA's."""
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise UserError(f"{path} has {size} bytes; annotation files have {MAX_BYTES} at most.")
        text = path.read_text(encoding="utf-8-sig")
        guess = '"annotations"' in text  # right but for odd files: what is large should be parsed only once
        document = json.loads(text, parse_float=Decimal if guess else None)
        if coco.is_coco(document) != guess:
            document = json.loads(text, parse_float=None if guess else Decimal)
        return document
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ArithmeticError as error:
        raise UserError(f"{path} has a number with an exponent that none can have.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}.") from error


def _read_photo(folder: Path, entry: PhotoEntry, faults: list[Fault]) -> Photo:
    name, path = printable(entry.name), folder / entry.name
    if not is_inside(entry.name):
        raise Unusable("unsafe file name", "leads out of the folder")
    try:
        if not path.is_file():
            raise Unusable("missing photo", "listed, but not in the folder")
    except (OSError, ValueError) as error:  # names that no file can have
        raise Unusable("missing photo", "its name is none that a file can have") from error
    try:
        head = images.read_header(path)
    except ValueError as error:
        raise Unusable("unreadable photo", str(error)) from error
    width, height = head.width, head.height
    if entry.size not in (None, (width, height)):
        raise Unusable("other size", f"annotated as {entry.size[0]} x {entry.size[1]}, but it is {width} x {height}")
    if head.mode != "RGB":
        faults.append(Fault("colour conversion", name, None, f"its pixels are of Pillow's mode {head.mode}"))
    if head.orientation > 1:
        faults.append(Fault("EXIF rotation", name, None, f"stored with orientation {head.orientation}"))
    if len(entry.regions) > MAX_REGIONS:
        raise Unusable("too many regions", f"{len(entry.regions)}, where {MAX_REGIONS} are the most")
    regions = []
    for index in range(len(entry.regions)):
        try:
            regions.append(_read_region(entry, index, width, height, faults))
        except Unusable as unusable:
            faults.append(Fault(unusable.kind, name, index, unusable.detail))
    if not regions:
        count = len(entry.regions)
        raise Unusable("no regions", f"none of {count} is usable" if count else "listed without any")
    return Photo(path, width, height, tuple(regions), Path(entry.name).as_posix())


def _read_region(photo: PhotoEntry, index: int, width: int, height: int, faults: list[Fault]) -> Region:
    entry = photo.regions[index]
    polygon = entry.outline(width, height)
    if len(polygon) < 3:
        raise Unusable("too few points", f"{len(polygon)}, where an area needs 3")
    overshoot = max(-polygon.min(), *(polygon.max(axis=0) - (width - 1, height - 1)))
    if overshoot > photo.edge:
        detail = f"{overshoot:.3g} px beyond the last of {width} x {height}"
        faults.append(Fault("outside the photo", printable(photo.name), index, detail))
    if overshoot > 0:
        polygon = clip(polygon, width, height)
    if not covers_pixel(polygon, width, height):
        raise Unusable("no area", "covers no pixel of the photo")
    label = _read_label(entry.label)
    if label is None:
        blank = entry.label is None or str(entry.label).strip() == ""
        detail = "`fmask` is empty" if blank else f"{shortly(entry.label)}; known are {', '.join(CLASS_NAMES)}"
        faults.append(Fault("blank label" if blank else "unknown label", printable(photo.name), index, detail))
    return Region(label, polygon, entry.ignore or label is None, index)


def _read_label(value: Any) -> str | None:
    label = value.strip().lower() if isinstance(value, str) else None
    return label if label in CLASS_NAMES else None
