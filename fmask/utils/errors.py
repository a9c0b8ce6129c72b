"""Exceptions of this package."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, the same as in shells."""


class UserError(Exception):
    """Wrong input from the user. The message is one sentence: what is wrong, what was found and what is allowed.

    Command-line entry points print the message and exit with `status`. Users of the library may catch it.
    """

    status = 2
    """Exit status of a command."""


class SomeFailedError(UserError):
    """Some of several tasks failed, and the message names them; the others are done."""

    status = 1


class Diverged(UserError):  # noqa: N818
    """A loss became NaN or infinite. It would do so again if the training resumed from its last checkpoint."""


class Pruned(Exception):  # noqa: N818 - not an error
    """A run is stopped early on purpose, because its intermediate results are not promising."""


def printable(name: str) -> str:
    """Return a name from a file with escapes for unprintable characters, which could control a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in name)
