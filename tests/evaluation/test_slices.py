"""Outcomes by properties of objects and photos, and the order of the worst photos."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmask.evaluation.outcomes import Outcome, count_outcomes
from fmask.evaluation.slices import SPURIOUS, Slice, slices
from fmask.evaluation.worst import worst_photos
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from tests.helpers.scenes import HEIGHT, WIDTH, Box, encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))
SMALL: Box = (50, 40, 54, 44)


def at(folder: Path, name: str, grey: int, scene: Photo) -> Photo:
    Image.new("L", (WIDTH, HEIGHT), grey).save(folder / name)
    return replace(scene, path=folder / name)


@pytest.fixture
def scenes(tmp_path: Path) -> list[Photo]:
    """A dark photo with a mask and a hat, a brighter one with a small mask, and a bright one without objects."""
    return [
        at(tmp_path, "dark.png", 20, photo(MASK, HAT)),
        at(tmp_path, "medium.png", 100, photo(("mask", SMALL), (None, HAT[1]))),
        at(tmp_path, "bright.png", 200, photo()),
    ]


FOUND = [encoded((*MASK, 0.9), ("mask", HAT[1], 0.8)), encoded(), encoded(("hat", (0, 0, 20, 20), 0.7))]


def sliced(scenes: list[Photo], found: list[EncodedDetections], image_size: int = WIDTH) -> list[Slice]:
    outcomes = [count_outcomes([scene], [each]) for scene, each in zip(scenes, found, strict=True)]
    return slices(scenes, found, outcomes, image_size)


def rows(parts: list[Slice], name: str) -> dict[str, tuple[int, ...]]:
    """Return found, found wrongly, missed and spurious by group."""
    return {
        part.group: tuple(part.count(each) for each in (*Outcome, SPURIOUS)) for part in parts if part.property == name
    }


def test_each_object_and_spurious_detection_is_in_one_group_of_each_property(scenes: list[Photo]) -> None:
    parts = sliced(scenes, FOUND)
    assert rows(parts, "object size") == {"small, below 32 px": (1, 1, 1, 1)}
    assert rows(parts, "position") == {"inside": (1, 0, 1, 0), "at the edge": (0, 1, 0, 1)}
    assert rows(parts, "photo size") == {"80 px": (1, 1, 1, 1)}
    assert rows(parts, "brightness") == {"20": (1, 1, 0, 0), "100": (0, 0, 1, 0), "200": (0, 0, 0, 1)}
    assert rows(parts, "objects in the photo") == {"0": (0, 0, 0, 1), "1": (0, 0, 1, 0), "2": (1, 1, 0, 0)}


def test_sizes_are_those_at_the_input_of_the_network(scenes: list[Photo]) -> None:
    """The sides of 4, 20 and 24.5 px are 16, 80 and 98 px at an input of 320 px."""
    assert rows(sliced(scenes, FOUND, 320), "object size") == {
        "small, below 32 px": (0, 0, 1, 0),
        "medium, below 96 px": (1, 0, 0, 1),
        "large, from 96 px": (0, 1, 0, 0),
    }


def test_an_empty_mask_is_not_at_the_edge(scenes: list[Photo]) -> None:
    found = [encoded(("mask", (40, 40, 40, 40), 0.9)), encoded(), encoded()]
    assert rows(sliced(scenes, found), "position")["inside"][-1] == 1


def test_photos_are_the_unit(scenes: list[Photo]) -> None:
    (part,) = (part for part in sliced(scenes, FOUND) if part.property == "object size")
    assert part.found().tolist() == [1, 0, 0]
    assert part.objects().tolist() == [2, 1, 0]


def test_values_are_divided_into_thirds(tmp_path: Path) -> None:
    greys = [10, 20, 20, 20, 30, 40, 250]
    many = [at(tmp_path, f"{n}.png", grey, photo(MASK, name=f"{n}.png")) for n, grey in enumerate(greys)]
    brightness = rows(sliced(many, [encoded()] * 7), "brightness")
    assert {name: counts[2] for name, counts in brightness.items()} == {"10 to 20": 4, "30": 1, "40 to 250": 2}


def test_the_worst_photos_have_many_sure_errors(scenes: list[Photo]) -> None:
    outcomes = [count_outcomes([scene], [each]) for scene, each in zip(scenes, FOUND, strict=True)]
    worst = worst_photos(outcomes, FOUND)
    assert [each.place for each in worst] == [1, 0, 2]  # missed, found wrongly at 0.8, spurious at 0.7
    assert np.allclose([each.weight for each in worst], [1, 0.8, 0.7])
    assert [(each.wrong, each.missed, each.spurious) for each in worst] == [(0, 1, 0), (1, 0, 0), (0, 0, 1)]
    perfect = encoded((*MASK, 0.9), (*HAT, 0.9))
    assert worst_photos([count_outcomes(scenes[:1], [perfect])], [perfect]) == []
