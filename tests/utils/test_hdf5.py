"""Only data inside an HDF5 file itself is read."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from fmask.utils.hdf5 import get_array, get_object

VALUES = np.arange(6, dtype=np.float32)


@pytest.fixture
def file(tmp_path: Path) -> h5py.File:
    """A file with every kind of reference to other files."""
    (tmp_path / "secret").write_bytes(VALUES.tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["layer/kernel"] = VALUES
    opened = h5py.File(tmp_path / "weights.h5", "w")
    opened["layer/kernel"] = VALUES
    opened["again"] = opened["layer"]
    opened["soft"] = h5py.SoftLink("/layer")
    opened["external"] = h5py.ExternalLink("other.h5", "/layer")
    opened.create_dataset("raw", (6,), "f4", external=[(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)])
    layout = h5py.VirtualLayout((6,), "f4")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "layer/kernel", (6,))
    opened.create_virtual_dataset("virtual", layout)
    opened.create_dataset("bomb", (1,), "f4", maxshape=(None,), chunks=(2**27,), compression=9)
    opened["text"] = "hello"
    return opened


def test_arrays_in_the_file_are_read_by_any_of_their_paths(file: h5py.File) -> None:
    for path in ("layer/kernel", "/layer/kernel", "again/kernel"):
        np.testing.assert_array_equal(get_array(file, path)[()], VALUES)
    np.testing.assert_array_equal(get_array(get_object(file, "layer"), "kernel")[()], VALUES)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("external/kernel", "external/kernel is a link, not data in this file"),
        ("soft/kernel", "soft/kernel is a link, not data in this file"),
        ("raw", "raw stores its data in other files"),
        ("virtual", "virtual stores its data in other files"),
        ("bomb", "bomb has chunks of 134217728 elements; at most 67108864 are allowed"),
        ("text", "text is not a numeric array"),
        ("layer", "layer is not a numeric array"),
        ("layer/bias", "it lacks layer/bias"),
        ("layer/kernel/more", "it lacks layer/kernel/more"),
        ("../layer/kernel", "it lacks ../layer/kernel"),
    ],
)
def test_other_data_is_refused(file: h5py.File, path: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        get_array(file, path)
