"""Exceptions with a meaning of their own."""

INTERRUPTED = 130
"""Exit status, as of a shell's command that Ctrl-C ended."""


class UserError(Exception):
    """A mistake in what the user gave: one sentence that names the thing, what was found and what is allowed.

    Command-line entry points print the sentence and exit with its status; library users may catch it.
    """

    status = 2


class SomeFailedError(UserError):
    """Of several things some could not be done, and the sentence says which; the others are done."""

    status = 1


class Diverged(UserError):  # noqa: N818 - as all sentences to the user, told without a traceback
    """A training's loss is no finite number any more: from its last checkpoint on it would be so again."""


class Pruned(Exception):  # noqa: N818 - no error
    """A run is stopped early, on purpose: what it shows so far is not worth the time to its end."""


def printable(name: str) -> str:
    """A name out of somebody's file, with escapes in place of what would not print, or would command a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in name)
