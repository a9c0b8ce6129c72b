"""Many photos through a trained network, a few at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fmask.data.images import load_image
from fmask.detections import Detections, Finder
from fmask.errors import UserError


def find(detector: Finder, photos: Sequence[Path]) -> Iterator[tuple[Path, Detections | UserError]]:
    """What is found in each photo, in order, or why the photo cannot be read; no more than a batch is in memory."""
    for start in range(0, len(photos), detector.batch):
        read = [_read(photo) for photo in photos[start : start + detector.batch]]
        found = iter(detector.detect_all([image for image in read if not isinstance(image, UserError)]))
        for photo, image in zip(photos[start:], read, strict=False):
            yield photo, image if isinstance(image, UserError) else next(found)


def _read(photo: Path) -> np.ndarray | UserError:
    try:
        return load_image(photo)
    except UserError as error:
        return error
