"""Decoding photos of every kind, and counting the scans of JPEG files."""

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmask.data import images
from fmask.data.formats.read import read_split
from fmask.data.images import MAX_SCANS, count_scans, decode
from fmask.utils.errors import UserError
from tests.helpers.via import kinds, region, write_via

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


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 200)
    split = read_split(write_via(tmp_path, {"a.png": [region()]}))
    assert (split.photos, kinds(split)) == ((), ["unreadable photo"])
    with pytest.raises(UserError, match=r"20 x 12 pixels"):
        images.load_image(tmp_path / "a.png")


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((12, 20, 3), np.uint8)
    pixels[:, :10] = 255  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise: left becomes top
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    split = read_split(write_via(tmp_path, {"a.png": [region()]}))
    image = images.load_image(tmp_path / "a.png")
    assert (split.photos[0].width, split.photos[0].height) == (12, 20)
    assert image.shape == (20, 12, 3)
    assert image[:10].min() == 255
    assert image[10:].max() == 0
    assert [(fault.kind, fault.is_note) for fault in split.faults] == [("EXIF rotation", True)]


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_headers_tell_the_size_after_rotation(tmp_path: Path, suffix: str, orientation: int) -> None:
    """Newer versions of Pillow give the size of TIFF files after rotation, and of other files before it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / f"a{suffix}"
    Image.new("RGB", (20, 12)).save(file, exif=exif)
    header = images.read_header(file)
    assert (header.height, header.width) == images.load_image(file).shape[:2]
    assert (header.width, header.orientation) == (12 if orientation == 6 else 20, orientation)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_pixel_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.full((12, 20), 65535, np.uint16))
    else:
        picture = Image.new("RGB", (20, 12), "white").convert(mode)
    file = "a.tif" if mode == "CMYK" else "a.png"
    picture.save(tmp_path / file)
    split = read_split(write_via(tmp_path, {file: [region()]}))
    image = images.load_image(tmp_path / file)
    assert (image.shape, image.dtype, image.min()) == ((12, 20, 3), np.uint8, 255)
    assert [(fault.kind, fault.is_note) for fault in split.faults] == [("colour conversion", True)]


def test_sixteen_bit_pictures_are_scaled_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 256 * 100, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert images.load_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 100, 255]


def test_a_truncated_photo_is_a_user_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:1500])
    with pytest.raises(UserError, match=r"a\.jpg is not a readable photo"):
        images.load_image(tmp_path / "a.jpg")
