"""An object of which only the box is annotated is matched by boxes."""

from dataclasses import replace

import pytest

from fmask.evaluation.diagnosis import diagnose
from fmask.evaluation.outcomes import Outcome
from fmask.evaluation.scores import compute_scores
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from tests.helpers.scenes import detections, photo

BOX = (10, 10, 30, 30)


def only_boxes(scene: Photo) -> Photo:
    return replace(scene, regions=tuple(replace(region, box_only=True) for region in scene.regions))


def thin(*found: tuple[str, tuple[int, int, int, int], float]) -> EncodedDetections:
    """Return detections whose masks are diagonals of their boxes."""
    every = detections(*found)
    for mask, (_, (y1, x1, y2, x2), _) in zip(every.masks, found, strict=True):
        mask[:] = False
        for step in range(y2 - y1):
            mask[y1 + step, x1 + step * (x2 - x1) // (y2 - y1)] = True
        mask[y2 - 1, x2 - 1] = True
    return every.encode()


def test_masks_decide_where_there_is_an_outline_and_boxes_where_there_is_none() -> None:
    scene, found = photo(("hat", BOX)), thin(("hat", (11, 10, 30, 30), 0.9))
    for each, outcome, ap in ((scene, Outcome.FOUND_WRONGLY, 0.0), (only_boxes(scene), Outcome.FOUND, 1.0)):
        scores = compute_scores([each], [found], [0.5])[0.5]
        assert [record.outcome for record in scores.outcomes.objects] == [outcome]
        assert scores.average_precision.metrics["mask_ap50"] == ap
        assert scores.average_precision.metrics["box_ap50"] == 1.0
    assert scores.outcomes.objects[0].iou == pytest.approx(19 / 20)
    assert diagnose([only_boxes(scene)], [found]).ap50 == 1.0


def test_scores_of_masks_are_those_of_boxes_if_no_object_has_an_outline() -> None:
    scenes = [only_boxes(photo(("hat", BOX), ("mask", (5, 40, 25, 60)), name=f"{number}.png")) for number in range(3)]
    found = [
        thin(("hat", (10 + number, 10, 30, 30), 0.9), ("mask", (5, 40 + 4 * number, 25, 60), 0.8), ("hat", BOX, 0.7))
        for number in range(3)
    ]
    metrics = compute_scores(scenes, found, [0.5])[0.5].average_precision.metrics
    assert 0 < metrics["box_ap"] < 1
    for name, value in metrics.items():
        if name.startswith("mask_"):
            assert value == pytest.approx(metrics["box_" + name.removeprefix("mask_")])


def test_a_region_to_ignore_is_compared_with_masks() -> None:
    scene = only_boxes(photo(("hat", BOX), ignored=(0,)))
    scores = compute_scores([scene], [thin(("hat", BOX, 0.9))], [0.5])[0.5]
    assert (scores.outcomes.objects, scores.outcomes.spurious) == ((), ())
