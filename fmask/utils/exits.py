"""Exit messages and exit statuses of commands."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fmask.utils.errors import INTERRUPTED, UserError
from fmask.utils.secrets import without_secrets


@contextmanager
def cli_errors(program: str) -> Iterator[None]:
    """Replace the traceback of a `UserError` or of Ctrl-C in the block by a one-line message and an exit status."""
    try:
        yield
    except UserError as error:
        print(without_secrets(f"{program}: {error}"), file=sys.stderr)
        sys.exit(error.status)
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
