"""Photos, decoded. They may come from anybody: what is read of a file is bounded before any of it is decoded."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from fmask.utils.errors import UserError

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: a file of a few kilobytes can unpack to more than the memory holds."""
MAX_SCANS = 100
"""JPEGs that go over their pixels more often are refused; those made for slow lines do about ten times."""
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # Pillow's, of what is refused anyway
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")
"""Of the many that Pillow knows; some of the others start programs, or have decoders that nobody looks after."""


MARKER = re.compile(rb"\xff([^\x00\xff])")
"""FF and a number. Entropy-coded data has FF 00 where it means FF, so that no marker is ever inside it."""
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers without a segment: TEM, the restarts inside a scan, and SOI."""


@dataclass(frozen=True)
class Header:
    """What the beginning of a photo's file says of it."""

    width: int
    height: int
    """Pixels, after EXIF rotation."""
    mode: str
    """Pillow's."""
    orientation: int
    """EXIF's, 1 to 8; 1 is upright."""


def load_image(path: Path) -> np.ndarray:
    """A photo's pixels: uint8 RGB (H, W, 3), as `open_image` has them, with its errors."""
    return np.array(open_image(path))


def open_image(path: Path) -> Image.Image:
    """A photo, decoded in full: 8-bit RGB, EXIF rotation applied.

    Grey, CMYK, palette and 16-bit pictures are converted; transparency is dropped, as the reference does. Of an
    animation it is the first picture.

    Raises:
        UserError: the file is missing, no whole picture of one of `FORMATS`, or larger than `MAX_PIXELS`.
    """
    return decode(path, str(path), MAX_PIXELS)


def decode(file: Path | BinaryIO, name: str, max_pixels: int) -> Image.Image:
    """A photo as `open_image` has it, from a file or its open contents, which errors call `name`.

    Raises:
        UserError: it is no whole picture of one of `FORMATS`, or has more than `max_pixels` pixels.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            _check_readable(image, max_pixels)
            _check_scans(image)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip at 255, not scale
                scaled = (np.clip(np.asarray(image), 0, 65535) >> 8).astype(np.uint8)
                return Image.fromarray(scaled).convert("RGB")
            return image if image.mode == "RGB" else image.convert("RGB")
    except Exception as error:  # Pillow's decoders raise almost anything on a broken file
        raise UserError(f"{name} is not a readable photo: {_reason(error)}.") from error


def read_header(path: Path) -> Header:
    """What a photo's file says of it, without decoding the pixels.

    Raises:
        ValueError: it is nothing that `open_image` would take, why being its message.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_readable(image, MAX_PIXELS)
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            width, height = image.size
            mode = image.mode
    except Exception as error:
        raise ValueError(_reason(error)) from error
    if orientation in range(5, 9):  # turned by a quarter, so its sides swap
        width, height = height, width
    return Header(width, height, mode, orientation if orientation in range(1, 9) else 1)


def _check_readable(image: Image.Image, max_pixels: int) -> None:
    """Raises `ValueError` where a picture, of which the head may be all that is read, is not to be decoded."""
    if image.width * image.height > max_pixels:
        raise ValueError(f"{image.width} x {image.height} pixels, more than {max_pixels // 10**6} megapixels")
    if image.mode in ("F", "LAB", "HSV"):
        raise ValueError(f"pixels of Pillow's mode {image.mode} have no plain conversion to RGB")


def _check_scans(image: Image.Image) -> None:
    """Raises `ValueError` where decoding a JPEG, which is open and at its beginning, would take no end."""
    if isinstance(image, JpegImageFile) and image.fp:
        image.fp.seek(0)
        if (scans := count_scans(image.fp.read())) > MAX_SCANS:
            raise ValueError(f"{scans} scans, more than {MAX_SCANS}")


def _reason(error: Exception) -> str:
    """Why a file is no photo, in a few words without its path."""
    if isinstance(error, UnidentifiedImageError):
        return f"its contents are of no picture format that is read ({', '.join(FORMATS)})"
    if isinstance(
        error, Image.DecompressionBombError
    ):  # Pillow's own limit, twice ours, comes before a look at the size
        return f"more than {MAX_PIXELS // 10**6} megapixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def count_scans(content: bytes) -> int:
    """The scans of a JPEG file up to its end of image; what is in its segments, thumbnails too, is passed over.

    A scan takes a decoder through the whole picture, however few bytes it has: some hundred kilobytes of empty ones
    keep it busy for minutes.
    """
    scans, position = 0, 0
    while found := MARKER.search(content, position):
        position, (kind,) = found.end(), found[1]
        if kind == END_OF_IMAGE:
            break
        scans += kind == START_OF_SCAN
        if kind not in ALONE:  # its segment begins with its own length, those two bytes included
            position += max(2, int.from_bytes(content[position : position + 2]))
    return scans
