"""From frames to events."""

from collections.abc import Collection
from dataclasses import dataclass

from fmask.apps.video.reading import Frame
from fmask.apps.watch.boxes import Box
from fmask.apps.watch.heads import group_heads
from fmask.apps.watch.tracks import Track, Tracker
from fmask.structures.detections import Detections


@dataclass(frozen=True)
class Event:
    """A head has lacked an item for long enough to be believed."""

    time: float
    """Seconds since the video's start."""
    frame: int
    """From 0."""
    head: int
    missing: str
    since: float
    """Seconds since the video's start at which it was first seen without."""
    box: Box
    """The head's in that frame; may reach over its edges."""


class Watcher:
    """Looks at a video's frames one after the other."""

    def __init__(self, needed: Collection[str], hold: float) -> None:
        """`needed` and `hold` are those of `Tracker`."""
        self._tracker = Tracker(needed, hold)
        self._frame = -1
        self.in_sight: list[Track] = []
        """The heads in the latest frame."""

    def see(self, frame: Frame, found: Detections) -> list[Event]:
        """Take in the next frame and what was found in it; tell what has become an event with it."""
        self._frame += 1
        time = float(frame.time)
        self.in_sight, lacks = self._tracker.update(group_heads(found), time)
        boxes = {track.number: track.head.box for track in self.in_sight}
        return [Event(time, self._frame, lack.head, lack.item, lack.since, boxes[lack.head]) for lack in lacks]
