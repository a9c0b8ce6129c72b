"""Ctrl-C and termination signals, while a run goes on and while it is being closed."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BOTH = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def termination_interrupts() -> Iterator[Callable[[], None]]:
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
