"""Prediction on many photo files, in batches."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fmask.data.images import load_image
from fmask.inference.predictor import Predictor
from fmask.structures.detections import Detections, EncodedDetections
from fmask.utils.errors import UserError


def iter_predictions(
    predictor: Predictor, photos: Sequence[Path], batch_size: int | None = None
) -> Iterator[tuple[Path, Detections | UserError]]:
    """Yield the detections in each photo, in order, with no more than one batch of photos in memory.

    Args:
        predictor: the network.
        photos: the photo files.
        batch_size: photos per batch; by default `predictor.batch_size`, or the number of photos if that is smaller. The
            same batch size in all calls saves tracing the network again.

    Yields:
        The photo and its detections, or the reason why it cannot be read.
    """
    size = batch_size or min(predictor.batch_size, len(photos))
    for start in range(0, len(photos), max(size, 1)):
        read = [_read(photo) for photo in photos[start : start + size]]
        images = [image for image in read if not isinstance(image, UserError)]
        found = iter(predictor.predict(images, batch_size=size))
        for photo, image in zip(photos[start:], read, strict=False):
            yield photo, image if isinstance(image, UserError) else next(found)


def predict_photos(predictor: Predictor, photos: Sequence[Path], batch_size: int | None = None) -> Iterator[Detections]:
    """Yield the detections in each photo, in order, with no more than one batch of photos in memory.

    Raises:
        UserError: a photo cannot be read.
    """
    for _, found in iter_predictions(predictor, photos, batch_size):
        if isinstance(found, UserError):
            raise found
        yield found


def predict_encoded(
    predictor: Predictor, photos: Sequence[Path], batch_size: int | None = None
) -> Iterator[EncodedDetections]:
    """Yield the detections in each photo like `predict_photos`, with masks as run lengths."""
    return map(Detections.encode, predict_photos(predictor, photos, batch_size))


def _read(photo: Path) -> np.ndarray | UserError:
    try:
        return load_image(photo)
    except UserError as error:
        return error
