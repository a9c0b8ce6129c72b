"""Loads Keras and what it runs on, quietly. Imported before `keras` by the modules that others start from."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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


def require(value: Any, condition: Any, message: str) -> Any:
    """Pass a tensor through and stop with `message` where `condition` is not true everywhere; works inside graphs."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(condition), [message])]):
            return tf.identity(value)
    import jax

    def check(holds: Any) -> None:
        if not holds:
            raise ValueError(message)

    jax.debug.callback(check, keras.ops.all(condition))
    return value
