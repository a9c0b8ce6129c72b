"""Track heads over time, and decide which items each of them lacks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from fmask.apps.watch.boxes import overlap
from fmask.apps.watch.heads import Head

PATIENCE = 1.0
"""Seconds after which a track ends if its head is not detected."""
_MIN_OVERLAP = 0.5
"""Smallest overlap of a head with its previous box, as a share of the smaller box."""
_NEVER = 1e6
"""Cost of a match that is not allowed."""


@dataclass(frozen=True)
class Lack:
    """A head has lacked an item for long enough to report it."""

    head: int
    """Number of the track."""
    item: str
    """The missing item, of `fmask.apps.watch.heads.ITEMS`."""
    since: float
    """When the head was first seen without it, in seconds since the start of the video."""
    confidence: float
    """Mean over the frames since then of the highest score among what was seen of the head, in [0, 1]."""
    worn: frozenset[str]
    """What the head wears in the last frame."""


@dataclass
class _Contradicted:
    since: float
    scores: list[float] = field(default_factory=list)


@dataclass
class Track:
    """One head over time."""

    number: int
    """Counted from 1 in the order in which heads appear."""
    head: Head
    """The head as last detected."""
    seen: float
    """When it was last detected, in seconds since the start of the video."""
    missing: set[str] = field(default_factory=set)
    """Items that the head lacks."""
    _contradicted: dict[str, _Contradicted] = field(default_factory=dict)
    """Items whose latest detections contradict `missing`."""

    def see(self, head: Head, time: float, needed: Collection[str], hold: float) -> list[Lack]:
        """Update the track with the head in a new frame.

        `missing` is empty at first. The state of an item changes when every detection of the head for `hold` seconds
        contradicts it; a detection that agrees with it restarts the time.

        Returns:
            The items that became missing.
        """
        self.head, self.seen = head, time
        lacks = []
        for item in needed:
            if (item in head.items) != (item in self.missing):
                self._contradicted.pop(item, None)
                continue
            state = self._contradicted.setdefault(item, _Contradicted(time))
            state.scores.append(max(head.scores.values(), default=0.0))
            if time - state.since < hold:
                continue
            del self._contradicted[item]
            self.missing ^= {item}
            if item in self.missing:
                confidence = sum(state.scores) / len(state.scores)
                lacks.append(Lack(self.number, item, state.since, confidence, head.items))
        return lacks


class Tracker:
    """Tracks heads from frame to frame by the overlap of their boxes.

    Args:
        needed: items that each head must wear, of `fmask.apps.watch.heads.ITEMS`.
        hold: seconds, 0 or more, for which a head must lack an item.
    """

    def __init__(self, needed: Collection[str], hold: float) -> None:
        self.needed, self.hold = needed, hold
        self._tracks: list[Track] = []
        self._count = 0

    def update(self, heads: Sequence[Head], time: float) -> tuple[list[Track], list[Lack]]:
        """Update the tracks with the heads of a new frame.

        Args:
            heads: the heads.
            time: seconds since the start of the video, never less than in the previous call.

        Returns:
            The tracks of `heads`, in their order, and the items that became missing.
        """
        self._tracks = [track for track in self._tracks if time - track.seen <= PATIENCE]
        matched = self._match(heads)
        in_sight, lacks = [], []
        for n, head in enumerate(heads):
            track = matched.get(n) or self._start(head, time)
            lacks += track.see(head, time, self.needed, self.hold)
            in_sight.append(track)
        return in_sight, lacks

    def _match(self, heads: Sequence[Head]) -> dict[int, Track]:
        """Match heads to tracks: as many pairs as possible, and among those the pairs with the largest overlap.

        Returns:
            The tracks by position in `heads`.
        """
        cost = np.full((len(heads), len(self._tracks)), _NEVER)
        for n, head in enumerate(heads):
            for t, track in enumerate(self._tracks):
                shared = overlap(head.box, track.head.box)
                if shared.of_smaller >= _MIN_OVERLAP:
                    cost[n, t] = 1 - shared.iou
        return {n: self._tracks[t] for n, t in zip(*linear_sum_assignment(cost), strict=True) if cost[n, t] < _NEVER}

    def _start(self, head: Head, time: float) -> Track:
        self._count += 1
        track = Track(self._count, head, time)
        self._tracks.append(track)
        return track
