"""A storage that is away for a while is asked again: a training is worth more than what is told of it."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from fmask.utils.secrets import without_secrets

Answer = TypeVar("Answer")
TROUBLES = (OSError, StorageInternalError, SQLAlchemyError)
"""What storages raise that are away."""
BRIEFLY = (0.5, 2.0, 8.0)
"""Seconds before each further attempt, where a training waits."""
LONG = (1.0, 4.0, 15.0, *[60.0] * 10)
"""The same where a training has ended, and what came of it would be lost."""

log = logging.getLogger(__name__)


def insist(ask: Callable[[], Answer], pauses: Sequence[float]) -> Answer:
    """What `ask` returns, in the end; after the last pause it raises what it raises."""
    for pause in pauses:
        try:
            return ask()
        except TROUBLES as error:
            log.warning("The search's storage is away (%s); it is asked again in %g s.", in_a_line(error), pause)
            time.sleep(pause)
    return ask()


def in_a_line(error: Exception) -> str:
    """An exception's kind and the first line of what it says."""
    return without_secrets(f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}")
