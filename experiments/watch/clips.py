"""Draw short clips of people who put masks and hats on and off, with the events that a perfect observer reports."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from fmask.apps.video.reading import Frame
from fmask.apps.watch.heads import ITEMS
from fmask.data.synthetic.backgrounds import draw_background
from fmask.data.synthetic.dataset import expose, outline_items, place_heads
from fmask.data.synthetic.geometry import Pose
from fmask.data.synthetic.layers import Layer, paint
from fmask.data.synthetic.people import draw_person

WIDTH, HEIGHT = 256, 192
RATE = 5
"""Frames in a second."""
SECONDS = 12
HOLD = 1.0
"""Seconds for which a head must lack an item to be an event."""
BRIEF, LONG = (0.2, 0.6), (2.5, 4.5)
"""Ranges of seconds for which an item is off: too short for an event, or long enough."""


@dataclass(frozen=True)
class TrueEvent:
    """An event that should be reported."""

    person: int
    missing: str
    since: float
    """Seconds since the start of the clip."""


@dataclass(frozen=True)
class Person:
    """Someone who sways slowly, and wears items in some frames."""

    seed: int
    pose: Pose
    sway: tuple[float, float, float]
    """Amplitudes of x and y in units of the head's size, and of the yaw in radians."""
    period: float
    """Seconds."""
    wears: dict[str, np.ndarray]
    """By item, bool (frames,)."""

    def at(self, frame: int) -> Pose:
        """Return the pose in a frame."""
        turn = 2 * np.pi * frame / RATE / self.period
        x, y, yaw = self.sway
        pose = self.pose
        return replace(
            pose,
            x=pose.x + x * pose.size * np.sin(turn),
            y=pose.y + y * pose.size * np.sin(0.7 * turn + 1),
            yaw=float(np.clip(pose.yaw + yaw * np.sin(0.8 * turn + 2), -0.95, 0.95)),
        )


@dataclass(frozen=True)
class Clip:
    """A clip and its events."""

    people: tuple[Person, ...]
    seed: int

    @property
    def events(self) -> list[TrueEvent]:
        """The events that should be reported: each time for which a person lacks an item for at least `HOLD`."""
        return [
            TrueEvent(number, item, first / RATE)
            for number, person in enumerate(self.people)
            for item in ITEMS
            for first, last in _runs(~person.wears[item])
            if (last - first) / RATE >= HOLD
        ]

    def layers(self, frame: int) -> list[Layer]:
        """Return the people of a frame, from back to front."""
        layers: list[Layer] = []
        for person in self.people:
            mask, hat = (bool(person.wears[item][frame]) for item in ITEMS)
            layers += draw_person(np.random.default_rng(person.seed), person.at(frame), mask, hat, HEIGHT)
        return layers

    @property
    def is_clear(self) -> bool:
        """Whether each item is as visible as in the photos of the data set, in all frames."""
        return all(
            outline_items(self.layers(number), WIDTH, HEIGHT, "items") is not None for number in range(RATE * SECONDS)
        )

    def frames(self) -> Iterator[Frame]:
        """Draw the frames."""
        rng = np.random.default_rng([self.seed, 1])
        background = draw_background(rng, WIDTH, HEIGHT)
        light = np.array([rng.uniform(-0.7, 0.7), rng.uniform(-0.8, 0.1), rng.uniform(0.5, 1)])
        light /= np.linalg.norm(light)
        for number in range(RATE * SECONDS):
            layers = self.layers(number)
            exposure = np.random.default_rng([self.seed, 2])  # the same in all frames
            yield Frame(expose(exposure, paint(background, layers, light)), Fraction(number, RATE))


def draw_clip(seed: int) -> Clip:
    """Draw random clips of one to three people until one is clear."""
    rng = np.random.default_rng([seed, 0])
    while not (clip := _draw(rng, seed)).is_clear:
        pass
    return clip


def _draw(rng: np.random.Generator, seed: int) -> Clip:
    poses = place_heads(rng, int(rng.integers(1, 4)), WIDTH, HEIGHT)
    people = []
    for pose in poses:
        sway = (rng.uniform(0.1, 0.35), rng.uniform(0.05, 0.2), rng.uniform(0.05, 0.35))
        wears = {item: np.full(RATE * SECONDS, rng.random() < 0.6) for item in ITEMS}
        # A mask changes only under no hat: the drawing of a hat follows that of the mask.
        changing = "hat" if wears["hat"][0] else str(rng.choice(ITEMS))
        wears[changing] = _schedule(rng)
        people.append(Person(int(rng.integers(2**31)), pose, sway, rng.uniform(4, 9), wears))
    return Clip(tuple(people), seed)


def _schedule(rng: np.random.Generator) -> np.ndarray:
    """Return in which frames an item is worn: off for a long and a brief time, in random order."""
    worn = np.ones(RATE * SECONDS, bool)
    start = rng.uniform(1.5, 3)
    for low, high in rng.permutation([BRIEF, LONG]).tolist():
        length = rng.uniform(low, high)
        first = round(start * RATE)
        worn[first : first + max(1, round(length * RATE))] = False
        start += length + rng.uniform(1.5, 2.5)
    return worn


def _runs(values: np.ndarray) -> list[tuple[int, int]]:
    """Return first and last index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.r_[False, values, False].astype(int)))
    return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]
