"""Boxes and labels are drawn inside the image."""

import numpy as np
import pytest

from fmask.visualization.boxes import Mark, draw_marks

GREEN = "#00ff00"


def green(image: np.ndarray) -> np.ndarray:
    return (image == (0, 255, 0)).all(axis=-1)


def test_a_box_is_drawn_just_inside_its_edges() -> None:
    out = green(draw_marks(np.zeros((40, 60, 3), np.uint8), [Mark((10, 20, 30, 50), GREEN)]))
    rows, columns = np.nonzero(out)
    assert (rows.min(), columns.min(), rows.max(), columns.max()) == (10, 20, 29, 49)
    assert not out[11:29, 21:49].any()


@pytest.mark.parametrize(
    "box",
    [(0, 0, 100, 80), (100, 120, 199, 299), (-50, -40, 30, 20), (190, 290, 260, 400), (0, 0, 200, 300)],
)
def test_a_label_is_completely_inside_the_image(box: tuple[float, float, float, float]) -> None:
    def area(at: tuple[float, float, float, float]) -> int:
        mark = Mark(at, GREEN, "mask 0.93", outlined=False)
        return int(green(draw_marks(np.zeros((200, 300, 3), np.uint8), [mark])).sum())

    assert area(box) == area((100, 100, 150, 150)) > 100


def test_the_input_image_is_unchanged() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    draw_marks(image, [Mark((10, 20, 30, 50), GREEN, "hat")])
    assert not image.any()


def test_labels_of_neighbours_do_not_cover_each_other() -> None:
    def drawn(*marks: Mark) -> int:
        return int(green(draw_marks(np.zeros((200, 300, 3), np.uint8), list(marks))).sum())

    low, high = ((top, 100.0, 150.0, 140.0) for top in (60.0, 55.0))
    one, other = (Mark(box, GREEN, "mask 0.93", outlined=False) for box in (low, high))
    assert drawn(one, other) == 2 * drawn(one)
    assert drawn(*[one] * 5) == 4 * drawn(one), "if no place is free, the label is above its box"
