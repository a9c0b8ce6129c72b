"""Prediction on many photo files, in batches or in several threads."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from fmask.data.images import load_image
from fmask.inference.predictor import Predictor
from fmask.structures.detections import Detections, EncodedDetections
from fmask.utils.errors import UserError


def iter_predictions(
    predictor: Predictor, photos: Sequence[Path], batch_size: int | None = None
) -> Iterator[tuple[Path, Detections | UserError]]:
    """Yield the detections in each photo, in order.

    If the batch size is 1 and the predictor has several threads, each thread works on its own photo, and at most one
    photo more than there are threads is in memory, with its masks. Otherwise only one photo, or the masks of one photo,
    is in memory.

    Args:
        predictor: the network.
        photos: the photo files.
        batch_size: photos per batch; by default `predictor.batch_size`, or the number of photos if that is smaller. The
            same batch size in all calls saves tracing the network again.

    Yields:
        The photo and its detections, or the reason why it cannot be read.
    """
    size = batch_size or min(predictor.batch_size, len(photos))
    threads = min(predictor.threads, len(photos))
    if size == 1 and threads > 1:
        yield from _in_threads(predictor.single_threaded(), photos, threads)
        return
    for start in range(0, len(photos), max(size, 1)):
        part = photos[start : start + size]
        refused: dict[Path, UserError] = {}
        found = iter(predictor.predict_each(_readable(part, refused), batch_size=size))
        ready = [next(found, None)]  # with it, all photos of the batch have been read
        for photo in part:
            yield photo, refused.get(photo) or (ready.pop() if ready else next(found))  # type: ignore[misc]


def predict_photos(predictor: Predictor, photos: Sequence[Path], batch_size: int | None = None) -> Iterator[Detections]:
    """Yield the detections in each photo like `iter_predictions`.

    Raises:
        UserError: a photo cannot be read.
    """
    return map(_found, iter_predictions(predictor, photos, batch_size))


def predict_encoded(
    predictor: Predictor, photos: Sequence[Path], batch_size: int | None = None
) -> Iterator[EncodedDetections]:
    """Yield the detections in each photo like `predict_photos`, with masks as run lengths."""
    return map(Detections.encode, predict_photos(predictor, photos, batch_size))


def _found(prediction: tuple[Path, Detections | UserError]) -> Detections:
    _, found = prediction
    if isinstance(found, UserError):
        raise found
    return found


def _in_threads(
    predictor: Predictor, photos: Sequence[Path], threads: int
) -> Iterator[tuple[Path, Detections | UserError]]:
    """Yield the detections in each photo, in order, while the threads work on the next photos."""
    pool = ThreadPoolExecutor(threads)
    try:
        coming: deque[tuple[Path, Future[Detections | UserError]]] = deque()
        for photo in photos:
            coming.append((photo, pool.submit(_detect, predictor, photo)))
            if len(coming) > threads:
                first, found = coming.popleft()
                yield first, found.result()
        while coming:
            first, found = coming.popleft()
            yield first, found.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _detect(predictor: Predictor, photo: Path) -> Detections | UserError:
    try:
        image = load_image(photo)
    except UserError as error:
        return error
    return next(iter(predictor.predict_each([image], batch_size=1)))


def _readable(photos: Sequence[Path], refused: dict[Path, UserError]) -> Iterator[np.ndarray]:
    """Yield the photos that can be read; put the reasons why others cannot into `refused`."""
    for photo in photos:
        try:
            image = load_image(photo)
        except UserError as error:
            refused[photo] = error
        else:
            yield image
            del image  # before the next photo is read
