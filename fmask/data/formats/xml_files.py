"""Parse untrusted XML files."""

from pathlib import Path
from xml.etree import ElementTree

from fmask.utils.errors import UserError


def parse_xml(text: str, path: Path) -> ElementTree.Element:
    """Return the root of an XML document.

    Documents with a document type are refused: only there can entities be defined, which may expand to any size or
    contain other files.

    Args:
        text: the document.
        path: its file, for error messages.

    Raises:
        UserError: it is not well-formed, or has a document type.
    """
    if "<!DOCTYPE" in text:
        raise UserError(f"{path} has a <!DOCTYPE>, which annotation files do not need; remove it.")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise UserError(f"{path} is not valid XML: {error}.") from error
