"""Tensors of a PyTorch file are read as PyTorch would, and nothing in the file is executed."""

import io
import os
import pickle
import sys
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmask.model.weights.torch_file import MAGIC, PROTOCOL, read_tensors

STORAGE = np.arange(40, dtype="<f4")


class FloatStorage:
    """Stand for `torch.FloatStorage`, which a file names."""


def _rebuild_tensor_v2(*arguments: Any) -> None:
    """Stand for `torch._utils._rebuild_tensor_v2`, which a file names."""


class Tensor:
    """A tensor as PyTorch pickles it."""

    def __init__(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.view = (offset, shape, strides)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_tensor_v2, (FloatStorage(), *self.view, False, OrderedDict())


class Command:
    """An object whose unpickling runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


class Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return ("storage", FloatStorage, "7", "cpu", len(STORAGE), None) if isinstance(obj, FloatStorage) else None


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the stand-ins the names that PyTorch writes."""
    package, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    monkeypatch.setattr(package, "FloatStorage", FloatStorage, raising=False)
    monkeypatch.setattr(utils, "_rebuild_tensor_v2", _rebuild_tensor_v2, raising=False)
    monkeypatch.setattr(FloatStorage, "__module__", "torch")
    monkeypatch.setattr(_rebuild_tensor_v2, "__module__", "torch._utils")
    monkeypatch.setitem(sys.modules, "torch", package)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def written(tensors: dict[str, Any]) -> bytes:
    """Return a file in PyTorch's legacy format whose tensors share one storage."""
    file = io.BytesIO()
    for part in (MAGIC, PROTOCOL, {"little_endian": True}, OrderedDict(tensors), ["7"]):
        Pickler(file, protocol=2).dump(part)
    return file.getvalue() + np.array([len(STORAGE)], "<i8").tobytes() + STORAGE.tobytes()


def test_offsets_and_strides_are_honoured() -> None:
    tensors = read_tensors(written({"plain": Tensor(4, (2, 3), (3, 1)), "turned": Tensor(1, (3, 2, 2), (1, 16, 3))}))
    np.testing.assert_array_equal(tensors["plain"], [[4, 5, 6], [7, 8, 9]])
    expected = [[[1 + a + 16 * b + 3 * c for c in range(2)] for b in range(2)] for a in range(3)]
    np.testing.assert_array_equal(tensors["turned"], expected)


@pytest.mark.parametrize("view", [(0, (5, 9), (9, 1)), (-1, (2,), (1,)), (39, (2,), (1,)), (8, (2,), (-1,))])
def test_a_tensor_outside_its_storage_is_refused(view: tuple) -> None:
    with pytest.raises(ValueError, match="exceeds its storage of 40 elements"):
        read_tensors(written({"wide": Tensor(*view)}))


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with pytest.raises(ValueError, match=rf"the name {os.system.__module__}\.system is not allowed"):
        read_tensors(written({"weight": Command(f"touch {trace}")}))
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip archive", written({})[:40]])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"it is damaged|legacy format"):
        read_tensors(content)


def test_a_truncated_storage_is_refused() -> None:
    with pytest.raises(ValueError, match="exceeds its storage"):
        read_tensors(written({"plain": Tensor(0, (40,), (1,))})[:-4])
