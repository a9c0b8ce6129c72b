"""Heads through time: which is which, and what each has been lacking for long enough to be believed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from fmask.apps.watch.boxes import overlap
from fmask.apps.watch.heads import Head

PATIENCE = 1.0
"""Seconds for which a head may be out of sight and is still the same when it is seen again in its place."""
_SAME = 0.5
"""Least share of the smaller box that a head has in common with itself in the frame before."""
_NEVER = 1e6


@dataclass(frozen=True)
class Lack:
    """A head was found to lack an item."""

    head: int
    item: str
    since: float
    """Seconds since the video's start at which it was first seen without."""


@dataclass
class Track:
    """One head, numbered from 1 in the order in which heads appear."""

    number: int
    head: Head
    """As last seen."""
    seen: float
    """When, seconds since the video's start."""
    missing: set[str] = field(default_factory=set)
    """Items that it is believed to lack."""
    _doubted: dict[str, float] = field(default_factory=dict)
    """Items that are seen where they were believed to be missing, or the other way round, and since when."""

    def see(self, head: Head, time: float, needed: Collection[str], hold: float) -> list[Lack]:
        """Take in a frame; tell what is newly believed to be missing.

        A belief changes where every sight of the head for `hold` seconds contradicts it; one that agrees with it
        starts the time anew. At first nothing is believed to be missing.
        """
        self.head, self.seen = head, time
        lacks = []
        for item in needed:
            if (item in head.items) != (item in self.missing):
                self._doubted.pop(item, None)
                continue
            since = self._doubted.setdefault(item, time)
            if time - since < hold:
                continue
            del self._doubted[item]
            self.missing ^= {item}
            if item in self.missing:
                lacks.append(Lack(self.number, item, since))
        return lacks


class Tracker:
    """Follows heads from frame to frame by overlap."""

    def __init__(self, needed: Collection[str], hold: float) -> None:
        """`needed`: items of `CLASS_NAMES`; `hold`: seconds, not negative, for which a head must lack one."""
        self.needed, self.hold = needed, hold
        self._tracks: list[Track] = []
        self._count = 0

    def update(self, heads: Sequence[Head], time: float) -> tuple[list[Track], list[Lack]]:
        """Take in the heads of a frame, `time` seconds after the video's start; times never go back.

        Returns the tracks that are in sight, in the order of `heads`, and what is newly believed to be missing.
        """
        self._tracks = [track for track in self._tracks if time - track.seen <= PATIENCE]
        known = self._match(heads)
        in_sight, lacks = [], []
        for n, head in enumerate(heads):
            track = known.get(n) or self._begin(head, time)
            lacks += track.see(head, time, self.needed, self.hold)
            in_sight.append(track)
        return in_sight, lacks

    def _match(self, heads: Sequence[Head]) -> dict[int, Track]:
        """The known tracks by position in `heads`: as many as overlap enough, those that overlap most."""
        cost = np.full((len(heads), len(self._tracks)), _NEVER)
        for n, head in enumerate(heads):
            for t, track in enumerate(self._tracks):
                shared = overlap(head.box, track.head.box)
                if shared.of_smaller >= _SAME:
                    cost[n, t] = 1 - shared.iou
        return {n: self._tracks[t] for n, t in zip(*linear_sum_assignment(cost), strict=True) if cost[n, t] < _NEVER}

    def _begin(self, head: Head, time: float) -> Track:
        self._count += 1
        track = Track(self._count, head, time)
        self._tracks.append(track)
        return track
