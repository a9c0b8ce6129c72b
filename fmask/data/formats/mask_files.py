"""PNG masks: in the folder `masks`, a PNG file for each photo, of its name and size, whose values are classes.

0 is background. A value v below 1000 is the class in line v of `classes.txt`, and each connected part is an object. A
value of 1000 or more, in 16-bit files, is object v % 1000 of class v // 1000, as in Cityscapes: objects that touch stay
apart, and their parts need not be connected. 255 counts neither as an object nor as background.
"""

from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fmask.data.formats.limits import MAX_REGIONS
from fmask.data.formats.translation import Translation, find_photo
from fmask.data.images import MAX_PIXELS
from fmask.data.paths import PHOTO_SUFFIXES
from fmask.structures.run_length import RunLengths, encode_mask
from fmask.utils.errors import UserError

FOLDER = "masks"
"""The folder of the masks."""
CLASSES = "classes.txt"
"""The file with the names of the classes, one a line: in the folder of the photos, or in the one above."""
IGNORED = 255
"""The value of pixels that count neither as objects nor as background."""
_PER_CLASS = 1000
"""Values from here on are this times the class, plus the number of the object."""


def read(masks: Path, folder: Path) -> Translation:
    """Read PNG masks.

    Args:
        masks: their folder.
        folder: the folder of the photos.

    Raises:
        UserError: there is no `classes.txt`, or a mask cannot be read or has a class that is not in it.
    """
    listing = next((each for each in (folder / CLASSES, folder.absolute().parent / CLASSES) if each.is_file()), None)
    if listing is None:
        raise UserError(f"{masks} needs {folder / CLASSES} with the names of the classes, one a line.")
    names = _read_names(listing)
    translation = Translation(names)
    for file in sorted(each for each in masks.iterdir() if each.suffix.lower() == ".png" and each.name[0] != "."):
        labelled, values = _objects(file, _stamp(file))
        name = find_photo(folder, [file.stem + suffix for suffix in (".jpg", *sorted(PHOTO_SUFFIXES))])
        photo = translation.add_photo(name, (labelled.shape[1], labelled.shape[0]))
        for index, value in enumerate(values, start=1):
            mask = partial(_mask, file, index)
            class_id = value // _PER_CLASS if value >= _PER_CLASS else value
            if value == IGNORED:
                translation.add_ignored(photo, mask)
            elif class_id <= len(names):
                translation.add_object(photo, names[class_id - 1], mask)
            else:
                raise UserError(f"{file} has the value {value}, but {listing} names {len(names)} classes.")
    return translation


def _read_names(listing: Path) -> list[str]:
    try:
        names = [line.strip() for line in listing.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, ValueError) as error:
        raise UserError(f"{listing} is not a readable text file: {error}.") from error
    names = names[: max((index for index, name in enumerate(names, start=1) if name), default=0)]
    if not names or not all(names):
        raise UserError(f"{listing} must have the name of a class in each line, the class 1 in the first.")
    return names


def _mask(file: Path, index: int, width: int, height: int) -> RunLengths:
    """Return the mask of an object, from 1."""
    labelled, _ = _objects(file, _stamp(file))
    return encode_mask(labelled == index)


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)  # the objects of a photo are read one after the other
def _objects(file: Path, stamp: tuple[int, int]) -> tuple[np.ndarray, list[int]]:
    """Return the number of the object that each pixel belongs to, int32 (H, W), 0 for none; and each object's value."""
    pixels = _decode(file)
    labelled = np.zeros(pixels.shape, dtype=np.int32)
    values: list[int] = []
    for value in np.unique(pixels[pixels > 0]).tolist():
        if len(values) > MAX_REGIONS:  # the photo is left out
            break
        mask = pixels == value
        if value >= _PER_CLASS or value == IGNORED:
            values.append(value)
            labelled[mask] = len(values)
            continue
        count, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        parts[parts > MAX_REGIONS] = 0
        labelled[mask] = np.where(parts[mask] > 0, parts[mask] + len(values), 0)
        values += [value] * min(count - 1, MAX_REGIONS + 1)
    return labelled, values


def _decode(file: Path) -> np.ndarray:
    """Return the values of a mask: int (H, W)."""
    try:
        with Image.open(file, formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS // 10**6} megapixels")
            if image.mode not in ("1", "L", "P", "I", "I;16"):
                raise ValueError(f"it has colours (Pillow mode {image.mode}); expected grey values or a palette")
            return np.asarray(image).astype(np.int32)
    except Exception as error:  # Pillow's decoders raise almost any exception for a broken file
        raise UserError(f"{file} is not a readable mask: {str(error).rstrip('.')}.") from error
