"""Random views and colours: position, zoom and focus of a view; ranges of colour changes; no change by default."""

import numpy as np
import pytest

from fmask.data.transforms.jitter import LUMA, Jitter, change_colours, random_view

NO_BOXES = np.zeros((0, 4))


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def moved(matrix: np.ndarray, points: list[tuple[float, float]]) -> np.ndarray:
    """Apply an affine map (2, 3) to points x, y."""
    return np.array(points) @ matrix[:, :2].T + matrix[:, 2]


def corners(height: int, width: int) -> list[tuple[float, float]]:
    """Return the outer corners of a photo whose pixel centres are whole numbers."""
    return [(-0.5, -0.5), (width - 0.5, height - 0.5)]


@pytest.mark.parametrize(("height", "width"), [(100, 200), (200, 100), (64, 64), (31, 40)])
def test_without_jitter_a_photo_fits_and_is_centred(height: int, width: int) -> None:
    first, last = moved(random_view(Jitter(), (height, width), 64, 64, NO_BOXES, rng(0)), corners(height, width))
    np.testing.assert_allclose(np.sort(last - first), np.sort(np.array([width, height]) * 64 / max(height, width)))
    np.testing.assert_allclose((first + last) / 2, 31.5, atol=0.5)


def test_a_flip_mirrors_only_left_and_right() -> None:
    plain = random_view(Jitter(), (50, 80), 64, 64, NO_BOXES, rng(0))
    mirrored = random_view(Jitter(flip=1.0), (50, 80), 64, 64, NO_BOXES, rng(0))
    (x, y), (x_mirrored, y_mirrored) = moved(plain, [(7, 9)])[0], moved(mirrored, [(7, 9)])[0]
    assert x_mirrored == pytest.approx(63 - x)
    assert y_mirrored == pytest.approx(y)


def test_zoom_covers_its_range() -> None:
    scales = [
        np.linalg.norm(random_view(Jitter(scale=0.5), (64, 64), 64, 64, NO_BOXES, rng(seed))[0, :2])
        for seed in range(99)
    ]
    assert 1 / 1.5 <= min(scales) < 0.7
    assert 1.4 < max(scales) <= 1.5


def test_rotation_covers_its_range() -> None:
    matrices = [random_view(Jitter(rotate=15), (64, 64), 64, 64, NO_BOXES, rng(seed)) for seed in range(99)]
    degrees = [np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0])) for matrix in matrices]
    assert -15 <= min(degrees) < -13
    assert 13 < max(degrees) <= 15
    np.testing.assert_allclose(moved(matrices[0], [(31.5, 31.5)]), [[31.5, 31.5]])


def test_a_crop_lies_inside_the_photo() -> None:
    starts = []
    for seed in range(50):
        first, last = moved(random_view(Jitter(), (100, 150), 64, 128, NO_BOXES, rng(seed)), corners(100, 150))
        assert (first <= -0.5 + 1e-9).all()
        assert (last >= 63.5 - 1e-9).all()
        starts.append(first)
    assert np.ptp(starts, axis=0).min() > 10


def test_a_small_photo_is_shown_whole() -> None:
    for seed in range(50):
        first, last = moved(random_view(Jitter(scale=1.0), (64, 64), 64, 32, NO_BOXES, rng(seed)), corners(64, 64))
        assert (first >= -0.5 - 1e-9).all()
        assert (last <= 63.5 + 1e-9).all()


def shown(box: tuple[int, int, int, int], focus: float, seed: int) -> bool:
    """Return whether a crop of a 128-pixel photo shows the whole box y1, x1, y2, x2."""
    matrix = random_view(Jitter(focus=focus), (128, 128), 64, 128, np.array([box], float), rng(seed))
    y1, x1, y2, x2 = box
    seen = moved(matrix, [(x1 - 0.5, y1 - 0.5), (x2 - 0.5, y2 - 0.5)])
    return bool((seen >= -0.5 - 1e-9).all() and (seen <= 63.5 + 1e-9).all())


@pytest.mark.parametrize("box", [(0, 0, 20, 20), (100, 90, 128, 128), (60, 5, 80, 30), (40, 40, 103, 103)])
def test_a_focused_crop_shows_its_object(box: tuple[int, int, int, int]) -> None:
    assert all(shown(box, 1.0, seed) for seed in range(25))


def test_an_unfocused_crop_may_miss_the_object() -> None:
    count = sum(shown((0, 0, 20, 20), 0.0, seed) for seed in range(50))
    assert count < 25


def test_without_colour_jitter_the_same_image_is_returned() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    assert change_colours(Jitter(), image, [], rng(0)) is image


def test_colours_change_and_padding_stays_black() -> None:
    image = rng(0).integers(1, 256, (32, 32, 3), dtype=np.uint8)
    image[:8] = 0
    changed = change_colours(Jitter(colour=0.3, hue=30), image, [], rng(1))
    assert (changed.shape, changed.dtype) == (image.shape, np.uint8)
    assert (changed[:8] == 0).all()
    assert np.abs(changed[8:].astype(int) - image[8:]).mean() > 3
    np.testing.assert_array_equal(changed, change_colours(Jitter(colour=0.3, hue=30), image, [], rng(1)))


def test_colour_changes_stay_in_their_range() -> None:
    image = np.full((2, 2, 3), 100, np.uint8)
    greys = np.array([change_colours(Jitter(colour=0.1), image, [], rng(seed))[0, 0] for seed in range(99)], float)
    # Brightness and contrast are 1 +- 0.1, contrast relative to 128, and each channel has a factor of 1 +- 0.05.
    assert greys.min() >= 100 * 0.9 * 0.95 - 3 - 1
    assert greys.max() <= 100 * 1.1 * 1.05 + 3 + 1
    assert np.ptp(greys) > 15


def test_hue_rotation_leaves_greys_unchanged() -> None:
    image = np.array([[[200, 80, 40], [90, 90, 90]]], np.uint8)
    turned = np.array([change_colours(Jitter(hue=90), image, [], rng(seed))[0] for seed in range(50)], int)
    assert (np.abs(turned[:, 1] - 90) <= 1).all()
    assert np.ptp(turned[:, 0], axis=0).min() > 50


def test_a_photo_can_be_turned_grey() -> None:
    image = np.full((2, 2, 3), (200, 80, 40), np.uint8)
    changed = change_colours(Jitter(grey=1.0), image, [], rng(0))
    assert (np.abs(changed - np.dot(LUMA, (200, 80, 40))) <= 1).all()


def test_recolouring_changes_only_the_object() -> None:
    image = np.full((40, 40, 3), (200, 180, 160), np.uint8)
    outline = np.array([[10, 10], [29, 10], [29, 29], [10, 29]], float)
    changed = change_colours(Jitter(recolour=1.0), image, [outline], rng(0))
    inside = np.zeros((40, 40), bool)
    inside[10:30, 10:30] = True
    assert (changed[~inside] == (200, 180, 160)).all()
    assert np.abs(changed[inside].astype(int) - (200, 180, 160)).max(axis=1).min() > 10
    assert (image == (200, 180, 160)).all()
