"""Texts of users in Matplotlib figures."""


def literal(text: str) -> str:
    """Return a text, such as the name of a class or a photo, that Matplotlib draws as it is.

    A `$` starts no formula. A label that starts with `_`, which Matplotlib would leave out of legends, gets a space
    without width (U+200B) before it.
    """
    return ("\u200b" if text.startswith("_") else "") + text.replace("$", r"\$")
