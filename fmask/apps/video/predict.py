"""Predictions for the frames of a video, in batches that fit into memory."""

from collections.abc import Iterator
from itertools import islice

from fmask.apps.video.reading import Footage, Frame
from fmask.inference.predictor import Predictor
from fmask.structures.detections import Detections

_MASK_BYTES = 10**9
"""Memory for the masks of a batch; a mask has one byte per pixel of its frame."""
_DETECTIONS = 100
"""Detections per frame to reserve memory for; a poorly trained model may find as many."""


def predict_frames(
    footage: Footage, predictor: Predictor, min_confidence: float | None
) -> Iterator[tuple[Frame, Detections]]:
    """Yield each frame with its detections that count, as by `Detections.select`.

    Frames of a file are predicted in batches of the predictor's batch size, or fewer if the frames are very large.
    Frames of a camera are predicted one by one, so that no frame waits for the next.
    """
    batch_size = 1 if footage.live else frames_at_once(predictor.batch_size, footage.height, footage.width)
    while frames := list(islice(footage.frames, batch_size)):
        found = predictor.predict([frame.image for frame in frames], batch_size=batch_size)
        yield from zip(frames, (each.select(min_confidence) for each in found), strict=True)


def frames_at_once(batch_size: int, height: int, width: int) -> int:
    """Return the number of frames of this size to predict at once: from 1 to `batch_size`, limited by memory."""
    return max(1, min(batch_size, _MASK_BYTES // (_DETECTIONS * height * width)))
