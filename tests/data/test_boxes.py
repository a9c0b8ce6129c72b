"""Objects that have a box and no outline: refused, or trained on without their masks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmask.config.compose import compose_config
from fmask.data.config import Jitter
from fmask.data.dataset import digest
from fmask.data.formats.convert import FORMATS, convert
from fmask.data.formats.read import read_split
from fmask.data.open import open_dataset
from fmask.data.samples import augment_sample, load_samples
from fmask.structures.annotations import have_outlines
from fmask.utils.errors import UserError

OUTLINE = [4, 4, 12, 4, 4, 12]


def write(root: Path, *objects: dict[str, Any], splits: tuple[str, ...] = ("train", "val", "test")) -> Path:
    """Write a COCO file with one photo to each split."""
    for split in splits:
        (root / split).mkdir(parents=True)
        Image.new("RGB", (32, 24), (9, 99, 199)).save(root / split / "a.png")
        document = {
            "images": [{"id": 1, "file_name": "a.png", "width": 32, "height": 24}],
            "annotations": [{"id": n, "image_id": 1, "category_id": 1, **each} for n, each in enumerate(objects, 1)],
            "categories": [{"id": 1, "name": "helmet"}],
        }
        (root / split / "a.json").write_text(json.dumps(document))
    return root


BOXED: dict[str, Any] = {"bbox": [16, 6, 10, 12]}
OUTLINED: dict[str, Any] = {"segmentation": [OUTLINE]}


def settings(root: Path, *further: str) -> list[str]:
    return ["data=rendered", f"data.root={root}", "data.classes=null", "data.attribute=null", *further]


def test_they_are_refused_with_the_first_of_them_and_what_to_type(tmp_path: Path) -> None:
    write(tmp_path, OUTLINED, BOXED)
    with pytest.raises(UserError) as refusal:
        open_dataset(compose_config(settings(tmp_path)).data)
    assert str(refusal.value) == (
        f"{tmp_path}/train: 1 of 2 objects have a box and no outline (the first is region 1 of a.png, helmet); "
        "draw their outlines, or add data.boxes=true to train boxes and classes on them."
    )
    dataset = open_dataset(compose_config(settings(tmp_path, "data.boxes=true")).data)
    assert dataset.splits["train"].box_only == 1


def test_boxes_to_ignore_are_allowed(tmp_path: Path) -> None:
    write(tmp_path, OUTLINED, BOXED | {"iscrowd": 1})
    train = open_dataset(compose_config(settings(tmp_path)).data).splits["train"]
    assert (train.objects, train.box_only, [each.ignore for each in train.photos[0].regions]) == (1, 0, [False, True])


def test_they_are_scored_though_training_has_none(tmp_path: Path) -> None:
    write(tmp_path, OUTLINED, splits=("train", "val"))
    write(tmp_path, BOXED, splits=("test",))
    assert open_dataset(compose_config(settings(tmp_path)).data).splits["test"].objects == 1


def test_a_sample_has_no_mask_of_them_unless_no_object_has_an_outline(tmp_path: Path) -> None:
    photos = read_split(write(tmp_path, OUTLINED, BOXED) / "train").photos
    assert have_outlines(photos)
    for boxes_as_masks, last in ((False, -1), (True, 1)):
        (sample,) = load_samples(photos, 32, boxes_as_masks=boxes_as_masks)
        view = augment_sample(sample, 32, 32, Jitter(), None, np.random.default_rng(0))
        assert view.class_ids.tolist() == [1, 1]
        assert set(np.unique(view.masks[0])) == {0, 1}
        assert np.unique(view.masks[1]).tolist() == [last]
        np.testing.assert_allclose(view.boxes[1] - view.boxes[1, [0, 1, 0, 1]], [0, 0, 12, 10], atol=1e-4)


def test_they_are_not_pasted_into_other_photos(tmp_path: Path) -> None:
    photos = read_split(write(tmp_path, BOXED) / "train").photos
    (donor,) = load_samples(photos, 32)
    (empty,) = load_samples(photos, 32)
    empty.polygons.clear()
    empty = type(empty)(empty.image * 0, [], np.array([], int))
    view = augment_sample(empty, 32, 32, Jitter(), None, np.random.default_rng(0), donor)
    assert len(view.boxes) == 0
    assert not view.image.any()


@pytest.mark.parametrize("to", FORMATS)
def test_they_survive_conversion(tmp_path: Path, to: str) -> None:
    source = write(tmp_path / "source", OUTLINED, BOXED, splits=("train",)) / "train"
    read = read_split(source)
    target = tmp_path / "target"
    target.mkdir()
    file = target / {"coco": "b.json", "via": "via_region_data.json"}.get(to, "")
    convert(source, file if to in ("coco", "via") else target, to=to)
    if to != "yolo":
        Image.open(source / "a.png").save(target / "a.png")
    again = read_split(target / "images" / "train" if to == "yolo" else target)
    outlined, boxed = again.photos[0].regions
    assert (outlined.box_only, boxed.box_only, boxed.label) == (False, True, "helmet")
    np.testing.assert_allclose(boxed.polygon, read.photos[0].regions[1].polygon, atol=1e-9)


def test_a_box_and_an_outline_of_the_same_shape_have_different_digests(tmp_path: Path) -> None:
    corners = [16, 6, 26, 6, 26, 18, 16, 18]
    outlined = write(tmp_path / "outlined", {"segmentation": [corners], "bbox": BOXED["bbox"]})
    boxed = write(tmp_path / "boxed", BOXED)
    assert digest(read_split(outlined / "train")) != digest(read_split(boxed / "train"))
