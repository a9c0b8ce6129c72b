"""The ONNX file of a weight file: `last.onnx` beside `last.h5`, if it was exported from exactly these weights.

The properties of an ONNX file are read without the `onnx` package and without the weights in it: the file is a protobuf
message (https://protobuf.dev/programming-guides/encoding), whose fields can be skipped by their lengths.
"""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from fmask.utils.files import sha256_of

WEIGHTS = "fmask.weights_sha256"
"""Property of an ONNX file: the SHA-256 of the weight file that it was exported from."""
METADATA_FIELD = 14
"""Number of `ModelProto.metadata_props`; each is a message with the key in field 1 and the value in field 2."""
MAX_PROPERTY = 2**20
"""Largest number of bytes of a property."""


def exported_file(weights: Path) -> Path | None:
    """Return the ONNX file that was exported from a weight file: beside it, with the same name; None without one."""
    file = weights.with_suffix(".onnx")
    if weights.suffix == ".onnx" or not file.is_file():
        return None
    try:
        stated = read_properties(file).get(WEIGHTS)
    except (OSError, ValueError):
        return None
    return file if stated == sha256_of(weights) else None


def read_properties(file: Path) -> dict[str, str]:
    """Read the properties (`metadata_props`) of an ONNX file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not an ONNX file.
    """
    found = {}
    with file.open("rb") as opened:
        size = file.stat().st_size
        while opened.tell() < size:
            number, value = _field(opened, METADATA_FIELD)
            if number == METADATA_FIELD:
                key, text = _property(value)
                found[key] = text
    return found


def _property(content: bytes) -> tuple[str, str]:
    opened, parts = BytesIO(content), {1: b"", 2: b""}
    while opened.tell() < len(content):
        number, value = _field(opened, 1, 2)
        parts[number] = value
    return parts[1].decode(), parts[2].decode()


def _field(opened: BinaryIO, *wanted: int) -> tuple[int, bytes]:
    """Read a field of a message: its number, and its content if the number is wanted; other contents are skipped."""
    tag = _varint(opened)
    number, kind = tag >> 3, tag & 7
    if kind == 0:
        _varint(opened)
        return number, b""
    lengths = {1: 8, 5: 4}
    length = _varint(opened) if kind == 2 else lengths.get(kind)
    if length is None:
        raise ValueError(f"field {number} has the unknown type {kind}")
    if number not in wanted:
        opened.seek(length, 1)
        return number, b""
    if length > MAX_PROPERTY:
        raise ValueError(f"field {number} has {length} bytes, more than {MAX_PROPERTY}")
    return number, opened.read(length)


def _varint(opened: BinaryIO) -> int:
    value = 0
    for position in range(10):
        byte = opened.read(1)
        if not byte:
            raise ValueError("it ends within a field")
        value |= (byte[0] & 0x7F) << 7 * position
        if byte[0] < 0x80:
            return value
    raise ValueError("a number is too long")
