"""Scores at the parents are those of a data set that is annotated with the parents; objects annotated as a parent."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmask.data.config import ReadOptions
from fmask.data.dataset import digest, read_dataset
from fmask.data.formats.convert import convert
from fmask.data.formats.read import read_split
from fmask.data.synthetic.dataset import CLASSES, KINDS, ensure_rendered
from fmask.data.synthetic.hats import HATS
from fmask.data.synthetic.masks import MASKS
from fmask.evaluation.diagnosis import diagnose
from fmask.evaluation.report import levels_of
from fmask.evaluation.scores import compute_scores
from fmask.structures.annotations import Split
from fmask.structures.detections import EncodedDetections
from fmask.structures.hierarchy import Hierarchy
from fmask.structures.roll_up import all_at_parents, split_at_parents
from tests.helpers.via import region, write_via

COUNTS = {"train": 1, "val": 1, "test": 12}
HIERARCHY: Hierarchy = {"mask": MASKS, "hat": HATS}
FINE = ReadOptions(classes=KINDS, hierarchy=HIERARCHY)
PART = ReadOptions(
    map={"cap": "hat", "cloth": "mask"},
    classes=("surgical", "respirator", "hard_hat", "beanie", "brimmed"),
    hierarchy={"mask": ("surgical", "respirator"), "hat": ("hard_hat", "beanie", "brimmed")},
)
"""Caps and cloth masks are annotated as their parents."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The test photos of one drawn set, annotated with classes and with kinds."""
    root = tmp_path_factory.mktemp("drawn")
    classes, kinds = (ensure_rendered(root, counts=COUNTS, size=128, labels=labels) for labels in ("items", "kinds"))
    return classes / "test", kinds / "test"


def guesses(split: Split, keep: float = 0.8) -> list[EncodedDetections]:
    """Return detections with the masks of most objects, often of another class, and some of them twice."""
    rng = np.random.default_rng(0)
    found = []
    for photo in split.photos:
        masks = [mask for mask in photo.run_lengths() for _ in range(2) if rng.random() < keep]
        boxes = []
        for mask in masks:
            rows, columns = (np.flatnonzero(part) for part in _projections(mask))
            boxes.append((rows[0], columns[0], rows[-1] + 1, columns[-1] + 1))
        ids = rng.integers(1, 1 + len(split.classes), len(masks))
        scores = np.sort(rng.random(len(masks)).astype(np.float32))[::-1]
        box = np.array(boxes, np.float32).reshape(-1, 4)
        found.append(EncodedDetections(box, ids, scores, tuple(masks), photo.height, photo.width, split.classes))
    return found


def _projections(mask: dict) -> tuple[np.ndarray, np.ndarray]:
    from fmask.structures.run_length import decode_mask

    pixels = decode_mask(mask)
    return np.any(pixels, axis=1), np.any(pixels, axis=0)


def scores(split: Split, found: list[EncodedDetections]) -> dict:
    by_confidence = compute_scores(split.photos, found, (0.3, 0.5))
    return {confidence: each.to_json() for confidence, each in by_confidence.items()}


def test_kinds_and_classes_are_of_the_same_photos(drawn: tuple[Path, Path]) -> None:
    coarse, fine = read_split(drawn[0], ReadOptions(classes=CLASSES)), read_split(drawn[1], FINE)
    assert digest(split_at_parents(fine)) == digest(coarse) != digest(fine)
    assert {region.label for photo in fine.photos for region in photo.regions} > {"cap", "surgical"}


@pytest.mark.parametrize("options", [FINE, PART])
@pytest.mark.parametrize("to", ["via", "coco"])
def test_scores_at_the_parents_are_those_of_the_relabelled_data_set(
    drawn: tuple[Path, Path], tmp_path: Path, options: ReadOptions, to: str
) -> None:
    folders = []
    for source, name in zip(drawn, ("coarse", "fine"), strict=True):
        folder = tmp_path / name
        folder.mkdir()
        for photo in source.glob("*.jpg"):
            (folder / photo.name).symlink_to(photo)
        convert(source, folder / "annotations.json", source, to=to)
        folders.append(folder)
    coarse = read_split(folders[0], ReadOptions(classes=CLASSES))
    fine = read_split(folders[1], options)
    found = guesses(fine)
    leaves, parents = levels_of("test", fine, found, nms=0.3)
    assert (leaves.name, leaves.place, parents.name, parents.place) == (
        *("test", "test"),
        *("test_parents", "test/parents"),
    )
    assert sum(map(len, parents.detections)) < sum(map(len, found))
    assert digest(split_at_parents(fine)) == digest(coarse)
    at_parents = compute_scores(parents.photos, parents.detections, (0.3, 0.5))
    expected = scores(coarse, all_at_parents(found, options.hierarchy, 0.3))
    assert {confidence: each.to_json() for confidence, each in at_parents.items()} == expected
    assert expected[0.5]["class_matrix"]["labels"] == ["background", "mask", "hat"]
    assert 0 < expected[0.5]["metrics"]["found"] < coarse.objects == fine.objects


@pytest.mark.parametrize("to", ["via", "coco"])
def test_scores_of_leaves_ignore_an_object_annotated_as_a_parent(tmp_path: Path, to: str) -> None:
    """Detections of its leaves count neither way; one of another class is a false positive."""
    squares = [{"name": "rect", "x": x, "y": 2, "width": 4, "height": 6} for x in (1, 8, 14)]
    labels = ("cap", "Hat", "cloth")
    write_via(tmp_path, {"a.png": [region(each, kind=k) for each, k in zip(squares, labels, strict=True)]})
    if to == "coco":
        convert(tmp_path, tmp_path / "coco.json", to="coco")
        (tmp_path / "via_region_data.json").unlink()
    options = ReadOptions(classes=("cloth", "cap", "beanie"), hierarchy={"hat": ("cap", "beanie")})
    split = read_split(tmp_path, options)
    assert (split.objects, split.objects_of()) == (3, {"cloth": 1, "cap": 1, "beanie": 0, "hat": 1})
    assert split.faults == ()
    (photo,) = split.photos
    assert photo.class_ids().tolist() == [2, 4, 1]
    assert [each.label for each in photo.regions] == ["cap", "hat", "cloth"]
    masks, boxes = photo.run_lengths(), np.array([[2, x, 9, x + 5] for x in (1, 8, 14)], np.float32)

    def found(*pairs: tuple[int, str]) -> list[EncodedDetections]:
        places = [place for place, _ in pairs]
        ids = np.array([1 + split.classes.index(label) for _, label in pairs])
        kept = tuple(masks[place] for place in places)
        values = np.linspace(0.9, 0.6, len(pairs), dtype=np.float32)
        return [EncodedDetections(boxes[places], ids, values, kept, photo.height, photo.width, split.classes)]

    right = ((0, "cap"), (2, "cloth"))
    alone, with_leaf = (scores(split, found(*each))[0.5] for each in (right, ((1, "beanie"), *right)))
    assert alone["metrics"] == with_leaf["metrics"]
    assert alone["metrics"]["found"] == 2
    assert diagnose([photo], found((1, "beanie"), *right)).ap50 == 1
    other = scores(split, found((1, "cloth"), *right))[0.5]["metrics"]
    assert other["mask_ap50_cap"] == 1 > other["mask_ap50_cloth"]
    parents = levels_of("test", split, found((1, "beanie"), (1, "cap"), *right), nms=0.5)[1]
    above = compute_scores(parents.photos, parents.detections, (0.5,))[0.5]
    assert (above.metrics()["found"], above.metrics()["mask_ap50"], above.outcomes.classes) == (3, 1, ("hat", "cloth"))


def test_only_the_parent_may_be_annotated(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [region(kind="hat")]})
    split = read_split(tmp_path, ReadOptions(classes=("cap", "beanie"), hierarchy={"hat": ("cap", "beanie")}))
    (photo,) = split.photos
    nothing = EncodedDetections(
        np.zeros((0, 4), np.float32), np.zeros(0, int), np.zeros(0, np.float32), (), 12, 20, split.classes
    )
    leaves, parents = levels_of("test", split, [nothing], nms=0.3)
    assert "mask_ap50" not in compute_scores(leaves.photos, leaves.detections, (0.5,))[0.5].metrics()
    assert compute_scores(parents.photos, parents.detections, (0.5,))[0.5].metrics()["missed"] == 1
    assert digest(split) != digest(replace(split, photos=(replace(photo, regions=()),)))


def test_classes_in_the_annotations_are_found_without_the_parents(tmp_path: Path) -> None:
    for name, labels in {"train": ("cap", "Cap", "hat"), "val": ("beanie",)}.items():
        (tmp_path / name).mkdir()
        write_via(tmp_path / name, {"a.png": [region(kind=label) for label in labels]})
    dataset = read_dataset(tmp_path, "own", ReadOptions(hierarchy={"hat": ("CAP", "beanie")}))
    assert (dataset.classes, dataset.hierarchy) == (("beanie", "Cap"), {"hat": ("Cap", "beanie")})
    assert set(dataset.digests()) == {"train", "val", "train_parents", "val_parents"}


def test_crowds_of_a_parent_are_crowds_of_its_leaves(tmp_path: Path) -> None:
    Image.new("RGB", (20, 12)).save(tmp_path / "a.png")
    crowd = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 1, "segmentation": [[2, 3, 8, 3, 8, 9, 2, 9]]}
    document = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [crowd],
        "categories": [{"id": 1, "name": "hat"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(document))
    split = read_split(tmp_path, ReadOptions(classes=("cap", "glove"), hierarchy={"hat": ("cap",)}))
    (own,) = split.photos[0].regions
    assert (own.ignore, own.parent, own.crowd_of, split.objects) == (True, None, ("cap",), 0)
    (above,) = split_at_parents(split).photos[0].regions
    assert (above.ignore, above.crowd_of) == (True, ("hat",))
