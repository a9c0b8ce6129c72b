"""How a command answers what ends it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fmask.utils.errors import INTERRUPTED, UserError
from fmask.utils.secrets import without_secrets


@contextmanager
def cli_errors(program: str) -> Iterator[None]:
    """Ends the program with one sentence and a status, in place of a traceback, on a `UserError` and on Ctrl-C."""
    try:
        yield
    except UserError as error:
        print(without_secrets(f"{program}: {error}"), file=sys.stderr)
        sys.exit(error.status)
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
