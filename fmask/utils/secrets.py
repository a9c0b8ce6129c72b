"""Removal of passwords from printed and logged text."""

import re

_SECRETS = "passw(?:or)?d|pwd|secret|token|api_?key|access_?key|credential"


def shortened(text: str, length: int = 500) -> str:
    """Return `text`, shortened to `length` characters with an ellipsis at the end if it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def without_secrets(text: str) -> str:
    """Blank out passwords in URLs, and the values of keys such as password, secret and token.

    A password in a URL ends at the last @ before a slash or a space. If there is none, because slashes and spaces in
    the password are not escaped, it ends at the first @. In http and https URLs, text that begins like a port and a
    path (`12/34`) is not a password, because paths may contain an @; and a user name without a password is a token.
    """
    text = re.sub(r"(?i)(https?://)[^:/@\s]+:?@", r"\1***@", text)
    text = re.sub(r"(://[^:/@\s]*):(?:[^/\s]+|(?!\d*[/\s])[^@\n\"']+)@", r"\1:***@", text)
    text = re.sub(r"(?i)((?<!http)(?<!https)://[^:/@\s]*):[^@\s]+@", r"\1:***@", text)
    return re.sub(
        rf"(?i)(\b[\w.-]*(?:{_SECRETS})[\w.-]*[\"']?(?:=|: ?))(?:'[^']*'|\"[^\"]*\"|[^\s,}}&]+)", r"\1***", text
    )
