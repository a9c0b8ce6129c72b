"""What scores need of a COCO file is kept as the file has it."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fmask.data.formats.read import read_file
from fmask.structures.annotations import Split
from tests.helpers.classes import OF_STUDY
from tests.helpers.via import kinds

WIDTH, HEIGHT = 20, 12
SQUARE = [2, 3, 8, 3, 8, 9, 2, 9]
CATEGORIES = [{"id": 1, "name": "mask"}, {"id": 2, "name": "hat"}]


def annotation(segmentation: Any, category_id: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 5, "category_id": category_id, "segmentation": segmentation, "iscrowd": 0} | more


def read(folder: Path, *annotations: dict[str, Any]) -> Split:
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "a.png")
    images = [{"id": 5, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}]
    content = {"images": images, "categories": CATEGORIES, "annotations": annotations}
    (folder / "coco.json").write_text(json.dumps(content))
    return read_file(folder / "coco.json", folder, OF_STUDY)


@pytest.mark.parametrize(
    ("outline", "faults"),
    [
        ([1, 1, 2, 2, 3, 3], ["no pixel"]),
        ([5.1, 5.1, 5.3, 5.1, 5.2, 5.3], ["no pixel"]),
        ([25, 5, 30, 5, 30, 9], ["outside the photo", "no pixel"]),
    ],
)
def test_an_object_without_pixels_is_scored_but_not_trained_on(
    tmp_path: Path, outline: list[float], faults: list[str]
) -> None:
    split = read(tmp_path, annotation([SQUARE]), annotation([outline], 2))
    (photo,) = split.photos
    assert kinds(split) == faults
    assert (photo.regions[1].class_id, photo.regions[1].ignore) == (2, False)
    assert photo.class_ids().tolist() == [1, -1]
    assert (photo.regions[1].polygon <= (WIDTH - 1, HEIGHT - 1)).all()


def test_the_box_and_the_area_of_the_file_are_kept_if_they_are_valid(tmp_path: Path) -> None:
    valid = annotation([SQUARE], bbox=[1, 2.5, 3, 4], area=17.25)
    invalid = annotation([SQUARE], bbox=[1, 2, -3, 4], area=-1)
    (photo,) = read(tmp_path, valid, invalid, annotation([SQUARE])).photos
    kept, *replaced = [region.coco for region in photo.regions]
    assert kept
    assert (kept.bbox, kept.area, kept.crowd_of) == ((1, 2.5, 3, 4), 17.25, ())
    for each in replaced:
        assert each
        assert (each.bbox, each.area) == ((2, 3, 6, 6), 36)


def test_a_crowd_is_one_of_its_own_class(tmp_path: Path) -> None:
    single = [annotation([SQUARE], category, iscrowd=1) for category in (1, 2)]
    other = annotation([[1, 1, 9, 1, 9, 9]], 2, iscrowd=1)
    (photo,) = read(tmp_path, annotation([SQUARE]), *single, other).photos
    assert [each.coco and each.coco.crowd_of for each in photo.regions] == [(), ("mask", "hat"), ("hat",)]
