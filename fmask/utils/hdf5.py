"""HDF5 files that may come from anybody: what is read lies in the file itself.

HDF5 follows links into other files, and takes the numbers of an array from whatever files its head names.
"""

import math

import h5py

MOST_AT_ONCE = 2**26
"""Numbers in one chunk of an array: a chunk is unpacked as a whole, however little of it belongs to the array."""


def get_object(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset:
    """The group or array at `path` below `group`.

    Raises:
        ValueError: there is none, or it is elsewhere: behind a link, or an array whose numbers lie in other files.
    """
    found = group
    for name in filter(None, path.split("/")):
        if not isinstance(found, h5py.Group) or name not in found:
            raise ValueError(f"it lacks {path}")
        if type(found.get(name, getlink=True)) is not h5py.HardLink:
            raise ValueError(f"{path} is a link to somewhere else")
        found = found[name]
    if isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
        raise ValueError(f"{path} has its numbers in other files")
    return found


def get_array(group: h5py.Group, path: str) -> h5py.Dataset:
    """The array of numbers at `path` below `group`, not read yet.

    Raises:
        ValueError: there is none; see `within`.
    """
    found = get_object(group, path)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiub":
        raise ValueError(f"{path} is no array of numbers")
    if found.chunks and math.prod(found.chunks) > MOST_AT_ONCE:
        raise ValueError(f"{path} is stored in chunks of {math.prod(found.chunks)} numbers")
    return found
