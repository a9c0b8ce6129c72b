"""Decode photos to 8-bit RGB, read their headers, and count the scans of JPEG files.

Files are untrusted: format, size and number of scans are checked before any pixel is decoded.
"""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from fmask.utils.errors import UserError

MAX_PIXELS = 100_000_000
"""Largest number of pixels: a file of a few kilobytes can unpack to more than the memory can store."""
MAX_SCANS = 100
"""Largest number of scans of a JPEG file; progressive files usually have about ten."""
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # Pillow's; `MAX_PIXELS` refuses such files
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")
"""Formats that are decoded. Some others that Pillow knows start programs or have unmaintained decoders."""

MARKER = re.compile(rb"\xff([^\x00\xff])")
"""A JPEG marker: FF and a code. Entropy-coded data writes FF as FF 00, so it never contains a marker."""
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
STANDALONE_MARKERS = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers without a segment: TEM, the restart markers inside a scan, and SOI."""


@dataclass(frozen=True)
class Header:
    """Properties of a photo that are known without decoding its pixels."""

    width: int
    height: int
    """In pixels, after EXIF rotation."""
    mode: str
    """Pillow's pixel mode, such as `RGB`."""
    orientation: int
    """EXIF orientation, 1 to 8; 1 is upright."""


def load_image(path: Path) -> np.ndarray:
    """Decode a photo to uint8 RGB (H, W, 3); see `open_image`."""
    return np.array(open_image(path))


def open_image(path: Path) -> Image.Image:
    """Decode a photo in full to 8-bit RGB, with EXIF rotation applied.

    Grey, CMYK, palette and 16-bit pictures are converted. Transparency is dropped, as in the reference implementation.
    Of an animation, the first frame is returned.

    Raises:
        UserError: the file is missing, incomplete, not in one of `FORMATS`, or larger than `MAX_PIXELS`.
    """
    return decode(path, str(path), MAX_PIXELS)


def decode(file: Path | BinaryIO, name: str, max_pixels: int) -> Image.Image:
    """Decode a photo like `open_image`, from a path or an open binary file that error messages call `name`.

    Raises:
        UserError: the file is missing, incomplete, not in one of `FORMATS`, or has more than `max_pixels` pixels.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            _check_readable(image, max_pixels)
            _check_scans(image)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip at 255 instead of scaling
                scaled = (np.clip(np.asarray(image), 0, 65535) >> 8).astype(np.uint8)
                return Image.fromarray(scaled).convert("RGB")
            return image if image.mode == "RGB" else image.convert("RGB")
    except Exception as error:  # Pillow's decoders raise almost any exception for a broken file
        raise UserError(f"{name} is not a readable photo: {_reason(error)}.") from error


def read_header(path: Path) -> Header:
    """Read a photo's header without decoding the pixels.

    Raises:
        ValueError: `open_image` would refuse the file; the message is the reason.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_readable(image, MAX_PIXELS)
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            width, height = image.size
            if isinstance(image, TiffImageFile):  # `size` is that after rotation in newer versions of Pillow
                width, height = (image.tag_v2[tag] for tag in (ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength))
            mode = image.mode
    except Exception as error:
        raise ValueError(_reason(error)) from error
    if orientation in range(5, 9):  # rotated by 90 degrees: width and height are swapped
        width, height = height, width
    return Header(width, height, mode, orientation if orientation in range(1, 9) else 1)


def count_scans(content: bytes) -> int:
    """Return the number of scans of a JPEG file up to its end-of-image marker.

    The contents of segments, such as embedded thumbnails, are skipped. Each scan makes a decoder process the whole
    picture, however short the scan is: a few hundred kilobytes of empty scans would keep it busy for minutes.
    """
    scans, position = 0, 0
    while found := MARKER.search(content, position):
        position, (marker,) = found.end(), found[1]
        if marker == END_OF_IMAGE:
            break
        scans += marker == START_OF_SCAN
        if marker not in STANDALONE_MARKERS:  # the segment begins with its length, which includes the two length bytes
            position += max(2, int.from_bytes(content[position : position + 2]))
    return scans


def _check_readable(image: Image.Image, max_pixels: int) -> None:
    """Raise `ValueError` if a picture, of which only the header may have been read, must not be decoded."""
    if image.width * image.height > max_pixels:
        raise ValueError(f"{image.width} x {image.height} pixels, more than {max_pixels // 10**6} megapixels")
    if image.mode in ("F", "LAB", "HSV"):
        raise ValueError(f"pixels of Pillow mode {image.mode} cannot be converted to RGB")


def _check_scans(image: Image.Image) -> None:
    """Raise `ValueError` if an open JPEG file has more than `MAX_SCANS` scans."""
    if isinstance(image, JpegImageFile) and image.fp:
        image.fp.seek(0)
        if (scans := count_scans(image.fp.read())) > MAX_SCANS:
            raise ValueError(f"{scans} scans, more than {MAX_SCANS}")


def _reason(error: Exception) -> str:
    """Return why a file is not a readable photo, in a few words without its path."""
    if isinstance(error, UnidentifiedImageError):
        return f"its format is not one of {', '.join(FORMATS)}"
    if isinstance(error, Image.DecompressionBombError):  # Pillow's limit, twice `MAX_PIXELS`, is checked first
        return f"more than {MAX_PIXELS // 10**6} megapixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
