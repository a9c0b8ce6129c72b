"""Suspects: one example of each kind, and their order."""

import numpy as np
import pytest

from fmask.evaluation.suspects import Kind, Suspect, find_suspects, photo_suspicions
from fmask.evaluation.suspicion import PRIOR, UsualIoU, odds_ratio, posterior, unseen_ratios, usual_ious
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from tests.helpers.scenes import Box, encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))
ELSEWHERE: Box = (45, 50, 58, 75)
FOUND = ((*MASK, 0.99), (*HAT, 0.98))
RIGHT = 20
"""Number of photos that are annotated as they are detected, with outlines of several usual IoU."""


def scene(*regions: tuple[str | None, Box], ignored: tuple[int, ...] = ()) -> list[Photo]:
    """Return photos, the first with these regions, the others with a mask and a hat."""
    return [photo(*regions, ignored=ignored), *(photo(MASK, HAT, name=f"{n}.png") for n in range(RIGHT))]


def network(*first: tuple[str, Box, float]) -> list[tuple[int, EncodedDetections]]:
    """Return detections of one network: those in the first photo, and in the others a mask and a hat."""
    usual = []
    for n in range(RIGHT):
        smaller = [(y1, x1, y2, x2 - n % 4) for _, (y1, x1, y2, x2) in (MASK, HAT)]
        usual.append((1 + n, encoded(("mask", smaller[0], 0.99), ("hat", smaller[1], 0.98))))
    return [(0, encoded(*sorted(first, key=lambda each: -each[2]))), *usual]


def first_suspect(photos: list[Photo], *found: tuple[str, Box, float]) -> Suspect:
    """Return the suspect of the highest suspicion, which must be in the first photo."""
    suspect = find_suspects(photos, network(*found))[0]
    assert suspect.place == 0
    return suspect


def test_right_labels_have_low_suspicions() -> None:
    suspects = find_suspects(scene(MASK, HAT), network(*FOUND))
    assert len(suspects) == 2 * (1 + RIGHT)
    assert suspects[0].suspicion < 0.1


def test_a_sure_detection_without_an_object_is_a_missing_outline() -> None:
    suspect = first_suspect(scene(MASK), *FOUND)
    assert (suspect.kind, suspect.region, suspect.label, suspect.mask is not None) == (Kind.MISSING, None, "hat", True)
    assert suspect.suspicion == pytest.approx(PRIOR * 0.98 / (PRIOR * 0.98 + (1 - PRIOR) * 0.02), abs=1e-4)


def test_detections_on_ignored_regions_propose_nothing() -> None:
    suspects = find_suspects(scene(MASK, HAT, ignored=(1,)), network(*FOUND))
    assert [each.kind for each in suspects if each.place == 0] == [Kind.SPURIOUS]  # the mask, which is seen
    assert suspects[0].suspicion < 0.1


def test_a_detection_on_two_ignored_regions_proposes_nothing() -> None:
    halves: tuple[tuple[str, Box], ...] = (("hat", (0, 40, 20, 54)), ("hat", (0, 56, 20, 70)))
    suspects = find_suspects(scene(MASK, *halves, ignored=(1, 2)), network(*FOUND))
    assert Kind.MISSING not in {each.kind for each in suspects}


def test_a_sure_detection_of_another_class_is_a_wrong_class() -> None:
    suspect = first_suspect(scene(MASK, ("mask", HAT[1])), *FOUND)
    assert (suspect.kind, suspect.label, suspect.iou) == (Kind.CLASS, "hat", 1.0)
    assert suspect.region is not None
    assert suspect.region.index == 1
    unsure = first_suspect(scene(MASK, ("mask", HAT[1])), *FOUND, ("mask", HAT[1], 0.6))
    assert unsure.suspicion == pytest.approx(0.4 * suspect.suspicion, rel=1e-3)  # the annotated class is seen too


def test_a_low_iou_is_a_sloppy_outline() -> None:
    shifted = ("hat", (0, 50, 20, 80))
    suspect = first_suspect(scene(MASK, shifted), *FOUND)
    assert (suspect.kind, suspect.label, suspect.iou) == (Kind.SLOPPY, "hat", 0.5)
    assert suspect.suspicion > 0.6
    unsure = [
        (each.kind, each.suspicion) for each in find_suspects(scene(MASK, shifted), network((*MASK, 0.99), (*HAT, 0.3)))
    ]
    assert unsure[0][0] is Kind.SPURIOUS  # a low score says more about the object than about its outline
    assert unsure[0][1] < 0.6 * suspect.suspicion


def test_an_object_without_detection_is_a_spurious_outline() -> None:
    suspect = first_suspect(scene(MASK, HAT, ("hat", ELSEWHERE)), *FOUND)
    assert (suspect.kind, suspect.mask, suspect.score) == (Kind.SPURIOUS, None, 0)
    assert suspect.region is not None
    assert suspect.region.index == 2
    assert suspect.suspicion == pytest.approx(posterior(41 / 2))  # none of its neighbours is seen as little


def test_an_outline_twice_is_a_duplicate() -> None:
    suspect = first_suspect(scene(MASK, HAT, ("hat", (0, 40, 20, 67))), *FOUND)
    assert (suspect.kind, suspect.iou, suspect.suspicion) == (Kind.DUPLICATE, 0.9, 0.9)
    assert suspect.region is not None
    assert suspect.region.index == 2
    assert [each.kind for each in find_suspects(scene(MASK, HAT), network(*FOUND)) if each.kind is Kind.DUPLICATE] == []


def test_networks_that_do_not_see_a_missing_outline_lower_its_suspicion() -> None:
    photos = scene(MASK)
    one = find_suspects(photos, network(*FOUND))[0]
    both = find_suspects(photos, [*network(*FOUND), (0, encoded(FOUND[0]))])[0]
    again = find_suspects(photos, [*network(*FOUND), (0, encoded(*FOUND))])[0]
    assert (one.kind, both.kind, again.kind) == (Kind.MISSING,) * 3
    assert both.suspicion == pytest.approx(one.suspicion / 2)
    assert again.suspicion == pytest.approx(one.suspicion)


def test_the_same_outline_of_several_networks_is_one_suspect() -> None:
    near = ("hat", (0, 41, 20, 70), 0.9)
    suspects = find_suspects(scene(MASK), [*network(*FOUND), (0, encoded(FOUND[0], near))])
    assert [each.score for each in suspects if each.kind is Kind.MISSING] == pytest.approx([0.98])


def test_a_network_counts_once_for_a_missing_outline() -> None:
    """Two proposals of one network overlap by less than half, and both overlap the proposal of the other network."""
    upper, lower = ("hat", (0, 40, 14, 70), 0.9), ("hat", (6, 40, 20, 70), 0.9)
    suspects = find_suspects(scene(MASK), [*network(*FOUND), (0, encoded(FOUND[0], upper, lower))])
    (missing,) = (each for each in suspects if each.kind is Kind.MISSING)
    assert missing.suspicion == pytest.approx(
        np.mean([posterior(odds_ratio(score)) for score in (0.98, 0.9)]), abs=1e-4
    )


def test_a_photo_is_suspicious_if_any_label_is() -> None:
    suspects = [
        Suspect(3, Kind.SPURIOUS, 0.5, None),
        Suspect(3, Kind.MISSING, 0.5, None),
        Suspect(1, Kind.CLASS, 0.6, None),
    ]
    assert photo_suspicions(suspects) == {3: 0.75, 1: 0.6}
    assert list(photo_suspicions(suspects)) == [3, 1]


def test_photos_without_objects_or_detections() -> None:
    assert find_suspects([photo()], [(0, encoded())]) == []
    assert [each.kind for each in find_suspects([photo()], [(0, encoded((*HAT, 0.9)))])] == [Kind.MISSING]
    assert [each.kind for each in find_suspects([photo(HAT)], [(0, encoded())])] == [Kind.SPURIOUS]


def test_posterior_and_odds() -> None:
    assert posterior(0) == 0
    assert posterior(1) == pytest.approx(PRIOR)
    assert posterior(odds_ratio(1.0)) < 1
    assert odds_ratio(0.75) == pytest.approx(3)


def test_a_few_wrong_outlines_hardly_change_the_usual_iou() -> None:
    right = list(np.random.default_rng(0).normal(0.85, 0.04, 95))
    clean, mixed = UsualIoU(right), UsualIoU([*right, *[0.3] * 5])
    assert clean.ratio(0.9) == 0
    assert clean.ratio(0.6) > clean.ratio(0.7) > clean.ratio(0.8) > 0
    assert posterior(clean.ratio(0.5)) > 0.8
    assert posterior(mixed.ratio(0.5)) == pytest.approx(posterior(clean.ratio(0.5)), abs=0.02)


def test_a_class_with_few_matches_has_the_usual_iou_of_all() -> None:
    matches = [(1, 0.8 + n / 100) for n in range(10)]
    usual = usual_ious([*matches, (2, 0.3)], [1, 2, 3])
    assert usual[3].ratio(0.5) == usual[2].ratio(0.5)
    assert usual[2].ratio(0.5) == UsualIoU([*(iou for _, iou in matches), 0.3]).ratio(0.5)
    assert usual_ious([], [1]) == {}


def test_small_objects_are_missed_more_often() -> None:
    sizes = np.repeat([0.05, 0.5], 40)
    seen = np.concatenate([np.repeat([0.0, 0.9], 20), [0.0], np.full(39, 0.9)])
    ratios = unseen_ratios(sizes, seen)
    assert (ratios[0], ratios[40]) == (41 / 21, 41 / 2)
    assert (ratios[20], ratios[41]) == (1, 1)
