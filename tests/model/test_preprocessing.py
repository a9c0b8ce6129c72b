"""Conversion of photos to the network's frame, and of detections back to the photos."""

import tracemalloc

import numpy as np
import pytest

from fmask.model.preprocessing import Letterboxed, denormalise, letterbox, normalise, postprocess, to_photo
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE

SHAPES = [(64, 64), (200, 133), (37, 91), (31, 17), (480, 640)]


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("shape", [*SHAPES, (1, 1), (1, 700), (700, 1)])
def test_a_photo_fills_its_window_and_the_padding_is_zero(shape: tuple[int, int], antialias: bool) -> None:
    frame = letterbox(noise(*shape), SIZE, antialias)
    assert (frame.image.shape, frame.image.dtype) == ((SIZE, SIZE, 3), np.float32)
    y1, x1, y2, x2 = frame.window.astype(int)
    height, width = y2 - y1, x2 - x1
    assert max(height, width) == SIZE
    assert min(height, width) == max(1, round(min(shape) * SIZE / max(shape)))
    assert 0 <= (SIZE - y2) - y1 <= 1  # centred; an odd pixel is below
    assert 0 <= (SIZE - x2) - x1 <= 1
    inside = np.zeros((SIZE, SIZE), bool)
    inside[y1:y2, x1:x2] = True
    assert (frame.image[~inside] == 0).all()
    assert frame.image[inside].mean() > 50


def test_a_photo_of_the_networks_size_is_unchanged() -> None:
    for antialias in (True, False):
        np.testing.assert_array_equal(letterbox(noise(SIZE, SIZE), SIZE, antialias).image, noise(SIZE, SIZE))


def test_antialias_averages_pixels_and_without_it_they_are_sampled() -> None:
    checkered = np.zeros((SIZE * 4, SIZE * 4, 3), np.uint8)
    checkered[::2, ::2] = checkered[1::2, 1::2] = 200
    np.testing.assert_allclose(letterbox(checkered, SIZE, antialias=True).image, 100, atol=1)
    checkered[:] = 0
    checkered[::4] = 200  # the first of four rows; sampling lies between the second and the third
    np.testing.assert_array_equal(letterbox(checkered, SIZE, antialias=False).image, 0)


def framed(box: np.ndarray, frame: Letterboxed, height: int, width: int, align_corners: bool) -> np.ndarray:
    """Convert a pixel box of the photo to normalised coordinates of the frame."""
    low, high = np.split(frame.window, 2)
    if not align_corners:
        scale = (high - low) / np.array([height, width])
        return normalise(box * np.tile(scale, 2) + np.tile(low, 2), SIZE, SIZE)
    low, high = np.split(normalise(frame.window, SIZE, SIZE), 2)
    unit = normalise(box, height, width)
    return (np.tile(low, 2) + unit * np.tile(high - low, 2)).astype(np.float32)


def back(
    box: np.ndarray, mask: np.ndarray, shape: tuple[int, int], class_id: int = 1, align_corners: bool = True
) -> Detections:
    """Return the detections in a photo of `shape` if the network outputs a mask (M, M) at a pixel box of the photo."""
    frame = letterbox(noise(*shape), SIZE, antialias=True)
    boxes = np.stack([framed(box, frame, *shape, align_corners), np.zeros(4)])
    ids, scores, masks = np.array([class_id, 0]), np.array([0.9, 0]), np.stack([mask, np.zeros_like(mask)])
    return postprocess(to_photo(boxes, frame, *shape, align_corners), ids, scores, masks, *shape, CLASSES)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_boxes_are_converted_to_the_photos_pixels(shape: tuple[int, int], align_corners: bool) -> None:
    height, width = shape
    box = np.array([height // 3, width // 4, height - 2, width // 2], np.float32)
    found = back(box, np.ones((28, 28), np.float32), shape, align_corners=align_corners)
    np.testing.assert_array_equal(found.boxes, [box])
    assert found.class_ids.tolist() == [1]
    assert found.masks.shape == (1, height, width)
    y1, x1, y2, x2 = box.astype(int)
    assert found.masks[0, y1:y2, x1:x2].mean() > 0.9
    found.masks[0, y1:y2, x1:x2] = False
    assert not found.masks.any()


def test_a_box_that_is_exact_in_the_frame_is_exact_in_a_large_photo_without_align_corners() -> None:
    height, width = 3000, 4000
    frame = Letterboxed(np.zeros((128, 128, 3), np.float32), np.array([16, 0, 112, 128], np.float32))
    box = np.array([[900, 1200, 1500, 2000]], np.float32)
    in_frame = normalise(box * 0.032 + np.array([16, 0, 16, 0]), 128, 128)
    np.testing.assert_allclose(to_photo(in_frame, frame, height, width, align_corners=False), box, atol=0.01)
    # The reference scales 95 to 2999 and 127 to 3999, and boxes lose a pixel of the frame.
    np.testing.assert_allclose(
        to_photo(in_frame, frame, height, width, align_corners=True), [[909.2, 1209.2, 1485.4, 1984.8]], atol=1
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_masks_are_converted_to_the_photos_pixels(shape: tuple[int, int]) -> None:
    half = np.zeros((28, 28), np.float32)
    half[:, 14:] = 1
    height, width = shape
    found = back(np.array([0, 0, height, width], np.float32), half, shape)
    columns = found.masks[0, height // 2].nonzero()[0]
    assert abs(columns[0] - width / 2) <= 1
    assert columns[-1] == width - 1


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (3, 500)])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_photos_with_a_height_or_width_of_one_pixel(shape: tuple[int, int], align_corners: bool) -> None:
    frame = letterbox(noise(*shape), SIZE, antialias=True)
    everything = to_photo(normalise(frame.window, SIZE, SIZE)[None], frame, *shape, align_corners)
    found = postprocess(everything, np.array([1]), np.array([0.9]), np.ones((1, 28, 28)), *shape, CLASSES)
    # With aligned corners, a height or width that fits into one pixel of the frame shrinks to one pixel.
    height, width = (
        length if seen > 1 or not align_corners else 1
        for length, seen in zip(shape, frame.window[2:] - frame.window[:2], strict=True)
    )
    np.testing.assert_array_equal(found.boxes, [[0, 0, height, width]])
    assert found.masks[0, :height, :width].all()


def test_boxes_without_area_and_empty_rows_are_dropped() -> None:
    boxes = np.array([[20, 20, 18, 36], [4, 4, 20, 20], [4, 4, 20, 20]], np.float32)
    found = postprocess(boxes, np.array([1, 0, 2]), np.array([0.9, 0.8, 0.7]), np.ones((3, 4, 4)), 40, 40, CLASSES)
    assert found.class_ids.tolist() == [2]
    assert found.scores.tolist() == [0.7]


def test_a_mask_is_clipped_to_the_photo() -> None:
    box = np.array([[-20, -20, 20, 20], [50, 50, 90, 90]], np.float32)
    found = postprocess(box, np.array([1, 1]), np.array([0.9, 0.8]), np.ones((2, 28, 28)), SIZE, SIZE, CLASSES)
    assert found.masks[0, :18, :18].all()
    assert not found.masks[0, 20:].any()
    assert found.masks[1, 52:, 52:].all()
    assert not found.masks[1, :50].any()


def test_the_first_and_last_pixel_normalise_to_zero_and_one() -> None:
    np.testing.assert_array_equal(normalise(np.array([[0, 0, 48, 64]]), 48, 64), [[0, 0, 1, 1]])
    np.testing.assert_allclose(normalise(np.array([[10, 20, 30, 40]]), 101, 201), [[0.1, 0.1, 0.29, 0.195]], rtol=1e-6)


def test_denormalise_undoes_normalise() -> None:
    boxes = np.random.default_rng(2).uniform(0, 100, (3, 7, 4))
    back = denormalise(normalise(boxes, 57, 91), 57, 91)
    np.testing.assert_allclose(back, boxes, atol=1e-4)
    assert back.dtype == np.float32


def test_masks_of_a_large_photo_need_little_additional_memory() -> None:
    height, width = 3000, 4000
    mask = np.where(np.indices((28, 28)).sum(axis=0) < 28, np.float32(0.9), np.float32(0.1))
    boxes = np.array([[0, 0, height, width]], np.float32)
    tracemalloc.start()
    found = postprocess(boxes, np.array([1]), np.array([0.9]), mask[None], height, width, CLASSES)
    kept = found.at_least(0.5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.masks.mean() == pytest.approx(0.5, abs=0.03)
    assert peak < 3 * height * width
    with pytest.raises(UserError, match=r"^1 masks of 4000 x 3000 pixels exceed the limit of 10 megapixels\.$"):
        postprocess(boxes, np.array([1]), np.array([0.9]), mask[None], height, width, CLASSES, max_mask_pixels=10**7)
