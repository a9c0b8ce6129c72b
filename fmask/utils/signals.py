"""Long work that is asked to stop ends at a good place."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

BOTH = (signal.SIGINT, signal.SIGTERM)


@dataclass
class StopRequest:
    """Whether somebody asked."""

    requested: bool = False


@contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """While this lasts, the first Ctrl-C or SIGTERM only sets `asked`; a second one acts as it always does.

    Signals that are ignored stay ignored: under `nohup`, and of Ctrl-C in a sweep's job, which the sweep ends.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # where signals do not arrive
        yield stop
        return
    numbers = signal.SIGINT, signal.SIGTERM
    usual = {each: handler for each in numbers if (handler := signal.getsignal(each)) is not signal.SIG_IGN}

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def ask(_: int, __: FrameType | None) -> None:
        stop.requested = True
        restore()

    for number in usual:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()


@contextmanager
def sigterm_as_interrupt() -> Iterator[Callable[[], None]]:
    """Let a termination signal (a cluster's time limit, `kill`) raise KeyboardInterrupt in the block as Ctrl-C does.

    Gives a function to call when the run is to be closed: both signals are ignored from then to the end of the block,
    so that the second of an impatient user does not keep the run from being marked as what it is. `kill -9` is heard.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = {each: signal.getsignal(each) for each in BOTH}
    if before[signal.SIGTERM] is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)

    def ignore() -> None:
        for each in BOTH:
            signal.signal(each, signal.SIG_IGN)

    try:
        yield ignore
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
