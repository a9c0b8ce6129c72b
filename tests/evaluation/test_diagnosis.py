"""AP50 lost by cause: one example for each cause, and the numbers of a library on a random example."""

import math

import numpy as np
import pytest

from fmask.evaluation.average_precision import average_precision
from fmask.evaluation.diagnosis import Cause, Diagnosis, diagnose
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from tests.helpers.classes import CLASSES
from tests.helpers.scenes import HEIGHT, WIDTH, Box, encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))
FOUND = ((*MASK, 0.9), (*HAT, 0.9))
ELSEWHERE: Box = (45, 50, 60, 75)

OF_LIBRARY = {
    Cause.CLASSIFICATION: (0.0486908690, 6),
    Cause.LOCALISATION: (0.2119891663, 36),
    Cause.BOTH: (0.0065356427, 6),
    Cause.DUPLICATE: (0.0327465083, 35),
    Cause.BACKGROUND: (0.0380326182, 23),
    Cause.MISSED: (0.0567950061, 12),
}
"""AP50 lost and number of errors of `random_photos(0)`, as hotcoco 1.3.0 (`COCOeval.tide_errors`) returns them. The
numbers of errors are also those of tidecv 1.0.1, the program of the authors."""
AP50_OF_LIBRARY = 0.3320914224


def wrong(diagnosis: Diagnosis) -> dict[Cause, int]:
    return {cause: count for cause, count in diagnosis.errors().items() if count}


def lost(diagnosis: Diagnosis) -> dict[Cause, float]:
    return {cause: round(value, 4) for cause, value in diagnosis.lost().items() if value}


def test_perfect_detections_lose_nothing() -> None:
    diagnosis = diagnose([photo(MASK, HAT)], [encoded(*FOUND)])
    assert (diagnosis.ap50, wrong(diagnosis), lost(diagnosis)) == (1.0, {}, {})


@pytest.mark.parametrize(
    ("cause", "detection", "ap50"),
    [
        # The mask has an error of higher score than its match: precision is 1/2 at every recall.
        (Cause.DUPLICATE, ("mask", (20, 10, 36, 30), 0.8), 1.0),
        (Cause.BACKGROUND, ("mask", ELSEWHERE, 0.95), 0.75),
        (Cause.BOTH, ("mask", (0, 60, 20, 80), 0.95), 0.75),  # IoU 0.25 with the hat
        (Cause.CLASSIFICATION, ("mask", HAT[1], 0.95), 0.75),  # the hat is found, so the fix removes the detection
        (Cause.LOCALISATION, ("mask", (30, 10, 50, 30), 0.95), 0.75),  # IoU 1/3
    ],
)
def test_each_wrong_detection_has_its_cause(cause: Cause, detection: tuple[str, Box, float], ap50: float) -> None:
    found = sorted((*FOUND, detection), key=lambda each: -each[2])
    diagnosis = diagnose([photo(MASK, HAT)], [encoded(*found)])
    assert wrong(diagnosis) == {cause: 1}
    assert diagnosis.ap50 == ap50
    assert lost(diagnosis) == ({cause: 0.25} if ap50 < 1 else {})
    assert {name: each[cause] for name, each in diagnosis.lost_by_class().items()} == {"mask": 2 * (1 - ap50), "hat": 0}


def test_a_duplicate_of_higher_score_than_another_match_costs_precision() -> None:
    scenes = [photo(MASK), photo(MASK, name="second.png")]
    diagnosis = diagnose(scenes, [encoded((*MASK, 0.9), ("mask", (20, 10, 38, 30), 0.8)), encoded((*MASK, 0.7))])
    assert wrong(diagnosis) == {Cause.DUPLICATE: 1}
    assert diagnosis.ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)  # precision 1 up to recall 0.5, then 2/3
    assert diagnosis.lost()[Cause.DUPLICATE] == pytest.approx(1 - diagnosis.ap50)


def test_a_wrong_class_moves_to_the_class_of_its_object() -> None:
    """Fixed, the detection is a match of the hat, and no longer an error before the match of the mask."""
    diagnosis = diagnose([photo(MASK, HAT)], [encoded(("mask", HAT[1], 0.95), (*MASK, 0.9))])
    assert wrong(diagnosis) == {Cause.CLASSIFICATION: 1}  # the hat is not missed: the fix finds it
    assert diagnosis.ap50_by_class() == {"mask": 0.5, "hat": 0.0}
    assert lost(diagnosis) == {Cause.CLASSIFICATION: 0.75}
    assert {name: each[Cause.CLASSIFICATION] for name, each in diagnosis.lost_by_class().items()} == {
        "mask": 0.5,
        "hat": 1.0,
    }


def test_only_the_error_of_the_highest_score_finds_its_object() -> None:
    found = encoded(("hat", MASK[1], 0.95), ("mask", (30, 10, 50, 30), 0.9))
    diagnosis = diagnose([photo(MASK)], [found])
    assert wrong(diagnosis) == {Cause.CLASSIFICATION: 1, Cause.LOCALISATION: 1}
    # The localisation error alone is removed; the classification error becomes a match before it.
    assert lost(diagnosis) == {Cause.CLASSIFICATION: 1.0}


def test_missed_objects_no_longer_count() -> None:
    scenes = [photo(MASK), photo(MASK, name="second.png")]
    diagnosis = diagnose(scenes, [encoded((*MASK, 0.9)), encoded()])
    assert wrong(diagnosis) == {Cause.MISSED: 1}
    assert diagnosis.ap50 == pytest.approx(51 / 101)
    assert diagnosis.lost()[Cause.MISSED] == pytest.approx(50 / 101)
    assert lost(diagnose([photo(MASK)], [encoded()])) == {Cause.MISSED: 1.0}  # all of a class


def test_detections_on_ignored_regions_are_no_errors() -> None:
    scene = photo(MASK, (None, ELSEWHERE))
    diagnosis = diagnose([scene], [encoded(("hat", ELSEWHERE, 0.95), (*MASK, 0.9))])
    assert (diagnosis.ap50, wrong(diagnosis)) == (1.0, {})


def test_photos_without_objects_have_no_ap() -> None:
    diagnosis = diagnose([photo()], [encoded(("hat", ELSEWHERE, 0.95))])
    assert wrong(diagnosis) == {Cause.BACKGROUND: 1}
    assert math.isnan(diagnosis.ap50)
    assert all(math.isnan(value) for value in diagnosis.lost().values())
    assert diagnosis.lost_by_class() == {}


def test_sizes_are_those_at_the_input_of_the_network() -> None:
    """The mask is 20 px of a photo of 80 px: 64 px, medium, at an input of 256 px, and 128 px, large, at 512 px."""
    diagnosis = diagnose([photo(MASK)], [encoded()])
    for image_size, size in ((100, "small"), (256, "medium"), (512, "large")):
        by_size = {name: each[Cause.MISSED] for name, each in diagnosis.lost_by_size(image_size).items()}
        assert by_size == {name: float(name == size) for name in ("small", "medium", "large")}
    assert list(diagnosis.lost_by_size(256)) == ["small", "medium", "large"]


def random_photos(seed: int, ignored: float = 0.0) -> tuple[list[Photo], list[EncodedDetections]]:
    """Return 40 photos with up to four rectangles each, and detections near and far from them; scores repeat."""
    draw = np.random.default_rng(seed)
    photos, found = [], []
    for number in range(40):
        regions = [(CLASSES[draw.integers(2)], random_box(draw)) for _ in range(draw.integers(5))]
        detections = [(CLASSES[draw.integers(2)], random_box(draw)) for _ in range(draw.integers(3))]
        for label, box in regions:
            for _ in range(draw.integers(4)):
                shifted = np.array(box) + draw.integers(-3, 4, 4)
                y1, x1, y2, x2 = np.clip(shifted, 0, (HEIGHT, WIDTH, HEIGHT, WIDTH)).tolist()
                if y2 > y1 and x2 > x1:
                    detections.append((label if draw.random() < 0.7 else CLASSES[draw.integers(2)], (y1, x1, y2, x2)))
        scores = np.sort(draw.permutation(1000)[: len(detections)])[::-1] / 1000
        order = draw.permutation(len(detections))
        scored = [(*detections[place], float(score)) for place, score in zip(order, scores, strict=True)]
        marked = tuple(place for place in range(len(regions)) if draw.random() < ignored)
        photos.append(photo(*regions, ignored=marked, name=f"{number}.png"))
        found.append(encoded(*scored))
    return photos, found


def random_box(draw: np.random.Generator) -> Box:
    top, left, height, width = draw.integers((0, 0, 4, 4), (40, 50, 20, 30)).tolist()
    return top, left, top + height, left + width


@pytest.mark.parametrize(("seed", "ignored"), [(0, 0.0), (1, 0.3), (2, 0.3)])
def test_ap50_is_that_of_the_scores(seed: int, ignored: float) -> None:
    photos, found = random_photos(seed, ignored)
    scores = average_precision(photos, found).metrics
    diagnosis = diagnose(photos, found)
    assert diagnosis.ap50 == pytest.approx(scores["mask_ap50"], abs=1e-9)
    expected = {name: pytest.approx(scores[f"mask_ap50_{name}"], abs=1e-9) for name in CLASSES}
    assert diagnosis.ap50_by_class() == expected


def test_the_numbers_are_those_of_a_library() -> None:
    diagnosis = diagnose(*random_photos(0))
    assert diagnosis.ap50 == pytest.approx(AP50_OF_LIBRARY, abs=1e-9)
    counts = diagnosis.errors()
    assert {cause: (value, counts[cause]) for cause, value in diagnosis.lost().items()} == {
        cause: (pytest.approx(value, abs=1e-9), count) for cause, (value, count) in OF_LIBRARY.items()
    }
