"""Fusion of the detections of several networks in one photo."""

import numpy as np
import pytest

from fmask.inference.fusion import _mean_shape, fuse
from fmask.structures.detections import Detections

HEIGHT, WIDTH = 40, 60


def found(*objects: tuple[float, int, tuple[int, int, int, int]]) -> Detections:
    """Return detections of (score, class id, box), whose masks fill their boxes."""
    masks = np.zeros((len(objects), HEIGHT, WIDTH), bool)
    for mask, (_, _, (y1, x1, y2, x2)) in zip(masks, objects, strict=True):
        mask[y1:y2, x1:x2] = True
    return Detections(
        np.array([box for *_, box in objects], np.float32).reshape(-1, 4),
        np.array([class_id for _, class_id, _ in objects], np.int64),
        np.array([score for score, *_ in objects], np.float32),
        masks,
        ("mask", "hat"),
    )


def test_an_object_that_two_networks_see_keeps_its_score() -> None:
    fused = fuse([found((0.9, 1, (0, 0, 20, 20))), found((0.7, 1, (0, 0, 20, 24)))])
    assert fused.scores.tolist() == pytest.approx([0.8])
    weights = np.array([0.9, 0.7]) / 1.6
    assert fused.boxes[0].tolist() == pytest.approx([0, 0, 20, weights @ [20, 24]])
    assert np.count_nonzero(fused.masks[0, 10]) == 22  # between 20 and 24 pixels, where the mean box ends


def test_an_object_that_one_of_three_networks_sees_scores_a_third() -> None:
    fused = fuse([found(), found((0.9, 2, (0, 0, 20, 20))), found()])
    assert fused.scores.tolist() == pytest.approx([0.3])
    assert fused.class_ids.tolist() == [2]
    assert np.array_equal(fused.masks, found((0.9, 2, (0, 0, 20, 20))).masks)


def test_the_mask_is_the_mean_shape() -> None:
    one, two, three = (found((0.5, 1, (0, 0, 20, right))) for right in (20, 24, 34))
    assert np.count_nonzero(fuse([one, two, three]).masks[0, 10]) == 26  # the majority would be 24


def test_equal_masks_stay_as_they_are() -> None:
    one, two = found((0.9, 1, (0, 0, 20, 20))), found((0.6, 1, (0, 0, 20, 20)))
    assert np.array_equal(fuse([one, two]).masks, one.masks)


def test_an_empty_mask_does_not_change_the_shape() -> None:
    one = found((0.9, 1, (0, 0, 20, 20)))
    empty = np.zeros_like(one.masks[0])
    assert np.array_equal(_mean_shape([empty, one.masks[0]], np.array([0.9, 0.1])), one.masks[0])
    assert not _mean_shape([empty, empty], np.array([0.5, 0.5])).any()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((0.7, 2, (0, 0, 20, 20)), id="another class"),
        pytest.param((0.7, 1, (0, 14, 20, 34)), id="little overlap"),
    ],
)
def test_different_objects_stay_apart(other: tuple[float, int, tuple[int, int, int, int]]) -> None:
    fused = fuse([found((0.9, 1, (0, 0, 20, 20))), found(other)])
    assert fused.scores.tolist() == pytest.approx([0.45, 0.35])
    assert fused.class_ids.tolist() == [1, other[1]]


def test_two_detections_of_one_network_are_never_one_object() -> None:
    fused = fuse([found((0.9, 1, (0, 0, 20, 20)), (0.8, 1, (0, 1, 20, 21))), found((0.7, 1, (0, 0, 20, 20)))])
    assert fused.scores.tolist() == pytest.approx([0.8, 0.4])


def test_a_detection_joins_the_object_that_it_overlaps_most() -> None:
    first = found((0.9, 1, (0, 0, 20, 20)), (0.8, 1, (0, 6, 20, 26)))
    fused = fuse([first, found((0.7, 1, (0, 5, 20, 25)))])
    assert fused.scores.tolist() == pytest.approx([0.75, 0.45])


def test_one_network_alone_is_returned_as_it_is() -> None:
    alone = found((0.9, 1, (0, 0, 20, 20)))
    assert fuse([alone]) is alone


def test_the_best_objects_are_returned_first_up_to_the_limit() -> None:
    several = [found((0.5, 1, (0, 0, 10, 10))), found((0.9, 2, (20, 20, 40, 40)), (0.2, 1, (0, 40, 10, 60)))]
    assert fuse(several, limit=2).scores.tolist() == pytest.approx([0.45, 0.25])


def test_photos_without_detections_are_fused() -> None:
    fused = fuse([found(), found()])
    assert len(fused) == 0
    assert fused.masks.shape == (0, HEIGHT, WIDTH)
