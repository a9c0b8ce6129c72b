"""Thresholds for each class are the best for their aim."""

import itertools
from unittest.mock import ANY

import numpy as np
import pytest
from rich.text import Text

from fmask.evaluation.average_precision import average_precision
from fmask.evaluation.operating_point import Aim, choose
from fmask.evaluation.operating_report import Scored, measure, operating_tables
from fmask.evaluation.outcomes import Outcome, Outcomes, count_outcomes
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from fmask.structures.operating_point import NEVER, Calibration, OperatingPoint
from fmask.utils.errors import UserError
from tests.helpers.scenes import encoded, photo

MASK, HAT, NOTHING = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70)), (45, 40, 59, 70)


def point_of(photos: list[Photo], found: list[EncodedDetections], aim: str) -> OperatingPoint:
    return choose(photos, found, average_precision(photos, found).matches, Aim.parse(aim))


def outcomes_at(point: OperatingPoint, photos: list[Photo], found: list[EncodedDetections]) -> Outcomes:
    return count_outcomes(photos, [each.where(point.keeps(each.class_ids, each.scores)) for each in found])


def random_scene(seed: int) -> tuple[list[Photo], list[EncodedDetections]]:
    """Draw photos with right, spurious and repeated detections of both classes."""
    random = np.random.default_rng(seed)
    photos, found = [], []
    for _ in range(8):
        objects = [each for each in (MASK, HAT) if random.random() < 0.8]
        detections = [(*each, random.beta(4, 2)) for each in objects if random.random() < 0.9]
        detections += [(*each, random.beta(2, 3)) for each in objects if random.random() < 0.3]
        detections += [(name, NOTHING, random.beta(2, 3)) for name in ("mask", "hat") if random.random() < 0.3]
        photos.append(photo(*objects))
        found.append(encoded(*((name, box, round(float(score), 2)) for name, box, score in detections)))
    return photos, found


@pytest.mark.parametrize("aim", ["accuracy", "precision=0.8", "precision=0.95", "false_alarms=0", "false_alarms=25"])
@pytest.mark.parametrize("seed", range(4))
def test_no_other_thresholds_are_better(aim: str, seed: int) -> None:
    photos, found = random_scene(seed)

    def count(limits: tuple[float, ...]) -> tuple[int, int, int]:
        kept = [each.where(each.scores.astype(float) >= np.array(limits)[each.class_ids - 1]) for each in found]
        outcomes = count_outcomes(photos, kept)
        return outcomes.count(Outcome.FOUND), sum(map(len, kept)), len(outcomes.spurious)

    allowed = Aim.parse(aim).allows
    own = [sorted({float(score) for each in found for score in each.scores[each.class_ids == k]}) for k in (1, 2)]
    counts = [count(limits) for limits in itertools.product(*([*scores, 1.1] for scores in own))]
    best = max(each[0] for each in counts if allowed(np.array([each]), len(photos))[0])
    point = point_of(photos, found, aim)
    chosen = count(tuple(point.thresholds.values()))
    assert allowed(np.array([chosen]), len(photos))[0]
    assert chosen[0] == best


def test_thresholds_are_in_the_middle_of_equally_good_ones() -> None:
    photos = [photo(MASK, HAT), photo(MASK), photo(HAT)]
    found = [
        encoded((*MASK, 0.9), (*HAT, 0.8)),
        encoded((*MASK, 0.7), ("mask", NOTHING, 0.5)),
        encoded((*HAT, 0.9), ("hat", NOTHING, 0.4)),
    ]
    accurate = point_of(photos, found, "accuracy").thresholds
    assert accurate == pytest.approx({"mask": 0.6, "hat": 0.6})  # from the lowest detection to the lowest right one
    strict = point_of(photos, found, "false_alarms=0").thresholds
    assert strict == pytest.approx({"mask": 0.6, "hat": 0.6})
    assert outcomes_at(point_of(photos, found, "precision=1"), photos, found).precision_all.value == 1


def test_false_alarms_are_counted_in_100_photos() -> None:
    photos = [photo(MASK)] * 4
    found = [encoded((*MASK, 0.9)), encoded(("mask", NOTHING, 0.8)), encoded(("mask", NOTHING, 0.7), (*MASK, 0.6)),
             encoded((*MASK, 0.5))]  # fmt: skip
    spurious = {aim: len(outcomes_at(point_of(photos, found, aim), photos, found).spurious)
                for aim in ("false_alarms=24", "false_alarms=50", "false_alarms=0")}  # fmt: skip
    assert spurious == {"false_alarms=24": 0, "false_alarms=50": 2, "false_alarms=0": 0}


@pytest.mark.parametrize(
    ("aim", "counts", "photos"),
    [("precision=0.56", (14, 25, 11), 1), ("precision=0.07", (7, 100, 93), 1), ("false_alarms=1.1", (0, 11, 11), 1000)],
)
def test_a_limit_that_is_reached_exactly_is_allowed(aim: str, counts: tuple[int, int, int], photos: int) -> None:
    found, detections, spurious = counts
    more = [found - 1, detections, spurious] if found else [found, detections, spurious + 1]
    assert Aim.parse(aim).allows(np.array([counts, more]), photos).tolist() == [True, False]


def test_no_detection_of_a_class_counts_if_one_with_a_score_of_1_must_not() -> None:
    photos = [photo(MASK), photo(MASK)]
    found = [encoded(("hat", NOTHING, 1.0), (*MASK, 0.9)), encoded((*MASK, 0.8))]
    point = point_of(photos, found, "false_alarms=0")
    assert (point.thresholds["mask"], point.thresholds["hat"]) == (pytest.approx(0.8), NEVER)
    assert np.float32(1) < np.float32(NEVER)
    outcomes = outcomes_at(point, photos, found)
    assert (outcomes.count(Outcome.FOUND), len(outcomes.spurious)) == (2, 0)
    assert OperatingPoint.from_json(point.to_json(), ("mask", "hat")) == point
    scored = Scored(photos, found, average_precision(photos, found).matches)
    table, _ = operating_tables(point, {"val [old]": measure(point, scored, chosen_here=True)})
    assert [list(column.cells)[:2] for column in table.columns[1:3]] == [[f"{0.8:.3f}", "none"], [ANY, "-"]]
    assert Text.from_markup(str(table.columns[3].header)).plain == "val [old] found"


def test_the_table_of_a_precision_has_the_right_detections() -> None:
    photos = [photo(MASK, HAT), photo(MASK)]
    found = [encoded((*MASK, 0.9), ("mask", HAT[1], 0.8)), encoded((*MASK, 0.7), ("hat", NOTHING, 0.6))]
    scored = Scored(photos, found, average_precision(photos, found).matches)
    columns = {}
    for aim in ("accuracy", "precision=0.5", "precision=1"):
        point = point_of(photos, found, aim)
        table, _ = operating_tables(point, {"val": measure(point, scored, chosen_here=True)})
        columns[aim] = [str(table.columns[4].header), *table.columns[4].cells]
    assert columns["accuracy"][0] == "spurious"
    assert columns["precision=0.5"] == ["right", "2 of 3", "0 of 0", "2 of 3", "2 of 4"]
    assert columns["precision=1"] == ["right", "1 of 1", "0 of 0", "1 of 1", "2 of 4"]


def test_a_class_without_detections_gets_the_fixed_threshold() -> None:
    point = point_of([photo(MASK)], [encoded((*MASK, 0.9))], "accuracy")
    assert point.thresholds["hat"] == 0.5
    assert (point.aim, point.photos, point.objects) == ("accuracy", 1, 1)


def test_an_aim_that_is_out_of_reach_is_refused() -> None:
    with pytest.raises(UserError, match=r"No thresholds reach the aim precision=0\.9: no object would be found"):
        point_of([photo(MASK)], [encoded(("mask", NOTHING, 0.9), (*MASK, 0.5))], "precision=0.9")


@pytest.mark.parametrize("text", ["accuracy=1", "precision", "precision=1.1", "precision=x", "false_alarms=-1",
                                  "false_alarms=inf", "false_alarms=nan", "recall=0.9", ""])  # fmt: skip
def test_other_aims_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--aim must be accuracy, precision=P .*, not "):
        Aim.parse(text)


def test_an_operating_point_is_read_as_it_was_written() -> None:
    point = OperatingPoint("precision=0.9", {"mask": 0.7, "hat": 0.25}, Calibration(1.2, -2.0), 44, 64)
    assert OperatingPoint.from_json(point.to_json(), ("mask", "hat")) == point
    kept = point.keeps(np.array([1, 2, 1, 2]), np.array([0.7, 0.25, 0.69, 0.24], np.float32))
    assert kept.tolist() == [False, True, False, False]  # 0.7 as float32 is below 0.7


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"thresholds": {"mask": 0.5}}, "must have thresholds of mask, hat"),
        ({"thresholds": {"mask": 0.5, "hat": 1.5}}, "from 0 to 1"),
        ({"calibration": {"slope": 0.0, "intercept": 0.0}}, "slope above 0"),
        ({"calibration": {"slope": 1.0}}, "is damaged"),
        ({"thresholds": []}, "is damaged"),
        ({"aim": None, "photos": "many"}, "is damaged"),
    ],
)
def test_a_damaged_operating_point_is_refused(changed: dict[str, object], reason: str) -> None:
    value = OperatingPoint("accuracy", {"mask": 0.7, "hat": 0.5}, Calibration(1, 0), 4, 4).to_json() | changed
    with pytest.raises(ValueError, match=reason):
        OperatingPoint.from_json(value, ("mask", "hat"))
