"""Matches of detections in each photo: average precision computed from them equals that of COCO's tools."""

import json

import numpy as np
import pytest

from fmask.evaluation.average_precision import average_precision
from fmask.evaluation.matches import IOU_THRESHOLDS, ClassMatches
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from fmask.studies.average_precision import run_precisions
from tests.helpers.scenes import Box, encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))


def random_box(rng: np.random.Generator) -> Box:
    y, x = int(rng.integers(0, 35)), int(rng.integers(0, 50))
    return y, x, y + int(rng.integers(8, 25)), x + int(rng.integers(8, 30))


def random_scenes(seed: int, count: int) -> tuple[list[Photo], list[EncodedDetections]]:
    """Return photos with up to 3 objects, some to ignore, and detections near to them or anywhere; scores differ."""
    rng = np.random.default_rng(seed)
    photos, found = [], []
    for number in range(count):
        boxes = [(("mask", "hat")[rng.integers(2)], random_box(rng)) for _ in range(rng.integers(0, 4))]
        ignored = tuple(np.flatnonzero(rng.random(len(boxes)) < 0.2).tolist())
        photos.append(photo(*boxes, ignored=ignored, name=f"{number:03}.png"))
        seen = []
        for label, (y1, x1, y2, x2) in boxes:
            for _ in range(rng.integers(0, 3)):
                y, x = rng.integers(-3, 4, 2)
                seen.append(
                    (label, (max(0, y1 + y), max(0, x1 + x), max(1, y2 + y), max(1, x2 + x)), float(rng.random()))
                )
        seen += [
            (("mask", "hat")[rng.integers(2)], random_box(rng), float(rng.random())) for _ in range(rng.integers(0, 3))
        ]
        found.append(encoded(*sorted(seen, key=lambda each: -each[2])))
    return photos, found


def test_matches_at_each_iou() -> None:
    shifted = ("mask", (20, 13, 40, 33), 0.9)  # IoU 0.739: matched up to 0.70
    scene = photo(MASK, HAT, ("mask", (45, 0, 55, 10)), ignored=(2,), name="a.png")
    scores = average_precision([scene], [encoded(shifted, ("mask", (45, 0, 55, 8), 0.8), ("mask", HAT[1], 0.7))])
    found = scores.matches["a.png"]
    assert found["mask"] == ClassMatches(1, ((0.9, "1111100000"), (0.8, "-" * 10), (0.7, "0" * 10)))
    assert found["hat"] == ClassMatches(1, ())
    again = json.loads(json.dumps(found["mask"].to_json()))
    assert ClassMatches.from_json(again) == found["mask"]
    assert IOU_THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


@pytest.mark.parametrize("value", [{}, {"objects": 1, "found": [[0.5, "11"]]}, {"objects": -1, "found": []}, 3])
def test_values_that_are_no_matches_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="matches must have"):
        ClassMatches.from_json(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_of_matches_is_that_of_cocos_tools(seed: int) -> None:
    photos, found = random_scenes(seed, count=12)
    scores = average_precision(photos, found)
    results = run_precisions(scores.matches, [each.name for each in photos])
    for name, result in results.items():
        assert result.value == pytest.approx(scores.metrics[name], abs=1e-12)
    assert set(results) >= {"mask_ap", "mask_ap50"}
