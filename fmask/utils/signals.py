"""Long work that is asked to stop ends at a good place."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Stop:
    """Whether somebody asked."""

    asked: bool = False


@contextmanager
def stop_on_signal() -> Iterator[Stop]:
    """While this lasts, the first Ctrl-C or SIGTERM only sets `asked`; a second one acts as it always does.

    Signals that are ignored stay ignored: under `nohup`, and of Ctrl-C in a sweep's job, which the sweep ends.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():  # where signals do not arrive
        yield stop
        return
    numbers = signal.SIGINT, signal.SIGTERM
    usual = {each: handler for each in numbers if (handler := signal.getsignal(each)) is not signal.SIG_IGN}

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def ask(_: int, __: FrameType | None) -> None:
        stop.asked = True
        restore()

    for number in usual:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()
