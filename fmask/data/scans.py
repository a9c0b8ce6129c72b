"""How often a JPEG goes over its pixels, without decoding it.

A scan takes a decoder through the whole picture, however few bytes it has: some hundred kilobytes of empty ones keep it
busy for minutes.
"""

import re

MARKER = re.compile(rb"\xff([^\x00\xff])")
"""FF and a number. Entropy-coded data has FF 00 where it means FF, so that no marker is ever inside it."""
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers without a segment: TEM, the restarts inside a scan, and SOI."""


def count_scans(content: bytes) -> int:
    """The scans of a JPEG file up to its end of image; what is in its segments, thumbnails too, is passed over."""
    scans, position = 0, 0
    while found := MARKER.search(content, position):
        position, (kind,) = found.end(), found[1]
        if kind == END_OF_IMAGE:
            break
        scans += kind == START_OF_SCAN
        if kind not in ALONE:  # its segment begins with its own length, those two bytes included
            position += max(2, int.from_bytes(content[position : position + 2]))
    return scans
