"""Import of large packages."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Turn Python's garbage collector off in the block.

    An import makes hundreds of thousands of objects that stay. Searching them for garbage again and again takes a
    quarter of the time of importing TensorFlow or MLflow.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
