"""Retries of requests to an Optuna storage, so that a short outage of the storage does not end a training."""

import logging
from collections.abc import Sequence

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_chain, wait_fixed

from fmask.utils.secrets import without_secrets

STORAGE_ERRORS = (OSError, StorageInternalError, SQLAlchemyError)
"""Exceptions that Optuna's storages raise while they are unreachable."""

log = logging.getLogger(__name__)


def one_line(error: BaseException) -> str:
    """Return an exception's class and the first line of its message, without passwords."""
    return without_secrets(f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}")


def _warn(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if error:
        pause = state.upcoming_sleep
        log.warning("The search's storage is unreachable (%s); retrying in %g s.", one_line(error), pause)


def _retrying(pauses: Sequence[float]) -> Retrying:
    return Retrying(
        retry=retry_if_exception_type(STORAGE_ERRORS),
        wait=wait_chain(*map(wait_fixed, pauses)),
        stop=stop_after_attempt(len(pauses) + 1),
        before_sleep=_warn,
        reraise=True,
    )


retry_briefly = _retrying((0.5, 2.0, 8.0))
"""Retry policy for requests that a training waits for, with pauses in seconds. `retry_briefly(function, *args)` returns
the function's result. If every attempt raises one of `STORAGE_ERRORS`, the last of them is raised."""
retry_long = _retrying((1.0, 4.0, 15.0, *[60.0] * 10))
"""Retry policy, of about ten minutes, for the result of a finished training, which would otherwise be lost."""
