"""The network on frames, as many at once as memory is made for."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from fmask.detections import Detections
from fmask.video.reading import Footage, Frame

if TYPE_CHECKING:
    from fmask.model.detector import Detector

_MASKS_AT_ONCE = 10**9
"""Bytes; a mask is as large as its photo, and a network that knows little may find a hundred things in each."""


def find(footage: Footage, detector: "Detector", min_confidence: float) -> Iterator[tuple[Frame, Detections]]:
    """Each frame with what is found in it with at least `min_confidence`.

    Frames of a file go through the network as many together as it is made for, fewer where they are very large; those
    of a camera one by one, so that none waits for the next.
    """
    together = 1 if footage.live else frames_at_once(detector, footage.height, footage.width)
    while frames := list(islice(footage.frames, together)):
        found = detector.detect_all([frame.image for frame in frames], batch=together)
        yield from zip(frames, (each.at_least(min_confidence) for each in found), strict=True)


def frames_at_once(detector: "Detector", height: int, width: int) -> int:
    """How many frames of that size are detected together, 1 or more."""
    from fmask.model.detector import REGIONS_AT_ONCE

    config = detector.network.config
    for_network = REGIONS_AT_ONCE // config.proposals.detect
    for_masks = _MASKS_AT_ONCE // (config.detection.count * height * width)
    return max(1, min(for_network, for_masks))
