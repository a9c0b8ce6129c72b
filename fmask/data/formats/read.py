"""Read a VIA or COCO annotation file and the headers of its photos to a `Split`.

Nothing is repaired silently: whatever is changed or left out is recorded as a fault of the split.
"""

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

import numpy as np

from fmask.data import images
from fmask.data.config import ReadOptions
from fmask.data.formats import coco, foreign, via
from fmask.data.paths import ANNOTATIONS, PHOTO_SUFFIXES, is_inside, spelled_as_file
from fmask.data.polygons import clip, covers_pixel
from fmask.structures.annotations import Fault, Photo, PhotoEntry, Region, Split, Unusable
from fmask.structures.detections import CLASS_NAMES
from fmask.utils.errors import UserError, printable

MAX_BYTES = 512 * 2**20
"""Largest annotation file: parsed, a file takes ten times its size in memory. COCO's own largest file has 448 MiB."""

MAX_REGIONS = 2000
"""Largest number of regions of one photo: a check may take some 0.01 s, and no photo shows thousands of people."""


def read_split(folder: Path, options: ReadOptions | None = None) -> Split:
    """Read the photos of a folder and their regions; only the headers of the photos are read.

    The annotation file is that of `find_annotations`. Faults of single photos and regions are collected in the result.

    Annotation files are untrusted: photo names are relative to the folder and cannot leave it. Entries of the folder
    itself may be links to other places, though, as many users keep their photos elsewhere. Links are made by the owner
    of the folder, not by the annotations, and only pictures are read through them.

    Args:
        folder: the folder.
        options: how the file is read; None for the defaults.

    Raises:
        NoSuchCategory: `options` map a category or value that the file does not have.
        UserError: there is no such folder; it does not have exactly one annotation file; or that file is neither a VIA
            nor a COCO file, or does not have the classes that `options` expect.
    """
    return read_file(find_annotations(folder), folder, options)


def read_file(file: Path, folder: Path, options: ReadOptions | None = None) -> Split:
    """Read the photos that an annotation file lists; otherwise like `read_split`.

    Args:
        file: a VIA or COCO file.
        folder: the folder that the file's photo names are relative to.
        options: how the file is read; None for the defaults.

    Raises:
        NoSuchCategory: `options` map a category or value that the file does not have.
        UserError: there is no such folder; or the file is neither a VIA nor a COCO file, or does not have the classes
            that `options` expect.
    """
    options = options or ReadOptions()
    file, folder = Path(file), Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one with photos.")
    faults: list[Fault] = []
    photos: list[Photo] = []
    listed: set[str] = set()
    entries, is_coco = _read_entries(file, options)
    for entry in entries:
        entry = replace(entry, name=spelled_as_file(folder, entry.name))
        name = Path(entry.name).as_posix()  # the same for ./a.jpg and a.jpg
        if name in listed:
            faults.append(Fault("listed twice", printable(name), None, "a second entry for the same file"))
            continue
        listed.add(name)
        try:
            photos.append(_read_photo(folder, entry, options, faults))
        except Unusable as unusable:
            faults.append(Fault(unusable.kind, printable(name), None, unusable.detail))
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.name not in listed:
            faults.append(
                Fault("unlisted photo", printable(path.name), None, "in the folder, but not in the annotations")
            )
    return Split(folder.resolve().name, folder, tuple(photos), tuple(faults), is_coco)


def find_annotations(folder: Path) -> Path:
    """Return a folder's annotation file: `via_region_data.json`, or else its only JSON file.

    Raises:
        UserError: there is no such folder, or no such file, or several other JSON files.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one with photos and {ANNOTATIONS}.")
    if (folder / ANNOTATIONS).is_file():
        return folder / ANNOTATIONS
    found = sorted(path.name for path in folder.glob("*.json"))
    if len(found) != 1:
        found_instead = f"{len(found)} JSON files ({', '.join(found)})" if found else "no other JSON file"
        expected = "expected one VIA or COCO file"
        for name in found[:1] or sorted(path.name for path in folder.glob("*.csv")):
            if kind := foreign.describe_file(folder / name):
                expected = f"{name} is {kind}, but {foreign.READ}"
        raise UserError(f"{folder} has no {ANNOTATIONS} and {found_instead}; {expected}.")
    return folder / found[0]


def _read_entries(path: Path, options: ReadOptions) -> tuple[list[PhotoEntry], bool]:
    """Return the file's photos, in order, and whether it is a COCO file."""
    document = _parse(path)
    if coco.is_coco(document):
        return coco.read_entries(document, path, options.map), True
    if kind := foreign.describe(document):
        raise UserError(f"{path} is {kind}; {foreign.READ}.")
    return via.read_entries(document, path, options), False


def _parse(path: Path) -> Any:
    """Parse a JSON file, with fractions as `Decimal` for COCO files and as floats for VIA files."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Return a JSON object as a dictionary, in which a repeated key would replace the earlier value."""
        found = dict(pairs)
        if len(found) < len(pairs):
            key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise UserError(f"{path} has the key {shortly(key)} twice in one object; a JSON key may occur only once.")
        return found

    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise UserError(f"{path} has {size} bytes; an annotation file may have at most {MAX_BYTES}.")
        text = path.read_text(encoding="utf-8-sig")
        guess = '"annotations"' in text  # rarely wrong, so that large files are parsed only once
        document = json.loads(text, parse_float=Decimal if guess else None, object_pairs_hook=unique)
        if coco.is_coco(document) != guess:
            document = json.loads(text, parse_float=None if guess else Decimal, object_pairs_hook=unique)
        return document
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ArithmeticError as error:
        raise UserError(f"{path} has a number whose exponent is too large.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not valid JSON: {error}.") from error
    except (ValueError, RecursionError) as error:
        if kind := foreign.describe_text(text):
            raise UserError(f"{path} is {kind}; {foreign.READ}.") from error
        raise UserError(f"{path} is not valid JSON: {error}.") from error


def _read_photo(folder: Path, entry: PhotoEntry, options: ReadOptions, faults: list[Fault]) -> Photo:
    """Check a photo's entry against its file; append the faults of regions and of the file to `faults`."""
    name, path = printable(entry.name), folder / entry.name
    if not is_inside(entry.name):
        raise Unusable("unsafe file name", "leads out of the folder")
    try:
        if not path.is_file():
            raise Unusable("missing photo", "listed, but not in the folder")
    except (OSError, ValueError) as error:  # for example, the name is too long
        raise Unusable("missing photo", "no file can have this name") from error
    try:
        header = images.read_header(path)
    except ValueError as error:
        raise Unusable("unreadable photo", str(error)) from error
    width, height = header.width, header.height
    if entry.size not in (None, (width, height)):
        raise Unusable("other size", f"annotated as {entry.size[0]} x {entry.size[1]}, but it is {width} x {height}")
    if header.mode != "RGB":
        faults.append(Fault("colour conversion", name, None, f"the pixels have Pillow mode {header.mode}"))
    if header.orientation > 1:
        faults.append(Fault("EXIF rotation", name, None, f"stored with orientation {header.orientation}"))
    if len(entry.regions) > MAX_REGIONS:
        raise Unusable("too many regions", f"{len(entry.regions)}; at most {MAX_REGIONS} are allowed")
    present = [index for index, region in enumerate(entry.regions) if not region.left_out]
    _check_empty(entry, len(present), options, faults)
    regions = []
    for index in present:
        try:
            regions.append(_read_region(entry, index, options.attribute, (width, height), faults))
        except Unusable as unusable:
            faults.append(Fault(unusable.kind, name, index, unusable.detail))
    if present and not regions:
        raise Unusable("no regions", f"none of its {len(present)} regions is usable")
    return Photo(path, width, height, tuple(regions), Path(entry.name).as_posix(), entry.image_id)


def _check_empty(entry: PhotoEntry, count: int, options: ReadOptions, faults: list[Fault]) -> None:
    """Check that a photo has regions or counts as a photo without objects; append a wrong mark to `faults`.

    Args:
        entry: the photo.
        count: the number of its regions, without those left out by their class.
        options: what photos without regions are.
        faults: the list to append to.

    Raises:
        Unusable: it has no regions and may be a photo that nobody has looked at.
    """
    unclear = f"its `empty` is {entry.empty}, neither true nor false" if isinstance(entry.empty, str) else ""
    if count and entry.empty:
        detail = unclear or f"its `empty` is true, but it has {count} region{'' if count == 1 else 's'}"
        faults.append(Fault("marked as empty", printable(entry.name), None, detail))
    if count or entry.empty is True or options.empty_photos == "negative":
        return
    if entry.regions:
        raise Unusable("no regions", "all its regions are of classes that are left out")
    hint = "if it shows no object, give it the file attribute `empty` with the value true"
    raise Unusable("no regions", f"listed without regions; {unclear or hint}")


def _read_region(photo: PhotoEntry, index: int, attribute: str, size: tuple[int, int], faults: list[Fault]) -> Region:
    """Clip a region to its photo of `size` (width, height) and resolve its label; append its faults to `faults`."""
    entry, (width, height) = photo.regions[index], size
    polygon = entry.outline(width, height)
    if len(polygon) < 3:
        raise Unusable("too few points", f"{len(polygon)}; a polygon needs at least 3")
    if entry.fault:
        kind, detail = entry.fault
        faults.append(Fault(kind, printable(photo.name), index, detail))
    near, far = -polygon.min(), (polygon.max(axis=0) - (width - 1, height - 1)).max()
    overshoot = max(near, far)
    if overshoot > photo.edge:
        kind = "outside the photo" if near > photo.edge or far > photo.far_edge else "drawn to the edge"
        detail = f"{overshoot:.3g} px beyond the outermost pixels of {width} x {height}"
        faults.append(Fault(kind, printable(photo.name), index, detail))
    whole = polygon
    if overshoot > 0:
        polygon = clip(polygon, width, height)
    coco = entry.coco(width, height) if entry.coco else None
    if not (has_pixel := covers_pixel(polygon, width, height)):
        if coco is None:
            raise Unusable("no area", "covers no pixel of the photo")
        faults.append(Fault("no pixel", printable(photo.name), index, "its outline covers no pixel's centre"))
        polygon = np.clip(whole, 0, (width - 1, height - 1))
    label = _read_label(entry.label)
    if label is None:
        blank = entry.label is None or str(entry.label).strip() == ""
        detail = (
            f"`{attribute}` is empty" if blank else f"{shortly(entry.label)}; expected one of {', '.join(CLASS_NAMES)}"
        )
        faults.append(Fault("blank label" if blank else "unknown label", printable(photo.name), index, detail))
    return Region(label, polygon, entry.ignore or label is None, index, coco, has_pixel)


def _read_label(value: Any) -> str | None:
    label = value.strip().lower() if isinstance(value, str) else None
    return label if label in CLASS_NAMES else None
