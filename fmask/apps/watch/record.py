"""The output of `fmask watch`: events.csv, a thumbnail of each event, and the boxes of the marked video."""

import csv
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from fmask.apps.watch.boxes import Box
from fmask.apps.watch.tracks import Track
from fmask.apps.watch.watcher import Event
from fmask.utils.errors import UserError
from fmask.visualization.boxes import Mark, draw_marks

COLUMNS = (
    *("time", "frame", "head", "missing", "since", "confidence", "reason"),
    *("y1", "x1", "y2", "x2", "thumbnail"),
)
"""Columns of events.csv. `time` is when the event was recorded and `since` when the lack began, both in seconds.
`frame` counts from 0. `confidence` is the mean score, in [0, 1], of what was seen of the head in these frames, and
`reason` says what it wears. The box is that of the head, in pixels of the frame, ends exclusive. `thumbnail` is
relative to the folder."""

COMPLETE, UNDECIDED, LACKING, CLOCK = "#1E9E3C", "#E0A000", "#D62828", "#000000"
_THUMBNAIL = 320  # largest longer side, in pixels
_MARGIN = 0.35  # shown around the head, as a share of its longer side


class Record:
    """A context manager that writes each event at once, so that no event is lost when the run ends early.

    Attributes:
        folder: the output folder.
        file: events.csv.
        events: number of events written so far.
    """

    def __init__(self, folder: Path) -> None:
        """Create the output folder, or use an empty one.

        Raises:
            UserError: the folder is not empty, or cannot be created.
        """
        self.folder = folder
        self.file = folder / "events.csv"
        self.events = 0
        try:
            if folder.exists() and any(folder.iterdir()):
                raise UserError(f"{folder} is not empty; choose a new or an empty folder with -o.")
            (folder / "thumbnails").mkdir(parents=True)
            self._open = self.file.open("w", newline="", encoding="utf-8")
        except OSError as error:
            raise self._failure(error) from error
        self._rows = csv.writer(self._open)
        self._write(lambda: self._rows.writerow(COLUMNS))

    def add(self, image: np.ndarray, event: Event) -> Path:
        """Write an event and its thumbnail.

        Args:
            image: the frame of the event, (H, W, 3) uint8 RGB.
            event: the event.

        Returns:
            The path of the thumbnail.

        Raises:
            UserError: a file cannot be written.
        """
        name = f"thumbnails/{self.events + 1:04d}_head{event.head}_no_{event.missing}.jpg"
        path = self.folder / name
        self._write(lambda: _cut(image, event.box).save(path, quality=90))
        box = _inside(event.box, *image.shape[:2])
        times = (f"{event.time:.3f}", event.frame, event.head, event.missing, f"{event.since:.3f}")
        row = (*times, f"{event.confidence:.3f}", event.reason, *box, name)
        self._write(lambda: self._rows.writerow(row))
        self.events += 1
        return path

    def __enter__(self) -> "Record":
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._open.close()

    def _write(self, write: Callable[[], Any]) -> None:
        try:
            write()
            self._open.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> UserError:
        return UserError(f"{self.folder} cannot be written: {error.strerror or error}.")


def mark_heads(image: np.ndarray, tracks: Sequence[Track], needed: Sequence[str], clock: str) -> np.ndarray:
    """Return a copy of `image`, (H, W, 3) uint8 RGB, with a box for each head, and `clock` in the upper left.

    A green box has all needed items. A red box names the items whose lack is an event. An amber box lacks an item in
    this frame, but not yet for long enough to be an event. Each worn item has its score.
    """
    corner = Mark((0, 0, 0, 0), CLOCK, clock, outlined=False)
    return draw_marks(image, [corner, *(_mark(track, needed) for track in tracks)])


def clock_text(seconds: float, started: datetime | None) -> str:
    """Return the time of a frame in words: the date and time if it is known when the video started, else since then.

    Args:
        seconds: since the start.
        started: when a camera was opened; None for a video file.
    """
    if started:
        return f"{started + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
    minutes, rest = divmod(int(seconds * 10) / 10, 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02d}:{rest:04.1f}"


def _mark(track: Track, needed: Sequence[str]) -> Mark:
    worn = [f"{item} {track.head.scores[item]:.2f}" for item in needed if item in track.head.scores]
    absent = [item for item in needed if item not in track.head.items]
    if track.missing:
        colour, lacks = LACKING, [f"no {item}" for item in needed if item in track.missing]
    elif absent:
        colour, lacks = UNDECIDED, [f"{item}?" for item in absent]
    else:
        colour, lacks = COMPLETE, []
    return Mark(track.head.box, colour, f"{track.number} {', '.join([*lacks, *worn])}".rstrip())


def _inside(box: Box, height: int, width: int) -> tuple[int, int, int, int]:
    y1, x1, y2, x2 = (round(value) for value in box)
    return max(0, y1), max(0, x1), min(height, y2), min(width, x2)


def _cut(image: np.ndarray, box: Box) -> Image.Image:
    y1, x1, y2, x2 = box
    margin = _MARGIN * max(y2 - y1, x2 - x1)
    top, left, bottom, right = _inside((y1 - margin, x1 - margin, y2 + margin, x2 + margin), *image.shape[:2])
    thumbnail = Image.fromarray(image[top:bottom, left:right])
    thumbnail.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return thumbnail
