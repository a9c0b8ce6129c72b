"""Slots of a fixed number, of which only some hold anything: work is done for these.

Regions come in arrays of one length, for a graph that is traced once, and where few slots are filled most of what is
computed of them is thrown away. The mask head is the dearest thing that is done to a region.
"""

import numpy as np
from keras import ops

from fmask.model.types import Tensor
from fmask.utils.backend import JIT

_COUNTS = np.array(sorted({1} | {factor << shift for shift in range(24) for factor in (2, 3)}), np.int32)
"""1, 2, 3, 4, 6, 8, 12, 16, ...: numbers of rows that are worked on. A processor's convolutions are made ready for each
number of rows that they meet, and kept; so there are few, each at most half as much again as is needed."""


def compact(present: Tensor) -> tuple[Tensor, Tensor]:
    """Which of N slots to work on, and where in that work each slot's result is.

    Args: present (N,) bool, which slots are filled.
    Returns: rows (M,), slots with all that are filled among them, and at least one; places (N,): for each slot that is
        filled its place in `rows`, for another one a place of no meaning. A backend that compiles for fixed shapes
        works on all slots.
    """
    total = ops.shape(present)[0]
    if JIT:
        every = ops.arange(total, dtype="int32")
        return every, every
    filled = ops.sum(ops.cast(present, "int32"))
    count = ops.minimum(ops.min(ops.where(filled <= _COUNTS, _COUNTS, total)), total)
    order = ops.argsort(ops.cast(ops.logical_not(present), "int32"))
    return order[:count], ops.minimum(ops.argsort(order), count - 1)
