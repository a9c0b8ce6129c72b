"""COCO files with numbers in the forms of tables of floats and of other programs."""

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmask.utils.errors import UserError
from tests.data.formats.test_coco import SQUARE, annotation, document, read


@pytest.mark.parametrize(
    ("value", "ignored"),
    [
        *[(value, False) for value in (0, 0.0, False, None, math.nan, "0", "false", "")],
        *[(value, True) for value in (1, 1.0, True, "1", "True")],
    ],
)
def test_iscrowd_in_any_form(tmp_path: Path, value: Any, ignored: bool) -> None:
    split = read(tmp_path, document(annotation([SQUARE], iscrowd=value)))
    assert [region.ignore for region in split.photos[0].regions] == [ignored]
    assert split.faults == ()


@pytest.mark.parametrize("value", ["no", [0], {}])
def test_an_iscrowd_without_a_meaning_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(UserError, match=r"entry 1 of `annotations` has the `iscrowd` .*; it must be 0 or 1") as refusal:
        read(tmp_path, document(annotation([SQUARE]), annotation([SQUARE], iscrowd=value)))
    assert "\n" not in str(refusal.value)


def test_ids_that_are_floats(tmp_path: Path) -> None:
    for floats in ({"image_id": 5.0}, {"category_id": 3.0}):
        assert read(tmp_path, document(annotation([SQUARE]) | floats)).photos[0].regions[0].label == "mask"
    content = document(annotation([SQUARE]), id=5.0)
    content["categories"] = [{"id": 3.0, "name": "hat"}]
    assert read(tmp_path, content).photos[0].regions[0].label == "hat"
    with pytest.raises(UserError, match="`image_id` that is not among `images`"):
        read(tmp_path, document(annotation([SQUARE], image_id=5.5)))


@pytest.mark.parametrize("size", [(0, 0), (-1, -1), (20.0, 12.0), (-1.0, 12)])
def test_sizes_that_are_unknown_or_floats(tmp_path: Path, size: tuple[float, float]) -> None:
    split = read(tmp_path, document(annotation([SQUARE]), width=size[0], height=size[1]))
    assert (len(split.photos), split.faults) == (1, ())


def test_a_wrong_size_is_a_fault_in_any_form(tmp_path: Path) -> None:
    for width in (21, 21.0):
        (fault,) = read(tmp_path, document(annotation([SQUARE]), width=width)).faults[:1]
        assert (fault.kind, fault.detail) == ("other size", "annotated as 21 x 12, but it is 20 x 12")


def test_a_huge_exponent_costs_no_time(tmp_path: Path) -> None:
    from fmask.data.formats.coco_numbers import with_plain_numbers

    content = {"images": [{"id": Decimal("1E+999999999")}], "annotations": []}
    assert with_plain_numbers(content, tmp_path) == content


def test_polygons_are_not_changed(tmp_path: Path) -> None:
    split = read(tmp_path, document(annotation([[value + 0.125 for value in SQUARE]], image_id=5.0)))
    expected = np.reshape(SQUARE, (-1, 2)) + 0.125 - 0.5
    np.testing.assert_array_equal(split.photos[0].regions[0].polygon, expected)
