"""Blanks out passwords wherever something is printed or logged."""

import re

_SECRETS = "passw(?:or)?d|pwd|secret|token|api_?key|access_?key|credential"


def shortened(text: str, length: int = 500) -> str:
    """`text`, cut to `length` characters with an ellipsis at the end."""
    return text if len(text) <= length else text[: length - 1] + "…"


def without_secrets(text: str) -> str:
    """Blank out passwords in URLs, and values whose `key=` or `key:` says password, secret, token or the like.

    A password ends at the last @ before a slash; where there is none, for not all escape their slashes and blanks, at
    the first @, unless it begins as a port does. On the web, where paths may have an @, so does `12/34`; a name without
    a password is a token there.
    """
    text = re.sub(r"(?i)(https?://)[^:/@\s]+:?@", r"\1***@", text)
    text = re.sub(r"(://[^:/@\s]*):(?:[^/\s]+|(?!\d*[/\s])[^@\n\"']+)@", r"\1:***@", text)
    text = re.sub(r"(?i)((?<!http)(?<!https)://[^:/@\s]*):[^@\s]+@", r"\1:***@", text)
    return re.sub(
        rf"(?i)(\b[\w.-]*(?:{_SECRETS})[\w.-]*[\"']?(?:=|: ?))(?:'[^']*'|\"[^\"]*\"|[^\s,}}&]+)", r"\1***", text
    )
