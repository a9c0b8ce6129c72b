"""Quiet import of Keras and its backend.

Entry points import this module before they import `keras`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from fmask.utils.errors import UserError
from fmask.utils.imports import without_collection


@contextmanager
def _quiet() -> Iterator[None]:
    """Discard what TensorFlow's C++ code writes to standard error on import, whatever the log level."""
    stderr = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(sink)


BACKENDS = ("tensorflow", "jax")
"""The backends of Keras that fmask supports."""

if os.environ["KERAS_BACKEND"] not in BACKENDS:  # fmask sets a default
    raise UserError(f"KERAS_BACKEND must be {' or '.join(BACKENDS)}, not {os.environ['KERAS_BACKEND']}.")

with _quiet(), without_collection():
    import keras  # only the first import writes messages

JIT = keras.backend.backend() != "tensorflow"
"""Value of Keras' `jit_compile`. JAX needs it; TensorFlow's kernel for non-maximum suppression cannot be compiled."""


def devices() -> str:
    """Return the accelerators that the network runs on, such as `GPU: NVIDIA A100`; `CPU` without one."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        names = [tf.config.experimental.get_device_details(each).get("device_name", each.name) for each in found]
        return f"GPU: {', '.join(names)}" if names else "CPU"
    jax = import_module("jax")
    names = [each.device_kind for each in jax.devices() if each.platform != "cpu"]
    return f"{jax.default_backend().upper()}: {', '.join(names)}" if names else "CPU"


def on_onednn() -> bool:
    """Return whether TensorFlow computes on the processor, with the kernels of oneDNN."""
    return keras.backend.backend() == "tensorflow" and devices() == "CPU"


def use_threads(count: int) -> None:
    """Limit TensorFlow to `count` processor threads; 0 uses all. Call this before the first computation."""
    if count and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)


def require(value: Any, condition: Any, message: str) -> Any:
    """Return `value`, and fail with `message` unless `condition` is true everywhere. Works inside graphs."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(condition), [message])]):
            return tf.identity(value)
    # By name, so that it does not become a requirement of the models that are logged on TensorFlow.
    jax = import_module("jax")

    def check(satisfied: Any) -> None:
        if not satisfied:
            raise ValueError(message)

    jax.debug.callback(check, keras.ops.all(condition))
    return value
