"""Turn the detections in the frames of a video into events."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fmask.apps.video.reading import Frame
from fmask.apps.watch.boxes import Box
from fmask.apps.watch.heads import group_heads
from fmask.apps.watch.tracks import Track, Tracker
from fmask.structures.detections import Detections


@dataclass(frozen=True)
class Event:
    """A head has lacked an item for long enough to report it."""

    time: float
    """Seconds since the start of the video."""
    frame: int
    """Number of the frame, from 0."""
    head: int
    """Number of the head's track."""
    missing: str
    """The missing item, of `fmask.apps.watch.heads.ITEMS`."""
    since: float
    """When the head was first seen without it, in seconds since the start of the video."""
    confidence: float
    """How sure it is that a head is there; see `fmask.apps.watch.tracks.Lack`."""
    worn: frozenset[str]
    """What the head wears."""
    box: Box
    """Box of the head in the frame; it may extend beyond the frame."""

    @property
    def reason(self) -> str:
        """What was seen, in a few words."""
        return f"wears a {' and a '.join(sorted(self.worn))}" if self.worn else "bare head"


class Watcher:
    """Finds events in the frames of a video, one frame after the other.

    Args:
        needed: as in `Tracker`.
        hold: as in `Tracker`.
        items: as in `group_heads`.
    """

    def __init__(self, needed: Collection[str], hold: float, items: Mapping[str, str]) -> None:
        self._tracker = Tracker(needed, hold)
        self._items = items
        self._frame = -1
        self.in_sight: list[Track] = []
        """The tracks of the heads in the latest frame."""

    def see(self, frame: Frame, found: Detections) -> list[Event]:
        """Return the events that occur with the next frame and its detections."""
        self._frame += 1
        time = float(frame.time)
        self.in_sight, lacks = self._tracker.update(group_heads(found, self._items), time)
        boxes = {track.number: track.head.box for track in self.in_sight}
        return [
            Event(time, self._frame, lack.head, lack.item, lack.since, lack.confidence, lack.worn, boxes[lack.head])
            for lack in lacks
        ]
