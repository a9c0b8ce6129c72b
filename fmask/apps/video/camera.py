"""Frames of a camera of this machine or on the network.

OpenCV opens cameras by number on every system; PyAV needs the device names of each system.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from queue import Empty, Queue
from threading import Event, Thread
from time import monotonic

import cv2
import numpy as np

from fmask.apps.video.reading import Footage, Frame
from fmask.apps.video.sources import Camera
from fmask.utils.errors import UserError
from fmask.utils.secrets import without_secrets

_DEFAULT_RATE = 25
"""Frames per second of cameras that report no rate."""


@contextmanager
def open_camera(camera: Camera) -> Iterator[Footage]:
    """Open a camera by its number, from 0, or by its address, without sound.

    Each frame has the time at which it was taken. If the model is slower than the camera, frames are dropped, but a
    video made of the others still plays in real time.

    Raises:
        UserError: there is no such camera, or it delivers no picture.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # OpenCV prints warnings for a missing camera
    capture = cv2.VideoCapture(camera)
    with ExitStack() as stack:
        stack.callback(capture.release)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a longer one would delay the frames by seconds if the model is slow
        received, first = capture.read()
        if not received:
            raise UserError(_no_picture(camera))
        rate = capture.get(cv2.CAP_PROP_FPS)
        pictures = _pictures(capture) if isinstance(camera, int) else stack.enter_context(_newest_pictures(capture))
        yield Footage(
            name=f"camera {camera}" if isinstance(camera, int) else without_secrets(camera),
            frames=_frames(pictures),
            height=first.shape[0],
            width=first.shape[1],
            rate=Fraction(round(rate) if 1 <= rate <= 1000 else _DEFAULT_RATE),
            time_base=Fraction(1, 1000),
            count=None,
            sound=None,
            live=True,
        )


def _no_picture(camera: Camera) -> str:
    if isinstance(camera, int):
        return f"Camera {camera} delivers no picture; cameras are numbered from 0."
    return f"{camera} delivers no picture; check the address, the name and password in it, and the network."


def _frames(pictures: Iterator[np.ndarray]) -> Iterator[Frame]:
    start = monotonic()
    for image in pictures:
        yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), Fraction(round(1000 * (monotonic() - start)), 1000))


def _pictures(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """Yield the pictures of a camera until it is unplugged."""
    while True:
        received, image = capture.read()
        if not received:
            return
        yield image


@contextmanager
def _newest_pictures(capture: cv2.VideoCapture) -> Iterator[Iterator[np.ndarray]]:
    """Provide the newest picture whenever one is requested, until the stream ends.

    FFmpeg queues all pictures of a stream: without a thread that reads them, a slow model would see ever older ones.
    """
    newest: Queue[np.ndarray | None] = Queue(1)
    stopped = Event()

    def read() -> None:
        for image in _pictures(capture):
            with suppress(Empty):
                newest.get_nowait()
            newest.put(image)
            if stopped.is_set():
                return
        newest.put(None)

    thread = Thread(target=read, daemon=True)
    thread.start()
    try:
        yield _until_none(newest)
    finally:
        stopped.set()
        with suppress(Empty):
            newest.get_nowait()  # `read` may wait to put the end
        thread.join()


def _until_none(pictures: "Queue[np.ndarray | None]") -> Iterator[np.ndarray]:
    while (image := pictures.get()) is not None:
        yield image
