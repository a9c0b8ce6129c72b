"""Number formats of the network's layers.

Weights, losses, boxes and the optimizer are always float32. The precision bf16 (bfloat16: the range of float32 with 8
significant bits) applies to the inputs and outputs of convolutions and matrix products. Processors that support it
compute these in half the time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLICIES = {"fp32": "float32", "bf16": "mixed_bfloat16"}
"""Keras' dtype policy for each precision."""


@contextmanager
def layers_in(precision: str) -> Iterator[None]:
    """Make layers created in the block compute in `precision`, a key of `POLICIES`, unless they set their own dtype."""
    import keras

    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)


def fastest(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return `bf16` if Linux reports that the processor supports it, else `fp32`."""
    try:
        flags = cpuinfo.read_text().partition("\nflags")[2].partition("\n")[0].split()
    except OSError:
        return "fp32"
    return "bf16" if {"avx512_bf16", "amx_bf16"} & set(flags) else "fp32"
