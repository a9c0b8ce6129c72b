"""Cameras of this machine. OpenCV knows them by number on every system; PyAV would need each system's own name."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from time import monotonic

import cv2

from fmask.apps.video.reading import Footage, Frame
from fmask.utils.errors import UserError

_USUAL_RATE = 25


@contextmanager
def open_camera(index: int) -> Iterator[Footage]:
    """The camera of that number, from 0, without sound.

    Frames carry the time when they were taken: where the network is slower than the camera there are fewer of them,
    and a video made of them still plays as fast as things happened.

    Raises:
        UserError: there is no such camera, or it gives no picture.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # its own complaints of a missing camera
    camera = cv2.VideoCapture(index)
    try:
        camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # or frames would be seconds old where the network is slow
        seen, first = camera.read()
        if not seen:
            raise UserError(f"camera {index} gives no picture; cameras are numbered from 0, and this may be none.")
        rate = camera.get(cv2.CAP_PROP_FPS)
        yield Footage(
            name=f"camera {index}",
            frames=_frames(camera),
            height=first.shape[0],
            width=first.shape[1],
            rate=Fraction(round(rate) if 1 <= rate <= 1000 else _USUAL_RATE),
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
        seen, image = camera.read()
        if not seen:  # unplugged
            return
        yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), Fraction(round(1000 * (monotonic() - start)), 1000))
