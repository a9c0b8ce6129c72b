"""Safe reading of untrusted HDF5 files: only data inside the file itself is read.

HDF5 itself follows links to other files, and reads the data of an array from any files that the header names.
"""

import math

import h5py

MAX_CHUNK = 2**26
"""Largest number of elements in a chunk. HDF5 decompresses whole chunks, even if the array uses only a part."""


def get_object(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset:
    """Return the group or array at `path` below `group`.

    Raises:
        ValueError: it is missing, it is a link, or it is an array that stores its data in other files.
    """
    found = group
    for name in filter(None, path.split("/")):
        if not isinstance(found, h5py.Group) or name not in found:
            raise ValueError(f"it lacks {path}")
        if type(found.get(name, getlink=True)) is not h5py.HardLink:
            raise ValueError(f"{path} is a link, not data in this file")
        found = found[name]
    if isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
        raise ValueError(f"{path} stores its data in other files")
    return found


def get_array(group: h5py.Group, path: str) -> h5py.Dataset:
    """Return the numeric array at `path` below `group`, without reading it.

    Raises:
        ValueError: it is not a numeric array, its chunks are too large, or `get_object` fails.
    """
    found = get_object(group, path)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiub":
        raise ValueError(f"{path} is not a numeric array")
    if found.chunks and math.prod(found.chunks) > MAX_CHUNK:
        raise ValueError(f"{path} has chunks of {math.prod(found.chunks)} elements; at most {MAX_CHUNK} are allowed")
    return found
