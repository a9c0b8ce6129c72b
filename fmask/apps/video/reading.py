"""Read videos as upright RGB frames with their times."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fmask.utils.errors import UserError


@dataclass(frozen=True)
class Frame:
    """One frame of a video or a camera."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB, upright."""
    time: Fraction
    """Seconds since the start of the video."""


@dataclass(frozen=True)
class Footage:
    """An open video or camera."""

    name: str
    """Its name in progress bars."""
    frames: Iterator[Frame]
    """The frames, all of the same size. They can be iterated once."""
    height: int
    """Height of the frames in pixels."""
    width: int
    """Width of the frames in pixels."""
    rate: Fraction
    """Average number of frames per second."""
    time_base: Fraction
    """Time unit in seconds: the times of the frames are approximately multiples of it."""
    count: int | None
    """Estimated number of frames; None if unknown."""
    sound: Path | None
    """The file that contains the sound of the frames."""
    live: bool
    """Whether this is a camera, which has no end."""


@contextmanager
def open_video(path: Path) -> Iterator[Footage]:
    """Open a video file in any format that FFmpeg reads.

    Frames are rotated as the file specifies. Damaged frames are skipped, as video players do; the other frames keep
    their times.

    Raises:
        UserError: the file is not a video, or none of its frames can be decoded.
    """
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise UserError(f"{path} is not a readable video: {_reason(error)}.") from error
    with container:
        if not container.streams.video:
            raise UserError(f"{path} contains no video, only {_kinds(container)}.")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        frames = _upright(container, stream)
        first = next(frames, None)
        if first is None:
            raise UserError(f"None of the frames of {path} can be decoded.")
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        yield Footage(
            name=path.name,
            frames=chain([first], frames),
            height=first.image.shape[0],
            width=first.image.shape[1],
            rate=rate,
            time_base=stream.time_base or 1 / rate,
            count=_count(container, stream, rate),
            sound=path if container.streams.audio else None,
            live=False,
        )


def starts_at(container: InputContainer) -> Fraction:
    """Return the time of the first packet in seconds on the clock of the file, which need not start at 0."""
    return Fraction(container.start_time or 0, av.time_base)


def _upright(container: InputContainer, stream: VideoStream) -> Iterator[Frame]:
    start, step = starts_at(container), 1 / (stream.average_rate or Fraction(25))
    width = height = 0
    time = -step
    for frame in _decoded(container, stream):
        # An .avi file has a rate but no times, and the times that FFmpeg derives may be out of order.
        if frame.pts is None or frame.time_base is None or container.format.name == "avi":
            time += step
        else:
            time = max(frame.pts * frame.time_base - start, Fraction(0))
        width, height = width or frame.width, height or frame.height  # if the size changes, keep the first
        image = frame.to_ndarray(format="rgb24", width=width, height=height)
        yield Frame(np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90))), time)


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _count(container: InputContainer, stream: VideoStream, rate: Fraction) -> int | None:
    if stream.frames:
        return stream.frames
    return round(container.duration * rate / av.time_base) if container.duration else None


def _kinds(container: InputContainer) -> str:
    return " and ".join(sorted({stream.type for stream in container.streams})) or "nothing"


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
