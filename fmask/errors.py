"""The one exception a person using fmask is meant to read."""


class UserError(Exception):
    """A mistake in what the user gave: one sentence that names the thing, what was found and what is allowed.

    Command-line entry points print the sentence and exit with status 2; library users may catch it.
    """
