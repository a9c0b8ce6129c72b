"""Reading COCO files: every kind of segmentation, and every fault."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_coco_eval.core import mask as rle
from PIL import Image

from fmask.data.check import check
from fmask.data.formats.read import read_file, read_split
from fmask.data.formats.via import write_split
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError
from tests.helpers.classes import OF_STUDY
from tests.helpers.via import kinds

WIDTH, HEIGHT = 20, 12
SQUARE = [2, 3, 8, 3, 8, 9, 2, 9]
"""In COCO coordinates: the pixels of columns 2 to 7 and rows 3 to 8."""
CATEGORIES = [{"id": 7, "name": "Hat"}, {"id": 3, "name": "mask"}, {"id": 9, "name": "person"}]


def annotation(segmentation: Any, category_id: int = 3, **more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 5, "category_id": category_id, "segmentation": segmentation, "iscrowd": 0} | more


def document(*annotations: dict[str, Any], **image: Any) -> dict[str, Any]:
    images = [{"id": 5, "file_name": "a.png", "width": WIDTH, "height": HEIGHT} | image]
    return {"images": images, "categories": CATEGORIES, "annotations": list(annotations)}


def read(
    folder: Path, content: Any, classes: Mapping[str, str | None] | None = None, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> Split:
    Image.new("RGB", size).save(folder / "a.png")
    (folder / "coco.json").write_text(json.dumps(content))
    return read_file(folder / "coco.json", folder, replace(OF_STUDY, map=classes or {}))


def mask_of(split: Split) -> np.ndarray:
    assert split.faults == ()
    (mask,) = split.photos[0].masks()
    return mask


def pixels(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for y1, x1, y2, x2 in boxes:
        mask[y1:y2, x1:x2] = True
    return mask


def test_a_polygon_is_shifted_by_half_a_pixel_and_covers_the_same_pixels(tmp_path: Path) -> None:
    split = read(tmp_path, document(annotation([SQUARE])))
    np.testing.assert_array_equal(split.photos[0].regions[0].polygon, np.reshape(SQUARE, (-1, 2)) - 0.5)
    np.testing.assert_array_equal(mask_of(split), pixels((3, 2, 9, 8)))


@pytest.mark.parametrize(("image_id", "category_id"), [("5", 7), (5, "7"), ("5", "7")])
def test_coco_exports_of_via_are_read(tmp_path: Path, image_id: Any, category_id: Any) -> None:
    """They refer to ids by text, write a polygon without a list around it, and repeat categories."""
    content = document(annotation(SQUARE, category_id, image_id=image_id)) | {"categories": 2 * CATEGORIES}
    split = read(tmp_path, content)
    np.testing.assert_array_equal(mask_of(split), pixels((3, 2, 9, 8)))
    assert split.photos[0].regions[0].label == "hat"
    with pytest.raises(UserError, match="has no category 'x'; it has 'Hat', 'mask', 'person'"):
        read(tmp_path, content, {"x": None})


def test_ids_that_are_text_refer_to_numbers_and_back(tmp_path: Path) -> None:
    content = document(annotation([SQUARE], image_id=5), id="5")
    assert len(read(tmp_path, content).photos) == 1
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "b.png")
    both = document(annotation([SQUARE], image_id="5"), annotation([SQUARE], 7, image_id=5))
    both["images"].append(both["images"][0] | {"id": "5", "file_name": "b.png"})
    labels = {photo.name: [each.label for each in photo.regions] for photo in read(tmp_path, both).photos}
    assert labels == {"a.png": ["hat"], "b.png": ["mask"]}  # each refers to the id that is the same


def test_labels_crowds_and_order(tmp_path: Path) -> None:
    regions = [annotation([SQUARE], 7), annotation([SQUARE], 3, iscrowd=1), annotation([SQUARE])]
    (photo,) = read(tmp_path, document(*regions)).photos
    assert [(each.label, each.ignore, each.index) for each in photo.regions] == [
        ("hat", False, 0),
        ("mask", True, 1),
        ("mask", False, 2),
    ]


def test_a_crowd_of_every_class_has_no_label(tmp_path: Path) -> None:
    crowds = [annotation([SQUARE], category, iscrowd=1) for category in (3, 7)]
    split = read(tmp_path, document(annotation([SQUARE]), *crowds))
    assert [each.label for each in split.photos[0].regions] == ["mask", None]
    assert split.photos[0].class_ids().tolist() == [1, -1]
    assert kinds(split) == []


@pytest.mark.parametrize("segmentation", [[], None, {}, [[]], [[1, 2, 3, 4]], [[1, 2], [3, 4, 5, 6]]])
def test_an_object_may_have_a_box_and_no_outline(tmp_path: Path, segmentation: Any) -> None:
    boxed = annotation(segmentation, 7, bbox=[11, 2, 4.5, 6])
    split = read(tmp_path, document(annotation([SQUARE]), boxed))
    (photo,) = split.photos
    assert [(each.label, each.ignore, each.box_only) for each in photo.regions] == [
        ("mask", False, False),
        ("hat", False, True),
    ]
    np.testing.assert_array_equal(photo.masks()[1], pixels((2, 11, 8, 16)))
    assert photo.regions[1].box(photo.run_lengths()[1]) == (11, 2, 4.5, 6)
    assert (split.faults, split.box_only, split.objects) == ((), 1, 2)
    assert check(tmp_path).is_clean


@pytest.mark.parametrize(
    "bbox", [None, [], [1, 2, 3], [1, 2, 3, "4"], [1, 2, 0, 4], [1, 2, 3, float("nan")], [1, 2, 10**8, 4]]
)
def test_a_box_that_is_none_does_not_replace_an_outline(tmp_path: Path, bbox: Any) -> None:
    split = read(tmp_path, document(annotation([SQUARE]), annotation([], bbox=bbox)))
    assert (len(split.photos[0].regions), kinds(split)) == (1, ["too few points"])


def test_a_box_does_not_hide_the_fault_of_an_outline(tmp_path: Path) -> None:
    split = read(tmp_path, document(annotation([SQUARE]), annotation([[1, 2, 3, 4, 5, "6"]], bbox=[1, 2, 3, 4])))
    assert kinds(split) == ["bad coordinates"]


def test_several_polygons_of_an_annotation_are_one_object(tmp_path: Path) -> None:
    other = [12, 1, 16, 1, 16, 5, 12, 5]
    (region,) = read(tmp_path, document(annotation([SQUARE, other]))).photos[0].regions
    np.testing.assert_array_equal(region.mask(HEIGHT, WIDTH), pixels((3, 2, 9, 8), (1, 12, 5, 16)))


def test_overlapping_polygons_cover_their_union(tmp_path: Path) -> None:
    other = [5, 5, 12, 5, 12, 11, 5, 11]
    split = read(tmp_path, document(annotation([SQUARE, other])))
    np.testing.assert_array_equal(mask_of(split), pixels((3, 2, 9, 8), (5, 5, 11, 12)))


@pytest.mark.parametrize("compressed", [True, False])
def test_run_lengths_with_a_hole_and_two_parts_are_read(tmp_path: Path, compressed: bool) -> None:
    mask = pixels((0, 0, 8, 7), (9, 15, 12, 20))
    mask[3:5, 2:4] = False
    if compressed:
        code = rle.encode(np.asfortranarray(mask, np.uint8))
        counts: Any = code["counts"].decode()
    else:
        changes = np.flatnonzero(np.diff(np.r_[False, mask.T.ravel(), False]))
        counts = np.diff(np.r_[0, changes, mask.size]).tolist()
        counts = counts[:-1] if counts[-1] == 0 else counts
    split = read(tmp_path, document(annotation({"size": [HEIGHT, WIDTH], "counts": counts})))
    np.testing.assert_array_equal(mask_of(split), mask)


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """Return the uncompressed run lengths of a mask."""
    changes = np.flatnonzero(np.diff(np.r_[False, mask.T.ravel(), True]))
    return {"size": list(mask.shape), "counts": np.diff(np.r_[0, changes]).tolist()}


def comb(teeth: int) -> np.ndarray:
    """Return a polygon (n, 2) with many thin teeth, in a photo of 200 x 200 pixels."""
    x = np.repeat(np.linspace(1, 199, teeth), 2)
    y = np.where(np.arange(2 * teeth) // 2 % 2, 2.0, 198.0)
    return np.r_[np.stack([x, y], axis=1), [(199.5, 199.5), (0.5, 199.5)]]


def test_an_object_of_many_parts_survives_coco_and_via(tmp_path: Path) -> None:
    y, x = np.mgrid[:200, :200]
    mask = (np.hypot(y - 100, x - 100) < 90) & (x % 20 > 2) & (y % 30 > 1)  # a person behind 9 posts and 6 rails
    mask[::20, ::20] = False
    split = read(tmp_path, document(annotation(run_lengths(mask)), width=200, height=200), size=(200, 200))
    np.testing.assert_array_equal(mask_of(split), mask)
    (tmp_path / "coco.json").unlink()
    write_split(tmp_path, split.photos)
    np.testing.assert_array_equal(mask_of(read_split(tmp_path)), mask)


CHECKER = np.indices((200, 200)).sum(axis=0) % 2 == 1
SPECKS = np.zeros((200, 200), bool)
SPECKS[::10, ::10] = True
DUST = [[float(v) for v in (x, y, x + 3, y, x, y + 3)] for x in range(0, 200, 8) for y in range(0, 200, 8)]


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        pytest.param(
            run_lengths(CHECKER), "its mask's outlines are 79600 pixels long; at most 40000 are allowed", id="checker"
        ),
        pytest.param(run_lengths(SPECKS), "400 parts and holes; at most 200 are allowed", id="specks"),
        pytest.param(DUST, "625 parts and holes; at most 200 are allowed", id="dust"),
        pytest.param(
            [comb(1000).ravel().tolist(), comb(1000)[:, ::-1].ravel().tolist()],
            "its sides cross each other more than 1000 times",
            id="two crossing combs",
        ),
        pytest.param([comb(2400).ravel().tolist()] * 3, "14406 points; at most 10000 are allowed", id="three combs"),
        pytest.param([comb(31).ravel().tolist(), comb(31)[:, ::-1].ravel().tolist()], "parts and holes", id="a net"),
    ],
)
def test_outlines_that_are_too_complex_are_left_out_fast(segmentation: Any, message: str, tmp_path: Path) -> None:
    content = document(annotation(segmentation), annotation([SQUARE]), width=200, height=200)
    start = time.process_time()
    split = read(tmp_path, content, size=(200, 200))
    assert time.process_time() - start < 2
    (fault,) = split.faults
    assert (fault.kind, fault.region) == ("bad coordinates", 0)
    assert message in fault.detail
    assert len(split.photos[0].regions) == 1


def test_an_outline_may_touch_the_photos_edge_but_not_cross_it(tmp_path: Path) -> None:
    whole = [0, 0, WIDTH, 0, WIDTH, HEIGHT, 0, HEIGHT]
    assert mask_of(read(tmp_path, document(annotation([whole])))).all()
    beyond = [0, 0, WIDTH + 1, 0, WIDTH + 1, HEIGHT, 0, HEIGHT]
    assert kinds(read(tmp_path, document(annotation([beyond])))) == ["outside the photo"]


@pytest.mark.parametrize(
    ("segmentation", "kind", "detail"),
    [
        (None, "bad coordinates", "neither polygons nor run lengths"),
        ([], "too few points", "0; a polygon needs at least 3"),
        ([[1, 2, 3, 4]], "too few points", "2; a polygon needs at least 3"),
        ([[1, 2, 3, 4, 5]], "bad coordinates", "not a list of x, y pairs"),
        ([3, 4, 5, 6, 7], "bad coordinates", "not a list of x, y pairs"),
        ([3, 4, 5, 6, 7, "8"], "bad coordinates", "not a list of x, y pairs"),
        ([[1, 2, 3, "4", 5, 9]], "bad coordinates", "'4'"),
        ([[1, 2, 3, float("nan"), 5, 9]], "bad coordinates", "nan"),
        ({"size": [WIDTH, HEIGHT], "counts": "0"}, "bad coordinates", "but the photo has [12, 20]"),
        ({"size": [HEIGHT, WIDTH], "counts": "zz"}, "bad coordinates", "cannot be decoded"),
        ({"size": [HEIGHT, WIDTH]}, "bad coordinates", "cannot be decoded"),
        ({"size": [HEIGHT, WIDTH], "counts": [10, 20]}, "bad coordinates", "cannot be decoded"),
        ({"size": [HEIGHT, WIDTH], "counts": [-10, 250]}, "bad coordinates", "not integers of at least 0"),
        ({"size": [HEIGHT, WIDTH], "counts": [240]}, "no area", "its mask is empty"),
    ],
)
def test_an_unusable_segmentation_is_a_fault(tmp_path: Path, segmentation: Any, kind: str, detail: str) -> None:
    split = read(tmp_path, document(annotation([SQUARE]), annotation(segmentation)))
    (fault,) = split.faults
    assert (fault.kind, fault.file, fault.region) == (kind, "a.png", 1)
    assert detail in fault.detail
    assert len(split.photos[0].regions) == 1


def test_a_photo_of_another_size_is_left_out(tmp_path: Path) -> None:
    split = read(tmp_path, document(annotation([SQUARE]), width=HEIGHT, height=WIDTH))
    assert (split.photos, kinds(split)) == ((), ["other size"])
    assert split.faults[0].detail == "annotated as 12 x 20, but it is 20 x 12"


def test_unknown_categories_must_be_mapped_or_left_out(tmp_path: Path) -> None:
    content = document(annotation([SQUARE], 9), annotation([SQUARE]))
    with pytest.raises(
        UserError,
        match=r"coco\.json has objects that are none of the classes 'mask', 'hat': person 1; map each of them",
    ):
        read(tmp_path, content)
    mapped = read(tmp_path, content, {"person": "hat"})
    assert [each.label for each in mapped.photos[0].regions] == ["hat", "mask"]
    assert [each.label for each in read(tmp_path, content, {"person": None}).photos[0].regions] == ["mask"]
    with pytest.raises(UserError, match="has no category 'persons'; it has 'Hat', 'mask', 'person'"):
        read(tmp_path, content, {"persons": None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": [{"id": 5}]}, "entry 0 of `images`"),
        ({"images": 2 * document()["images"]}, "two entries of `images` have the id 5"),
        ({"annotations": [annotation([SQUARE]) | {"image_id": 6}]}, "entry 0 of `annotations` has an `image_id`"),
        ({"annotations": [annotation([SQUARE], 4)]}, "entry 0 of `annotations` has a `category_id`"),
        ({"annotations": [3]}, "entry 0 of `annotations`"),
        ({"categories": [{"id": 3}]}, "entry 0 of `categories`"),
        (
            {"categories": [*CATEGORIES, {"id": 3, "name": "hat"}]},
            "two entries of `categories` have the id 3, 'mask' and 'hat'.",
        ),
    ],
)
def test_a_file_without_the_structure_of_coco_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=r"coco\.json") as refusal:
        read(tmp_path, document(annotation([SQUARE])) | change)
    assert message in str(refusal.value)


def test_a_folder_with_a_coco_file_is_a_split(tmp_path: Path) -> None:
    read(tmp_path, document(annotation([SQUARE])))
    assert len(read_split(tmp_path).photos) == 1
    assert check(tmp_path).is_clean
