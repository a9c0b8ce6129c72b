"""Brush masks of Label Studio: run lengths of the bytes of an RGBA picture, packed into bits.

The layout is that of rle-pack (https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack). The header has the
number of words (32 bits), the size of a word - 1 (5 bits) and four sizes of counts - 1 (4 bits each). Then come runs:
one bit, 1 for a repeated word and 0 for single words; two bits, the size of the count; the count - 1; and the word or
words.
"""

from typing import Any

import numpy as np

_MAX_RUNS = 1_000_000
"""Largest number of runs of one mask, which are decoded one by one. Outlines that are longer cannot be traced."""


def decode_brush(code: Any, width: int, height: int) -> np.ndarray:
    """Return the mask, bool (height, width), of a brush in a photo of the given size: where its picture is opaque.

    Raises:
        ValueError: the code is broken, or of a photo of another size.
    """
    if not isinstance(code, list) or not all(type(each) is int and 0 <= each < 256 for each in code):
        raise ValueError("its `rle` is not a list of integers from 0 to 255")
    stream = _Bits(np.unpackbits(np.array(code, dtype=np.uint8)))
    count = stream.number(32)
    if count != 4 * width * height:
        raise ValueError(f"its mask has {count / 4:g} pixels; the photo has {width} x {height}")
    size = stream.number(5) + 1
    lengths = [stream.number(4) + 1 for _ in range(4)]
    words = np.zeros(count, dtype=bool)
    start = runs = 0
    while start < count:
        runs += 1
        if runs > _MAX_RUNS:
            raise ValueError(f"its mask has more than {_MAX_RUNS} runs")
        is_repeated = stream.number(1)
        end = min(count, start + 1 + stream.number(lengths[stream.number(2)]))
        words[start:end] = stream.any_bit(size, 1 if is_repeated else end - start)
        start = end
    return words.reshape(height, width, 4)[:, :, 3]


class _Bits:
    """Bits that are read from front to end."""

    def __init__(self, bits: np.ndarray) -> None:
        self._bits, self._position = bits, 0

    def number(self, size: int) -> int:
        """Return the next `size` bits as a number."""
        value = 0
        for bit in self._next(size).tolist():
            value = 2 * value + bit
        return value

    def any_bit(self, size: int, count: int) -> np.ndarray:
        """Return whether each of the next `count` words of `size` bits is not zero: bool (count,)."""
        return np.any(self._next(size * count).reshape(count, size), axis=1)

    def _next(self, count: int) -> np.ndarray:
        start, self._position = self._position, self._position + count
        if self._position > len(self._bits):
            raise ValueError("its `rle` ends too early")
        return self._bits[start : self._position]
