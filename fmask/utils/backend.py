"""Loads Keras and what it runs on, quietly. Imported before `keras` by the modules that others start from."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _quiet() -> Iterator[None]:
    """Holds back what TensorFlow's C++ parts write to standard error while they load, deaf to any log level."""
    kept = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


with _quiet():
    import keras  # the first import is the noisy one

JIT = keras.backend.backend() != "tensorflow"
"""Whether Keras is to compile what it runs: JAX needs it, TensorFlow's kernel for suppression cannot be compiled."""
