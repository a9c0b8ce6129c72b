"""Frames of a camera.

OpenCV opens cameras by number on every system; PyAV needs the device names of each system.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from time import monotonic

import cv2

from fmask.apps.video.reading import Footage, Frame
from fmask.utils.errors import UserError

_DEFAULT_RATE = 25
"""Frames per second of cameras that report no rate."""


@contextmanager
def open_camera(index: int) -> Iterator[Footage]:
    """Open a camera by its number, from 0, without sound.

    Each frame has the time at which it was taken. If the model is slower than the camera, frames are dropped, but a
    video made of the others still plays in real time.

    Raises:
        UserError: there is no such camera, or it delivers no picture.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # OpenCV prints warnings for a missing camera
    camera = cv2.VideoCapture(index)
    try:
        camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a longer buffer would delay the frames by seconds if the model is slow
        received, first = camera.read()
        if not received:
            raise UserError(f"Camera {index} delivers no picture; cameras are numbered from 0.")
        rate = camera.get(cv2.CAP_PROP_FPS)
        yield Footage(
            name=f"camera {index}",
            frames=_frames(camera),
            height=first.shape[0],
            width=first.shape[1],
            rate=Fraction(round(rate) if 1 <= rate <= 1000 else _DEFAULT_RATE),
            time_base=Fraction(1, 1000),
            count=None,
            sound=None,
            live=True,
        )
    finally:
        camera.release()


def _frames(camera: cv2.VideoCapture) -> Iterator[Frame]:
    start = monotonic()
    while True:
        received, image = camera.read()
        if not received:  # the camera was unplugged
            return
        yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), Fraction(round(1000 * (monotonic() - start)), 1000))
