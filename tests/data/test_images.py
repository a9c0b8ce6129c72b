"""Counting the scans of JPEG files, however the file is structured."""

import io
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmask.data.images import MAX_SCANS, count_scans, decode
from fmask.utils.errors import UserError

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8))


def jpeg(image: Image.Image = NOISE, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def with_scans(count: int) -> bytes:
    """Return a progressive JPEG with `count` scans, most of them copies of the last one."""
    content = jpeg(NOISE.convert("L"), progressive=True)
    start, end = content.rindex(b"\xff\xda"), content.rindex(b"\xff\xd9")
    more = count - count_scans(content)
    return content[:end] + more * content[start:end] + content[end:]


def test_baseline_files_have_one_scan_and_progressive_ones_ten() -> None:
    assert count_scans(jpeg()) == count_scans(jpeg(restart_marker_blocks=1)) == 1
    assert count_scans(jpeg(progressive=True)) == 10


def test_markers_in_segments_or_after_the_end_are_not_counted() -> None:
    assert count_scans(jpeg(exif=b"Exif\0\0" + jpeg(progressive=True), icc_profile=50 * b"\xff\xda")) == 1
    assert count_scans(jpeg() + jpeg(progressive=True)) == 1


@pytest.mark.parametrize("junk", [b"", b"\xff", b"\xff\xda", b"\xff\xe0\0", 10**7 * b"\xff", 10**6 * b"\xff\xe0\0\0"])
def test_other_files_are_searched_in_linear_time(junk: bytes) -> None:
    start = time.process_time()
    count_scans(junk)
    assert time.process_time() - start < 3


def test_more_than_a_hundred_scans_are_refused() -> None:
    assert decode(io.BytesIO(with_scans(MAX_SCANS)), "a", 10**6).size == (96, 64)
    with pytest.raises(UserError, match=r"^a is not a readable photo: 101 scans, more than 100\.$"):
        decode(io.BytesIO(with_scans(MAX_SCANS + 1)), "a", 10**6)


def test_fill_bytes_between_segments_and_before_markers_are_skipped() -> None:
    content = with_scans(MAX_SCANS + 1).replace(b"\xff\xda", b"\0\xff\xff\xda")
    assert count_scans(content) == MAX_SCANS + 1
