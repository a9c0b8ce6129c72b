"""Moving pictures as upright RGB frames, each with its time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fmask.utils.errors import UserError

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp", ".ogv"}
)


@dataclass(frozen=True)
class Frame:
    """One picture of a video."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB, upright."""
    time: Fraction
    """Seconds since the video's start."""


@dataclass(frozen=True)
class Footage:
    """A video or camera that is open."""

    name: str
    frames: Iterator[Frame]
    """All of one size; can be gone through once."""
    height: int
    width: int
    rate: Fraction
    """Frames a second, on average."""
    time_base: Fraction
    """Seconds of which all times are whole multiples, nearly."""
    count: int | None
    """About how many frames there will be; None where nobody knows."""
    sound: Path | None
    """The file whose sound belongs to the frames."""
    live: bool
    """A camera, which goes on until it is stopped."""


@contextmanager
def open_video(path: Path) -> Iterator[Footage]:
    """A video file in any format that FFmpeg reads.

    Frames are turned as the file says that they are to be shown. Those that are damaged are passed over, as players
    do; the others keep their times.

    Raises:
        UserError: the file is none, or it has no frame that can be decoded.
    """
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise UserError(f"{path} is not a readable video: {_reason(error)}.") from error
    with container:
        if not container.streams.video:
            raise UserError(f"{path} holds no pictures, only {_kinds(container)}.")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        frames = _upright(container, stream)
        first = next(frames, None)
        if first is None:
            raise UserError(f"{path} has no frame that can be decoded.")
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        yield Footage(
            name=path.name,
            frames=_rejoin(first, frames),
            height=first.image.shape[0],
            width=first.image.shape[1],
            rate=rate,
            time_base=stream.time_base or 1 / rate,
            count=_count(container, stream, rate),
            sound=path if container.streams.audio else None,
            live=False,
        )


def starts_at(container: InputContainer) -> Fraction:
    """Seconds on the file's clock at which its first packet is due; clocks of recordings may start anywhere."""
    return Fraction(container.start_time or 0, av.time_base)


def _upright(container: InputContainer, stream: VideoStream) -> Iterator[Frame]:
    start, step = starts_at(container), 1 / (stream.average_rate or Fraction(25))
    width = height = 0
    time = -step
    for frame in _decoded(container, stream):
        # An .avi has no times but a rate, and what FFmpeg makes of that is out of order where frames are.
        if frame.pts is None or frame.time_base is None or container.format.name == "avi":
            time += step
        else:
            time = max(frame.pts * frame.time_base - start, Fraction(0))
        width, height = width or frame.width, height or frame.height  # should the size change, the first one is kept
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


def _rejoin(first: Frame, others: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from others


def _count(container: InputContainer, stream: VideoStream, rate: Fraction) -> int | None:
    if stream.frames:
        return stream.frames
    return round(container.duration * rate / av.time_base) if container.duration else None


def _kinds(container: InputContainer) -> str:
    return " and ".join(sorted({stream.type for stream in container.streams})) or "nothing"


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
