"""A colour splash shows the chosen classes, boxes and labels."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from fmask.apps.splash.style import SplashStyle
from fmask.visualization.outlines import draw_outlines
from fmask.visualization.palette import CLASS_COLOURS
from tests.helpers.films import HAT, MASK, ColourPredictor, scene

HAT_BOX, MASK_BOX = (8, 10, 20, 26), (24, 12, 34, 24)


@pytest.fixture
def image() -> np.ndarray:
    return scene((HAT, HAT_BOX), (MASK, MASK_BOX))


def coloured(image: np.ndarray) -> np.ndarray:
    """Return which pixels are not grey, bool (H, W)."""
    return image.max(axis=-1) > image.min(axis=-1)


def rgb(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


@pytest.mark.parametrize(
    ("classes", "boxes"), [(("mask", "hat"), (HAT_BOX, MASK_BOX)), (("hat",), (HAT_BOX,)), (("mask",), (MASK_BOX,))]
)
def test_only_the_chosen_classes_keep_their_colour(
    image: np.ndarray, classes: tuple[str, ...], boxes: tuple[tuple[int, int, int, int], ...]
) -> None:
    expected = np.zeros(image.shape[:2], bool)
    for y1, x1, y2, x2 in boxes:
        expected[y1:y2, x1:x2] = True
    np.testing.assert_array_equal(
        coloured(SplashStyle(classes).draw(image, ColourPredictor().predict(image))), expected
    )


def test_boxes_have_the_colour_of_their_class(image: np.ndarray) -> None:
    out = SplashStyle(boxes=True).draw(image, ColourPredictor().predict(image))
    for (y1, x1, y2, x2), colour in ((MASK_BOX, CLASS_COLOURS[0]), (HAT_BOX, CLASS_COLOURS[1])):
        for y, x in ((y1, x1), (y2 - 1, x2 - 1)):
            assert out[y, x].tolist() == rgb(colour)
        assert out[y1 - 1, x1].tolist() == out[y1 - 1, x1][::-1].tolist()  # grey outside


def test_labels_appear_only_for_the_chosen_classes_and_without_boxes(image: np.ndarray) -> None:
    large = np.kron(image, np.ones((8, 8, 1), np.uint8))
    out = SplashStyle(("mask",), labels=True).draw(large, ColourPredictor().predict(large))
    background = (out == rgb(CLASS_COLOURS[0])).all(axis=-1)
    rows, columns = np.nonzero(background)
    assert rows.max() < 8 * MASK_BOX[0]  # the label is above the box, which is not drawn
    assert columns.min() == 8 * MASK_BOX[1]
    assert not (out == rgb(CLASS_COLOURS[1])).all(axis=-1).any()


def test_outlines_follow_the_masks_in_the_colours_of_the_classes_but_hide_little(image: np.ndarray) -> None:
    found = ColourPredictor().predict(image)
    plain, out = (SplashStyle(("hat",), outline=outline).draw(image, found) for outline in (False, True))
    changed = (plain != out).any(axis=-1)
    border = np.zeros(changed.shape, bool)
    y1, x1, y2, x2 = HAT_BOX
    border[y1:y2, x1:x2] = True
    border[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] = False
    assert {tuple(pixel) for pixel in out[border]} == {tuple(rgb(CLASS_COLOURS[1]))}
    assert not changed[~binary_dilation(border, iterations=2)].any()


def test_the_outline_of_a_hole_is_drawn(image: np.ndarray) -> None:
    mask = np.zeros((1, *image.shape[:2]), bool)
    mask[0, 5:30, 5:30] = True
    mask[0, 12:20, 12:20] = False
    out = draw_outlines(image, mask, [CLASS_COLOURS[0]])
    changed = (out != image).any(axis=-1)
    assert changed[5, 5:30].all()
    assert changed[11, 12:20].all()
    assert not changed[15:17, 15:17].any()
