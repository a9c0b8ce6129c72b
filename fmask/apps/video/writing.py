"""Write frames and sound to a video file."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from fmask.apps.video.reading import Footage
from fmask.apps.video.sound import Sound
from fmask.utils.errors import UserError

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""Suffixes of videos that can be written, and FFmpeg's names of their formats."""

_BT709 = 1  # FFmpeg's number for `colorspace` of an encoder; `Colorspace` numbers them differently


class VideoWriter:
    """A context manager that writes frames and the sound of their footage to a video file.

    The video codec is H.264, which every player supports, or VP9 in .webm. Frames keep their times, so the frame rate
    is that of the footage, constant or variable. A column or a row is added to frames of odd width or height. The
    sound is copied without re-encoding, up to the last frame. If the format does not support its codec, it is left out
    and `note` says so.

    The file appears when the context ends, also through an exception, and contains the frames written so far. No file
    is created if no frame was written or writing failed.

    Attributes:
        path: the file.
        written: number of frames written so far.
        note: a message for the user if the sound is left out; otherwise None.
    """

    def __init__(self, path: Path, footage: Footage) -> None:
        """Create the file.

        Raises:
            UserError: the suffix is not in `FORMATS`, or the file cannot be written.
        """
        self.path = path
        check_format(path)
        self.written = 0
        self.note: str | None = None
        self._draft = path.with_name(path.name + ".part")
        self._last = -1
        self._failed = False
        try:
            self._container = av.open(str(self._draft), "w", format=FORMATS[path.suffix.lower()])
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error
        self._stream = _add_pictures(self._container, path, footage)
        self._sound = Sound(footage.sound, self._container) if footage.sound else None
        if self._sound and self._sound.left_out:
            self.note = (
                f"{path.name} has no sound: {path.suffix} does not support {self._sound.left_out}, but .mkv does."
            )

    def write(self, image: np.ndarray, time: Fraction) -> None:
        """Add a frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            time: when the frame is shown, in seconds since the start.

        Raises:
            UserError: the file cannot be written, for example because the disk is full.
        """
        height, width = image.shape[:2]
        even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        base = self._stream.codec_context.time_base
        # Encoders refuse two frames with the same time, which occur in cameras and damaged files.
        self._last = max(round(time / base), self._last + 1)
        frame.pts, frame.time_base = self._last, base
        try:
            if self._sound:
                self._sound.copy_until(time)
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error
        self.written += 1

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            if self.written and not self._failed:
                self._container.mux(self._stream.encode())
            self._container.close()
            if self.written and not self._failed:
                self._draft.replace(self.path)
        except (av.FFmpegError, OSError) as error:
            if not self._failed:
                raise self._failure(error) from error
        finally:
            if self._sound:
                self._sound.close()
            self._draft.unlink(missing_ok=True)

    def _failure(self, error: Exception) -> UserError:
        self._failed = True
        return UserError(f"{self.path} cannot be written: {getattr(error, 'strerror', None) or error}.")


def check_format(path: Path) -> None:
    """Check that a video of this name can be written.

    Raises:
        UserError: the suffix is not in `FORMATS`.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"The name of an output video must end in one of {', '.join(FORMATS)}, not {path}.")


def _add_pictures(container: OutputContainer, path: Path, footage: Footage) -> VideoStream:
    if path.suffix.lower() == ".webm":
        options = {"crf": "31", "b": "0", "deadline": "realtime", "cpu-used": "6"}
        stream = container.add_stream("libvpx-vp9", rate=footage.rate, options=options)
    else:
        stream = container.add_stream("libx264", rate=footage.rate, options={"crf": "20", "preset": "veryfast"})
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = footage.width + footage.width % 2, footage.height + footage.height % 2
    stream.pix_fmt = "yuv420p"
    encoder = stream.codec_context
    encoder.time_base = footage.time_base
    # Without this, players guess the colour space from the size of the video.
    encoder.colorspace, encoder.color_range = _BT709, ColorRange.MPEG
    encoder.color_primaries, encoder.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return stream
