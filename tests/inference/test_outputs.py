"""Output files of detections, read back by other programs and by this one."""

import csv
import io
import json
from pathlib import Path

import faster_coco_eval
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from fmask.data.formats.read import read_split
from fmask.inference.outputs import open_writer
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.scenes import HEIGHT, WIDTH, detections, from_masks

MASK, HAT = ("mask", (20, 10, 40, 30), 0.9), ("hat", (0, 40, 20, 80), 0.75)
NOTHING = detections()


def with_a_hole() -> Detections:
    """Return a hat that consists of two parts, one with a hole, and a speck."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:45, 5:45] = True
    mask[15:30, 15:30] = False
    mask[48:56, 50:70] = True
    mask[1, 1] = True
    return from_masks([(2, mask, 0.8)])


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two photos, the second in a subfolder."""
    (tmp_path / "site").mkdir()
    paths = [tmp_path / "a.png", tmp_path / "site" / "b.png"]
    for path in paths:
        Image.new("RGB", (WIDTH, HEIGHT)).save(path)
    return paths


def written(format: str, photos: list[Path], found: list[Detections], ground_truth: Path | None = None) -> str:
    writer = open_writer(format, photos, CLASSES, ground_truth)
    for photo, of_photo in zip(photos, found, strict=True):
        writer.add(photo, of_photo)
    return writer.text()


def test_a_csv_table_has_a_row_for_each_detection(photos: list[Path]) -> None:
    lines = list(csv.DictReader(io.StringIO(written("csv", photos, [detections(MASK, HAT), NOTHING]))))
    assert [line["photo"] for line in lines] == [str(photos[0])] * 2
    assert lines[1] | {"photo": ""} == {
        "photo": "", "class": "hat", "score": "0.7500", "y1": "0", "x1": "40", "y2": "20", "x2": "80", "area": "800",
    }  # fmt: skip
    assert written("csv", photos, [NOTHING, NOTHING]) == "photo,class,score,y1,x1,y2,x2,area\n"


@pytest.mark.parametrize("reader", [COCO, faster_coco_eval.COCO])
def test_coco_tools_load_the_data_set(photos: list[Path], tmp_path: Path, reader: type) -> None:
    found = [detections(MASK, HAT), with_a_hole()]
    file = tmp_path / "found.json"
    file.write_text(written("coco", photos, found))
    coco = reader(str(file))
    assert [image["file_name"] for image in coco.loadImgs([1, 2])] == ["a.png", "site/b.png"]
    assert [(each["id"], each["name"]) for each in coco.loadCats([1, 2])] == [(1, "mask"), (2, "hat")]
    annotations = coco.loadAnns(coco.getAnnIds())
    assert [each["image_id"] for each in annotations] == [1, 1, 2]
    assert [each["score"] for each in annotations] == pytest.approx([0.9, 0.75, 0.8])
    assert annotations[0]["bbox"] == [10, 20, 20, 20]
    for annotation, mask in zip(annotations, [*found[0].masks, *found[1].masks], strict=True):
        np.testing.assert_array_equal(coco.annToMask(annotation), mask)
        assert annotation["area"] == np.count_nonzero(mask)
    assert len(coco.loadRes(json.loads(file.read_text())["annotations"]).anns) == 3


def test_results_have_the_ids_of_the_ground_truth(photos: list[Path], tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    images = [{"id": 70, "file_name": "b.png"}, {"id": 50, "file_name": "a.png"}]
    categories = [{"id": 4, "name": "Hat"}, {"id": 9, "name": "mask"}]
    truth.write_text(json.dumps({"images": images, "annotations": [], "categories": categories}))
    (tmp_path / "results.json").write_text(written("coco", photos, [detections(MASK, HAT), with_a_hole()], truth))
    results = COCO(truth).loadRes(str(tmp_path / "results.json"))
    assert [(each["image_id"], each["category_id"]) for each in results.anns.values()] == [(50, 9), (50, 4), (70, 4)]
    truth.write_text(json.dumps({"images": images[:1], "annotations": [], "categories": categories}))
    with pytest.raises(UserError, match=r"truth\.json lists 1 images, but not a\.png\.$"):
        open_writer("coco", photos, CLASSES, truth)
    truth.write_text(json.dumps({"images": images, "categories": categories[:1]}))
    with pytest.raises(UserError, match="has no category 'mask'; it has 'Hat'"):
        open_writer("coco", photos, CLASSES, truth)
    truth.write_text("[]")
    with pytest.raises(UserError, match="is not a COCO file with images and categories"):
        open_writer("coco", photos, CLASSES, truth)


def test_photos_with_equal_names_are_matched_by_folder_or_refused(tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    photos = [tmp_path / "set" / name for name in ("site1/1.jpg", "site2/1.jpg", "1.jpg", "site2/2.jpg")]

    def ids_of(photos: list[Path], *names: str) -> list[int]:
        images = [{"id": number, "file_name": name} for number, name in enumerate(names, start=1)]
        categories = [{"id": 1, "name": "mask"}, {"id": 2, "name": "hat"}]
        truth.write_text(json.dumps({"images": images, "categories": categories}))
        results = json.loads(written("coco", photos, [detections(MASK)] * len(photos), truth))
        return [each["image_id"] for each in results]

    assert ids_of(photos[:1], "site1/1.jpg", "site2/1.jpg") == [1]
    assert ids_of(photos[1:2], "site1/1.jpg", "site2/1.jpg") == [2]
    assert ids_of(photos[:3], "1.jpg", "site2/1.jpg", "./site1/1.jpg") == [3, 2, 1]
    assert ids_of(photos[3:], "train/1.jpg", "train/2.jpg") == [2]  # the name is unique
    with pytest.raises(UserError, match=r"lists a/1\.jpg and b/1\.jpg, and both could be .*/set/1\.jpg\.$"):
        ids_of(photos[2:3], "a/1.jpg", "b/1.jpg")
    with pytest.raises(UserError, match=r"lists 1\.jpg once, but it matches both .*1/1\.jpg and .*2/1\.jpg\.$"):
        ids_of(photos[:2], "1.jpg")
    with pytest.raises(UserError, match=r"lists 1 images, but not 1\.jpg\.$"):
        ids_of(photos[:1], "")


def test_a_via_file_is_read_back_as_annotations(photos: list[Path], tmp_path: Path) -> None:
    found = [detections(MASK, HAT), with_a_hole()]
    (tmp_path / "found.json").write_text(written("via", photos, found))
    split = read_split(tmp_path)
    assert split.faults == ()
    assert [[region.label for region in photo.regions] for photo in split.photos] == [["mask", "hat"], ["hat"]]
    np.testing.assert_array_equal(split.photos[0].masks(), found[0].masks)
    (read,), (mask,) = split.photos[1].masks(), found[1].masks
    assert not read[20, 20]  # the hole
    assert read[50, 60]  # the other part
    assert np.flatnonzero(read != mask).tolist() == [WIDTH + 1]  # the speck is dropped


def test_a_via_file_has_scores_and_photos_without_detections(photos: list[Path]) -> None:
    found = [detections(MASK), NOTHING]
    entries = list(json.loads(written("via", photos, found)).items())
    assert entries[0][1]["regions"][0]["region_attributes"] == {"fmask": "mask", "score": "0.900"}
    key, entry = entries[1]
    assert (entry["filename"], entry["regions"], entry["size"]) == ("site/b.png", [], photos[1].stat().st_size)
    assert key == f"site/b.png{entry['size']}"
