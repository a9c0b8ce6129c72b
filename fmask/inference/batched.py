"""Many photos through a trained network, a few at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fmask.data.images import load_image
from fmask.inference.predictor import Predictor
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError


def iter_predictions(
    predictor: Predictor, photos: Sequence[Path], batch_size: int | None = None
) -> Iterator[tuple[Path, Detections | UserError]]:
    """What is found in each photo, in order, or why the photo cannot be read; no more than a batch is in memory.

    `batch_size` photos go through the network together: as many as memory is made for or, where they are fewer,
    all. One number for many calls saves tracing the network again.
    """
    together = batch_size or min(predictor.batch_size, len(photos))
    for start in range(0, len(photos), max(together, 1)):
        read = [_read(photo) for photo in photos[start : start + together]]
        images = [image for image in read if not isinstance(image, UserError)]
        found = iter(predictor.predict(images, batch_size=together))
        for photo, image in zip(photos[start:], read, strict=False):
            yield photo, image if isinstance(image, UserError) else next(found)


def predict_photos(predictor: Predictor, photos: Sequence[Path], batch_size: int | None = None) -> Iterator[Detections]:
    """What is found in each photo, as `iter_predictions` does.

    Raises:
        UserError: a photo cannot be read.
    """
    for _, found in iter_predictions(predictor, photos, batch_size):
        if isinstance(found, UserError):
            raise found
        yield found


def _read(photo: Path) -> np.ndarray | UserError:
    try:
        return load_image(photo)
    except UserError as error:
        return error
