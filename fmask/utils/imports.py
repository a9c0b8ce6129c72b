"""Import of large packages."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Turn Python's garbage collector off in the block, and let it ignore all objects made until then.

    An import makes hundreds of thousands of objects that stay. Searching them for garbage again and again takes a
    quarter of the time of importing TensorFlow or MLflow, and slows down the building of a network after it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
