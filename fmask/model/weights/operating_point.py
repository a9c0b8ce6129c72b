"""The operating point of a network in its weight file and in its ONNX file.

It is chosen after the training, and may be chosen again for the same weights, so it is not part of the network's
description.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import h5py

from fmask.model.weights.exported import WEIGHTS
from fmask.structures.operating_point import OperatingPoint
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write, sha256_of

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


def read_operating_point(file: Path, classes: Sequence[str]) -> OperatingPoint | None:
    """Read the operating point of a weight file; None if it has none.

    Raises:
        UserError: it is damaged.
    """
    with h5py.File(file) as opened:
        text = opened.attrs.get(ATTRIBUTE)
    return from_text(text if isinstance(text, str) else None, classes, file)


def write_operating_point(source: Path, target: Path, point: OperatingPoint) -> None:
    """Write a copy of a weight file that has this operating point.

    Raises:
        UserError: the copy cannot be written; no partial file remains.
    """
    with atomic_write(target) as draft:
        shutil.copyfile(source, draft)
        with h5py.File(draft, "r+") as opened:
            opened.attrs[ATTRIBUTE] = as_text(point)


def write_exported(source: Path, target: Path, point: OperatingPoint, weights: Path) -> None:
    """Write a copy of an ONNX file that has this operating point, as that of a weight file with the same weights.

    Raises:
        UserError: the copy cannot be written; no partial file remains.
    """
    import onnx

    model = onnx.load(source)
    properties = {each.key: each.value for each in model.metadata_props}
    del model.metadata_props[:]
    for key, value in (properties | {PROPERTY: as_text(point), WEIGHTS: sha256_of(weights)}).items():
        model.metadata_props.add(key=key, value=value)
    with atomic_write(target) as draft:
        draft.write_bytes(model.SerializeToString())
