"""Texts of users in Matplotlib figures."""


def literal(text: str) -> str:
    """Return a text, such as the name of a class or a photo, that Matplotlib draws as it is: `$` starts no formula."""
    return text.replace("$", r"\$")
