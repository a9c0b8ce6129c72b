"""The operating point of a network in its weight file and in its ONNX file.

It is chosen after the training, and may be chosen again for the same weights, so it is not part of the network's
description.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from fmask.structures.operating_point import OperatingPoint
from fmask.utils.errors import UserError

ATTRIBUTE = "fmask_operating_point"
"""Attribute of a weight file: the operating point as JSON text."""
PROPERTY = "fmask.operating_point"
"""Property of an ONNX file: the same."""


def as_text(point: OperatingPoint) -> str:
    """Return the text that `from_text` reads."""
    return json.dumps(point.to_json(), ensure_ascii=False)


def from_text(text: str | None, classes: Sequence[str], file: Path) -> OperatingPoint | None:
    """Read the operating point of a network.

    Args:
        text: the text of `as_text`; None if the file has none.
        classes: the class names of the network.
        file: the file of the network, for the message.

    Raises:
        UserError: `as_text` did not write the text, or it is of other classes.
    """
    try:
        return None if text is None else OperatingPoint.from_json(json.loads(text), classes)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged: {error}.") from error
