"""The network on frames, as many at once as memory is made for."""

from collections.abc import Iterator
from itertools import islice

from fmask.apps.video.reading import Footage, Frame
from fmask.inference.predictor import Predictor
from fmask.structures.detections import Detections

_MASKS_AT_ONCE = 10**9
"""Bytes; a mask is as large as its photo."""
_MANY = 100
"""Things that a network which knows little may find in each."""


def predict_frames(footage: Footage, predictor: Predictor, min_confidence: float) -> Iterator[tuple[Frame, Detections]]:
    """Each frame with what is found in it with at least `min_confidence`.

    Frames of a file go through the network as many together as it is made for, fewer where they are very large; those
    of a camera one by one, so that none waits for the next.
    """
    together = 1 if footage.live else frames_at_once(predictor.batch_size, footage.height, footage.width)
    while frames := list(islice(footage.frames, together)):
        found = predictor.predict([frame.image for frame in frames], batch_size=together)
        yield from zip(frames, (each.at_least(min_confidence) for each in found), strict=True)


def frames_at_once(batch: int, height: int, width: int) -> int:
    """How many frames of that size are detected together, 1 or more, by a network that is made for `batch`."""
    return max(1, min(batch, _MASKS_AT_ONCE // (_MANY * height * width)))
