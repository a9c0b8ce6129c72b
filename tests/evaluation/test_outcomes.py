"""The study's counting rule, on rectangles and on the published detections."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmask.data.formats.read import read_split
from fmask.evaluation.outcomes import Outcome, Outcomes, Rate, count_outcomes
from fmask.structures.annotations import Photo
from fmask.structures.detections import Detections, EncodedDetections
from tests.helpers.classes import CLASSES
from tests.helpers.scenes import encoded, from_masks, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))


def outcomes_of(outcomes: Outcomes) -> list[Outcome]:
    return [record.outcome for record in outcomes.objects]


def test_one_right_claim_finds_an_object() -> None:
    outcomes = count_outcomes([photo(MASK, HAT)], [encoded((*HAT, 0.99), (*MASK, 0.95))])
    assert outcomes_of(outcomes) == [Outcome.FOUND, Outcome.FOUND]
    assert [record.claims for record in outcomes.objects] == [(1,), (0,)]
    assert [record.iou for record in outcomes.objects] == [1.0, 1.0]
    assert outcomes.spurious == ()


def test_an_unclaimed_object_is_missed() -> None:
    outcomes = count_outcomes([photo(MASK, HAT)], [encoded((*HAT, 0.99))])
    assert outcomes_of(outcomes) == [Outcome.MISSED, Outcome.FOUND]


def test_a_claim_with_the_wrong_class_is_found_wrongly() -> None:
    outcomes = count_outcomes([photo(MASK)], [encoded(("hat", MASK[1], 0.99))])
    assert outcomes_of(outcomes) == [Outcome.FOUND_WRONGLY]
    assert outcomes.objects[0].claimed_class_ids == (2,)


def test_two_claims_are_found_wrongly_even_if_one_is_perfect() -> None:
    found = encoded((*MASK, 0.99), ("hat", MASK[1], 0.95))
    assert outcomes_of(count_outcomes([photo(MASK)], [found])) == [Outcome.FOUND_WRONGLY]


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [(10, Outcome.FOUND), (9, Outcome.FOUND_WRONGLY)],  # of the object's 20: IoU 0.5 and 0.45
)
def test_too_small_an_iou_is_found_wrongly(rows: int, outcome: Outcome) -> None:
    found = encoded(("mask", (20, 10, 20 + rows, 30), 0.99))
    assert outcomes_of(count_outcomes([photo(MASK)], [found])) == [outcome]


@pytest.mark.parametrize(
    ("left", "outcome", "spurious"),
    [
        (20, Outcome.FOUND_WRONGLY, 0),
        (21, Outcome.MISSED, 1),
    ],  # half and just under half of the detection on the object
)
def test_a_claim_requires_half_of_the_detection(left: int, outcome: Outcome, spurious: int) -> None:
    outcomes = count_outcomes([photo(MASK)], [encoded(("mask", (20, left, 40, left + 20), 0.99))])
    assert outcomes_of(outcomes) == [outcome]
    assert len(outcomes.spurious) == spurious


def test_the_object_with_the_largest_share_is_claimed() -> None:
    scene = photo(("mask", (0, 0, 20, 40)), ("hat", (0, 10, 20, 50)))
    on_both = encoded(("hat", (0, 12, 20, 50), 0.99))  # 28 columns on the mask, all 38 on the hat
    assert outcomes_of(count_outcomes([scene], [on_both])) == [Outcome.MISSED, Outcome.FOUND]
    tie = encoded(("mask", (0, 10, 20, 40), 0.99))
    assert outcomes_of(count_outcomes([scene], [tie])) == [Outcome.FOUND, Outcome.MISSED]


def test_detections_on_ignored_regions_are_dropped() -> None:
    scene = photo(HAT, MASK, (None, (40, 40, 60, 60)), ignored=(0,))
    found = encoded((*MASK, 0.99), (*HAT, 0.98), ("hat", (40, 50, 60, 70), 0.97))
    outcomes = count_outcomes([scene], [found])
    assert [(record.region, record.outcome, record.claims) for record in outcomes.objects] == [(1, Outcome.FOUND, (0,))]
    assert outcomes.spurious == ()  # the third lies half on the region without a label
    assert len(count_outcomes([scene], [encoded(("hat", (40, 51, 60, 71), 0.97))]).spurious) == 1


def test_a_detection_on_an_object_inside_an_ignored_region_still_claims_it() -> None:
    scene = photo(MASK, (None, (0, 0, 60, 40)))
    assert outcomes_of(count_outcomes([scene], [encoded((*MASK, 0.9))])) == [Outcome.FOUND]


def test_an_empty_mask_is_spurious() -> None:
    outcomes = count_outcomes([photo(MASK)], [encoded(("mask", (5, 5, 5, 5), 0.99))])
    assert outcomes_of(outcomes) == [Outcome.MISSED]
    assert [record.detection for record in outcomes.spurious] == [0]


def test_class_matrix_has_missed_and_spurious_in_the_background() -> None:
    scene = photo(MASK, HAT, ("hat", (40, 40, 60, 60)))
    found = encoded(
        ("mask", (20, 10, 40, 26), 0.99),  # IoU 0.8: a further claim on the mask
        (*MASK, 0.98),
        ("mask", HAT[1], 0.97),
        ("hat", (50, 0, 60, 10), 0.96),  # on nothing
    )
    outcomes = count_outcomes([scene], [found])
    assert outcomes.class_matrix().tolist() == [[0, 1, 1], [0, 1, 0], [1, 1, 0]]
    assert outcomes.objects[0].claims == (1, 0)
    assert outcomes.table().tolist() == [[0, 1], [2, 0]]


def test_no_objects_give_undefined_rates_and_an_empty_matrix() -> None:
    outcomes = Outcomes((), (), CLASSES)
    assert math.isnan(outcomes.accuracy.value)
    assert math.isnan(outcomes.precision.low)
    assert outcomes.class_matrix().tolist() == np.zeros((3, 3)).tolist()


def test_wilson_interval() -> None:
    """Fifteen of eighteen, by Wilson's formula (centre p + z^2/2n, half width z sqrt(pq/n + z^2/4n^2))."""
    n, p, z = 18, 15 / 18, 1.959963984540054
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    expected = ((centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n))
    rate = Rate.of(15, 18)
    assert rate.value == pytest.approx(0.8333, abs=1e-4)
    assert (rate.low, rate.high) == pytest.approx(expected)


def test_masks_of_another_size_are_refused() -> None:
    wrong = Detections(np.zeros((1, 4)), np.ones(1, int), np.ones(1), np.ones((1, 10, 10), bool), CLASSES).encode()
    with pytest.raises(ValueError, match=r"made_up.png have masks of \(10, 10\)"):
        count_outcomes([photo(MASK)], [wrong])


def published_rows() -> dict[str, dict[str, list[str]]]:
    """Read the published detections: row to photo name to the detected classes."""
    lines = Path(__file__).with_name("published_detections.csv").read_text().splitlines()
    rows: dict[str, dict[str, list[str]]] = {}
    for line in csv.DictReader(line for line in lines if not line.startswith("#")):
        rows.setdefault(line["row"], {})[line["photo"]] = line["classes"].split()
    return rows


def laid_on_annotation(annotated: Photo, classes: list[str]) -> EncodedDetections:
    """Return detections on the outlines of their classes. A class detected twice gets the top and the bottom half."""
    found = []
    for position, label in enumerate(classes):
        region = next(region for region in annotated.regions if region.label == label and not region.ignore)
        outline = region.mask(annotated.height, annotated.width)
        if classes.count(label) == 2:
            half = np.cumsum(outline).reshape(outline.shape) <= outline.sum() / 2
            outline = outline & (half if position == classes.index(label) else ~half)
        found.append((region.class_id, outline, 0.99 - 0.01 * position))
    return from_masks(found).encode()


@pytest.mark.parametrize(
    ("row", "found", "missed", "wrong"), [("8a", 15, 3, 0), ("8b", 14, 3, 1), ("9a", 12, 6, 0), ("9b", 14, 3, 1)]
)
@pytest.mark.parametrize("photos", ["made up", "real"])
def test_published_detections_give_the_published_counts(
    photos: str, row: str, found: int, missed: int, wrong: int, request: pytest.FixtureRequest
) -> None:
    detected = published_rows()[row]
    if photos == "real":
        root: Path = request.getfixturevalue("photos_root")
        scenes = list(read_split(root / "test").photos)
    else:
        scenes = [photo(MASK, HAT, name=name) for name in detected]
    assert {scene.name for scene in scenes} == set(detected)
    outcomes = count_outcomes(scenes, [laid_on_annotation(scene, detected[scene.name]) for scene in scenes])
    assert outcomes.table().tolist() == [[found, missed], [wrong, 0]]
    assert len(outcomes.objects) == 18
    assert outcomes.spurious == ()
    assert outcomes.accuracy.value == found / 18
    assert outcomes.precision.value == found / (found + wrong)
    assert outcomes.class_matrix()[1:, 1:].sum() == found + wrong


def test_photos_with_equal_names_in_different_folders(tmp_path: Path) -> None:
    region = {"shape_attributes": {"name": "rect", "x": 1, "y": 1, "width": 4, "height": 4},
              "region_attributes": {"fmask": "mask"}}  # fmt: skip
    names = ["1.png", "./site1/1.png", "site2/1.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 12)).save(tmp_path / name)
    entries = {name: {"filename": name, "regions": [region]} for name in names}
    (tmp_path / "via_region_data.json").write_text(json.dumps(entries))
    photos = read_split(tmp_path).photos
    mask = np.zeros((1, 12, 20), bool)
    mask[:, :, 12:] = True
    found = Detections(np.array([[0, 12, 12, 20]]), np.array([1]), np.array([0.9]), mask, CLASSES).encode()
    outcomes = count_outcomes(photos, [found] * 3)
    expected = ["1.png", "site1/1.png", "site2/1.png"]  # in the top folder, the file's name alone
    assert [each.name for each in photos] == expected
    assert [each.photo for each in outcomes.objects] == [each.photo for each in outcomes.spurious] == expected
