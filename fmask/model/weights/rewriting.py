"""Copies of the files of a network that have another operating point, and are otherwise the same."""

import shutil
from pathlib import Path

import h5py

from fmask.model.weights.exported import WEIGHTS
from fmask.model.weights.operating_point import ATTRIBUTE, PROPERTY, as_text
from fmask.structures.operating_point import OperatingPoint
from fmask.utils.files import atomic_write, sha256_of


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
