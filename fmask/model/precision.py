"""In which numbers the network's layers multiply.

Weights, losses, boxes and the optimizer are in float32 whatever is chosen; bf16 (bfloat16: float32's range, 8 binary
digits) is for what convolutions and matrix products take and give. A processor that has it does these in half the time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLICIES = {"fp32": "float32", "bf16": "mixed_bfloat16"}
"""Keras' name of each precision."""


@contextmanager
def layers_in(precision: str) -> Iterator[None]:
    """Keras layers that are made inside compute in `precision`, a key of `POLICIES`, unless they say otherwise."""
    import keras

    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def fastest(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """bf16 where this machine's processor multiplies in it, as far as Linux tells; fp32 where not, or not known."""
    try:
        flags = cpuinfo.read_text().partition("\nflags")[2].partition("\n")[0].split()
    except OSError:
        return "fp32"
    return "bf16" if {"avx512_bf16", "amx_bf16"} & set(flags) else "fp32"
