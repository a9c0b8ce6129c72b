"""Fuzz targets: any bytes must give a valid result or a `UserError`, but no other exception and no hang."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from fmask.data.formats.read import read_split
from fmask.data.images import decode
from fmask.data.paths import ANNOTATIONS
from fmask.structures.annotations import FAULT_KINDS, NOTE_KINDS
from fmask.utils.errors import UserError

MAX_PIXELS = 1_000_000
"""Lower than the real limit, so that pictures at the limit are decoded fast."""


def prepare(folder: Path) -> None:
    """Create the photo that the seeds annotate, in the folder for `read_annotations`."""
    Image.new("RGB", (20, 12), "grey").save(folder / "a.png")


def read_annotations(content: bytes, folder: Path) -> bool:
    """Read arbitrary annotations and check the invariants of a `Split`; return whether they were accepted."""
    (folder / ANNOTATIONS).write_bytes(content)
    return read_folder(folder)


def read_files(files: Mapping[str, bytes], folder: Path) -> bool:
    """Read arbitrary files of a format with a file for each photo, or of XML or CSV, like `read_annotations`.

    Args:
        files: the contents of the files by name.
        folder: an empty folder.
    """
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    if not (folder / "images").exists():
        prepare(folder)
    return read_folder(folder)


def read_folder(folder: Path) -> bool:
    """Read a folder of photos and check the invariants of a `Split`; return whether the annotations were accepted."""
    try:
        split = read_split(folder)
    except UserError as error:
        assert_is_one_sentence(str(error))
        return False
    for photo in split.photos:
        assert photo.path.resolve().is_relative_to(folder.resolve())
        for region in photo.regions:
            assert region.label in (None, *split.classes)
            assert region.ignore or region.label
            assert region.polygon.shape >= (3, 2)
            assert np.all((region.polygon >= 0) & (region.polygon <= (photo.width - 1, photo.height - 1)))
    for fault in split.faults:
        assert fault.kind in FAULT_KINDS | NOTE_KINDS
        assert fault.file.isprintable()
        assert_is_one_sentence(fault.detail)
    return True


def read_photo(content: bytes) -> bool:
    """Decode an arbitrary photo and check the result; return whether it was accepted."""
    try:
        image = decode(io.BytesIO(content), "photo", MAX_PIXELS)
    except UserError as error:
        assert_is_one_sentence(str(error))
        return False
    assert image.mode == "RGB"
    assert 0 < image.width * image.height <= MAX_PIXELS
    assert np.asarray(image).shape == (image.height, image.width, 3)
    return True


def assert_is_one_sentence(text: str) -> None:
    """Check that a message is short and printable."""
    assert text.isprintable(), text  # no line breaks, no control characters
    assert 0 < len(text) < 1000, text
