"""Photos, decoded."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fmask.errors import UserError

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: a file of a few kilobytes can unpack to more than the memory holds."""


def load_image(path: Path) -> np.ndarray:
    """A photo's pixels: uint8 RGB (H, W, 3), as `open_image` has them, with its errors."""
    return np.array(open_image(path))


def open_image(path: Path) -> Image.Image:
    """A photo, decoded in full: 8-bit RGB, EXIF rotation applied.

    Grey, CMYK, palette and 16-bit pictures are converted; transparency is dropped, as the reference does.

    Raises:
        UserError: the file is missing, no whole picture, or larger than `MAX_PIXELS`.
    """
    return decode(path, str(path), MAX_PIXELS)


def decode(file: Path | BinaryIO, name: str, most_pixels: int) -> Image.Image:
    """A photo as `open_image` has it, from a file or its open contents, which errors call `name`.

    Raises:
        UserError: it is no whole picture, or has more than `most_pixels` pixels.
    """
    try:
        with Image.open(file) as image:
            check_readable(image, most_pixels)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip at 255, not scale
                scaled = (np.clip(np.asarray(image), 0, 65535) >> 8).astype(np.uint8)
                return Image.fromarray(scaled).convert("RGB")
            return image if image.mode == "RGB" else image.convert("RGB")
    except UnidentifiedImageError as error:
        raise UserError(f"{name} is not a readable photo: its contents are of no picture format.") from error
    except Exception as error:  # Pillow's decoders raise almost anything on a broken file
        raise UserError(f"{name} is not a readable photo: {error}.") from error


def check_readable(image: Image.Image, most_pixels: int) -> None:
    """Raises `ValueError` where a picture, of which the head may be all that is read, is not to be decoded."""
    if image.width * image.height > most_pixels:
        raise ValueError(f"{image.width} x {image.height} pixels, more than {most_pixels // 10**6} megapixels")
    if image.mode in ("F", "LAB", "HSV"):
        raise ValueError(f"pixels of Pillow's mode {image.mode} have no plain conversion to RGB")
