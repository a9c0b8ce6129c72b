"""Selection of the filled slots in an array of fixed length, so that empty slots cost little.

Regions are stored in arrays of a fixed length, so that a graph is traced only once. Where few slots are filled, most
results would be discarded. The mask head is the most expensive computation on a region, so it skips empty slots.
"""

import numpy as np
from keras import ops

from fmask.model.types import Tensor
from fmask.utils.backend import JIT

_COUNTS = np.array(sorted({1} | {factor << shift for shift in range(24) for factor in (2, 3)}), np.int32)
"""The numbers of rows to compute: 1, 2, 3, 4, 6, 8, 12, 16, ... On a CPU, convolutions are prepared once for each
number of rows and then cached. So there are few such numbers, with at most half as many rows again as filled slots."""


def compact(present: Tensor) -> tuple[Tensor, Tensor]:
    """Choose which of N slots to compute, and find each slot's result.

    Args:
        present: (N,) bool, True for filled slots.

    Returns:
        rows: (M,) int, the slots to compute. They include all filled slots, and at least one slot. On a backend that
            compiles for fixed shapes they are all slots.
        places: (N,) int, the position in `rows` of each filled slot; arbitrary for empty slots.
    """
    total = ops.shape(present)[0]
    if JIT:
        every = ops.arange(total, dtype="int32")
        return every, every
    filled = ops.sum(ops.cast(present, "int32"))
    count = ops.minimum(ops.min(ops.where(filled <= _COUNTS, _COUNTS, total)), total)
    order = ops.argsort(ops.cast(ops.logical_not(present), "int32"))
    return order[:count], ops.minimum(ops.argsort(order), count - 1)


def split_images(x: Tensor, regions: int) -> Tensor:
    """Reshape (B * R, ...) to (B, R, ...)."""
    return ops.reshape(x, (-1, regions, *x.shape[1:]))
