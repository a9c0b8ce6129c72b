"""What a command-line argument names: a video file, a camera of this machine, or a camera on the network."""

from pathlib import Path
from urllib.parse import urlsplit

from fmask.utils.errors import UserError

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp", ".ogv"}
)
STREAMS = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://")
"""The beginnings of the addresses of network cameras."""

Camera = int | str
"""The number of a camera of this machine, from 0, or the address of a network camera."""


def is_video(path: Path) -> bool:
    """Return whether the path has the suffix of a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def find_camera(text: str) -> Camera | None:
    """Return the camera that the text names; None if it names none.

    Raises:
        UserError: the text is the address of a video file on a web server, which is not a camera.
    """
    if text.lower().startswith(STREAMS):
        address = urlsplit(text)
        if address.scheme.lower() in ("http", "https") and is_video(Path(address.path)):
            raise UserError(f"{text} is a video file, not a camera; download it first.")
        return text
    return int(text) if text.isdecimal() and not Path(text).exists() else None


def camera_name(camera: Camera) -> str:
    """Return a name for the camera's output files, without a password: `camera0`, `camera_gate.local`."""
    return f"camera{camera}" if isinstance(camera, int) else f"camera_{urlsplit(camera).hostname or 'stream'}"
