"""Tensors from a file of `torch.save`, read without PyTorch.

The legacy format, which PyTorch wrote before version 1.6, is a sequence of pickles followed by the tensors' storages:
a magic number, the protocol version, facts about the writer's machine, the saved object, the order of the storages, and
for each storage its number of elements (int64) and its raw elements, little-endian. A pickle can name any Python
function, so an unpickler with an allow-list reads it: ordered dictionaries, tensors and their storages, nothing else.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


@dataclass(frozen=True)
class _Storage:
    """A block of elements that one or more tensors share."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class _View:
    """A tensor: a strided view of a storage. Offset and strides are in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, elements: np.ndarray) -> np.ndarray:
        """Return the tensor as a contiguous array, from the elements of its storage."""
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        counts = (self.offset, *self.strides, *(size - 1 for size in self.shape))
        if min(counts) < 0 or last >= len(elements):
            raise ValueError(f"a tensor of shape {self.shape} exceeds its storage of {len(elements)} elements")
        strides = [stride * elements.itemsize for stride in self.strides]
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(elements[self.offset :], self.shape, strides))


def _rebuild_tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _View:
    """Stand for `torch._utils._rebuild_tensor_v2`, whose other arguments concern gradients."""
    return _View(storage, offset, tuple(shape), tuple(strides))


ALLOWED: dict[tuple[str, str], Callable[..., Any] | np.dtype] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}
"""The names that a file may contain, and what they stand for."""


class _Unpickler(pickle.Unpickler):
    """An unpickler that resolves only the names in `ALLOWED`."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"the name {module}.{name} is not allowed")
        return ALLOWED[module, name]

    def persistent_load(self, identity: Any) -> _Storage:
        kind, dtype, key, _, count, view = identity
        if kind != "storage" or not isinstance(dtype, np.dtype) or view is not None:
            raise pickle.UnpicklingError(f"{kind} is not a storage of numbers")
        return _Storage(key, dtype, count)


def read_tensors(content: bytes) -> dict[str, np.ndarray]:
    """Return the tensors by name from the content of a file in PyTorch's legacy format.

    Raises:
        ValueError: the content has another format, or is damaged.
    """
    file = io.BytesIO(content)
    try:
        if (_Unpickler(file).load(), _Unpickler(file).load()) != (MAGIC, PROTOCOL):
            raise ValueError("it is not in PyTorch's legacy format")
        _Unpickler(file).load()  # byte order and sizes of C types of the writer's machine
        views = _Unpickler(file).load()
        storages = {view.storage.key: view.storage for view in views.values()}
        elements = {}
        for key in _Unpickler(file).load():
            storage = storages[key]
            (count,) = np.frombuffer(file.read(8), "<i8")
            if count != storage.count:
                raise ValueError(f"storage {key} has {count} elements instead of {storage.count}")
            elements[key] = np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype)
        return {name: view.of(elements[view.storage.key]) for name, view in views.items()}
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"it is damaged: {error}") from error
