"""JSON exports of Label Studio."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmask.data.config import ReadOptions
from fmask.data.formats.brush import decode_brush
from fmask.data.formats.read import read_split
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError
from tests.helpers.format_files import encode_brush
from tests.helpers.via import kinds

SQUARE = [[10, 25], [40, 25], [40, 75], [10, 75]]
"""In percent: columns 2 to 7 and rows 3 to 8 of 20 x 12 pixels."""
SIZE = {"original_width": 20, "original_height": 12, "image_rotation": 0}


def result(kind: str = "polygonlabels", label: str | None = "mask", **value: Any) -> dict[str, Any]:
    labels = {} if label is None else {kind: [label] if label else []}
    return {"type": kind, "value": (value or {"points": SQUARE}) | labels} | SIZE


def annotated(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"result": list(results)} | more


def write(folder: Path, *annotations: Any, image: str = "/data/upload/1/0123abcd-a.png", **task: Any) -> Path:
    if not list(folder.glob("*.png")):
        Image.new("RGB", (20, 12)).save(folder / "a.png")
    tasks = [{"id": 5, "data": {"text": "x", "image": image}, "annotations": list(annotations)} | task]
    (folder / "export.json").write_text(json.dumps(tasks))
    return folder


def read(folder: Path, *annotations: Any, **more: Any) -> Split:
    return read_split(write(folder, *annotations, **more))


def test_polygons_ellipses_and_brushes_are_objects_and_rectangles_are_boxes(tmp_path: Path) -> None:
    mask = np.zeros((12, 20), bool)
    mask[3:9, 2:8] = True
    mask[5, 4] = False
    split = read(
        tmp_path,
        annotated(
            result(),
            result("brushlabels", "hat", format="rle", rle=encode_brush(mask)),
            result("ellipselabels", "hat", x=50, y=50, radiusX=20, radiusY=20, rotation=0),
            result("rectanglelabels", "hat", x=10, y=25, width=30, height=50, rotation=0),
            {"type": "choices", "value": {"choices": ["blurred"]}},
        ),
    )
    assert [each.box_only for each in split.photos[0].regions] == [False, False, False, True]
    polygon, brush, _, box = split.photos[0].masks()
    np.testing.assert_array_equal(brush, mask)
    mask[5, 4] = True
    np.testing.assert_array_equal([polygon, box], [mask, mask])
    ellipse = split.photos[0].regions[2].polygon + 0.5
    np.testing.assert_allclose([ellipse.min(axis=0), ellipse.max(axis=0)], [(6, 3.6), (14, 8.4)])


def test_labels_that_are_results_of_their_own_name_the_same_region(tmp_path: Path) -> None:
    shape, label = result("polygon", None), result("labels", "hat", points=SQUARE)
    split = read(tmp_path, annotated(shape, label))
    assert [(each.label, each.ignore) for each in split.photos[0].regions] == [("hat", False)]


def test_a_region_without_a_label_is_a_fault(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, annotated(result(label=""), result()))) == ["blank label"]


def test_the_ground_truth_or_the_last_annotation_is_used_and_skipped_ones_are_not(tmp_path: Path) -> None:
    labels = {"mask": result(), "hat": result(label="hat")}
    skipped = annotated(result(), was_cancelled=True)

    def read_labels(*annotations: Any) -> list[Any]:
        return [each.label for photo in read(tmp_path, *annotations).photos for each in photo.regions]

    assert read_labels(annotated(labels["mask"]), annotated(labels["hat"]), skipped) == ["hat"]
    assert read_labels(annotated(labels["mask"], ground_truth=True), annotated(labels["hat"])) == ["mask"]
    (note,) = read_split(tmp_path).faults
    assert (note.kind, note.detail, note.is_note) == ("several annotations", "2", True)


def test_photos_that_nobody_annotated_are_left_out_and_others_show_no_object(tmp_path: Path) -> None:
    assert read(tmp_path, annotated()).empty == 1
    for annotations in ([], [annotated(was_cancelled=True)]):
        split = read(tmp_path, *annotations)
        assert (split.photos, kinds(split)) == ((), ["no regions"])
        assert read_split(tmp_path, ReadOptions(empty_photos="negative")).empty == 1


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("/data/upload/1/0123abcd-a.png", "a.png"),
        ("/data/upload/1/0123abcd-a.png", "0123abcd-a.png"),
        ("/data/upload/1/0123abcd-a.png", "images/0123abcd-a.png"),
        ("/data/local-files/?d=more/a.png", "more/a.png"),
        ("/data/local-files/?d=..%2Fmore/a.png", "a.png"),
        ("s3://bucket/photos/my%20a.png", "my a.png"),
        ("https://example.org/photos/a.png?x=1", "a.png"),
    ],
)
def test_photos_are_found_by_the_names_of_label_studio(tmp_path: Path, image: str, name: str) -> None:
    folder = tmp_path / "train"
    (folder / name).parent.mkdir(parents=True)
    Image.new("RGB", (20, 12)).save(folder / name)
    write(folder, annotated(result()), image=image)
    (folder / "a.png").unlink(missing_ok=True) if name != "a.png" else None
    assert [photo.name for photo in read_split(folder).photos] == [name]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (result(points=[[10, 25], [40, float("nan")], [1, 1]]), "bad coordinates"),
        (result(points=[[10, 25], [40], [1, 1]]), "bad coordinates"),
        (result(points=3), "bad coordinates"),
        (result(points=SQUARE) | {"image_rotation": 90}, "bad coordinates"),
        (result("rectanglelabels", x=1, y=2), "bad coordinates"),
        (result("ellipselabels", x=1, y=2, radiusX="x", radiusY=2), "bad coordinates"),
        (result("brushlabels", rle=[0]), "bad coordinates"),
        (result("brushlabels", rle="x"), "bad coordinates"),
        (result("brushlabels", rle=[0, 0, 3, 193]), "bad coordinates"),
        (result("brushlabels", rle=encode_brush(np.ones((4, 4), bool))), "bad coordinates"),
        ({"type": "polygonlabels", "value": 3}, "bad coordinates"),
    ],
)
def test_a_bad_region_is_a_fault(tmp_path: Path, bad: dict[str, Any], kind: str) -> None:
    split = read(tmp_path, annotated(bad, result()))
    assert [each.index for each in split.photos[0].regions] == [1]
    assert (split.faults[0].kind, split.faults[0].region) in {(kind, 0), ("blank label", 0)}
    assert kind in kinds(split)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"image": "a"}}, "task 5 has no photo"),
        ({"data": {"image": "http://[a.png"}}, "task 5 has no photo"),
        ({"annotations": [3]}, "task 5 has no list of `annotations`"),
        ({"annotations": [{"result": 3}]}, "task 5 has an annotation without a list `result`"),
    ],
)
def test_a_file_of_another_structure_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, **change)


@pytest.mark.parametrize("seed", range(5))
def test_brushes_are_decoded_as_they_were_encoded(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.uniform(size=(int(rng.integers(1, 60)), int(rng.integers(1, 400)))) < rng.uniform()
    height, width = mask.shape
    code = encode_brush(mask)
    np.testing.assert_array_equal(decode_brush(code, width, height), mask)
    with pytest.raises(ValueError, match="its mask has"):
        decode_brush(code, width + 1, height)
    with pytest.raises(ValueError, match="ends too early"):
        decode_brush(code[:-2], width, height)
