"""Average precision on files of other formats is what pycocotools computes from the same objects in a COCO file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as rle

from fmask.data.formats.find import find_annotations
from fmask.evaluation.average_precision import average_precision
from fmask.structures.detections import EncodedDetections
from tests.evaluation.test_coco_parity import evaluate_file, photos_and_detections
from tests.helpers import format_files
from tests.helpers.coco_files import CATEGORIES
from tests.helpers.format_files import Scene, Shape, Writer
from tests.helpers.scenes import from_masks

POLYGONS = (
    format_files.write_yolo,
    format_files.write_labelme,
    format_files.write_cvat,
    format_files.write_label_studio,
)
MASKS = (
    format_files.write_masks,
    format_files.write_labelme,
    format_files.write_cvat,
    format_files.write_label_studio,
)


def star(rng: np.random.Generator, width: int, height: int) -> list[float]:
    """Return a random polygon inside a photo."""
    turn = np.linspace(0, 2 * np.pi, int(rng.integers(4, 15)), endpoint=False)
    lengths = rng.uniform(4, 15) * rng.uniform(0.5, 1, len(turn))
    points = np.column_stack([np.cos(turn), np.sin(turn)]) * lengths[:, None]
    points += rng.uniform((15, 15), (width - 15, height - 15))
    return [float(value) for value in points.ravel()]


def code_of(shape: Shape, width: int, height: int) -> dict[str, Any]:
    """Return the run lengths that pycocotools makes of a shape."""
    if isinstance(shape, list):
        return rle.merge(rle.frPyObjects([shape], height, width))
    return rle.encode(np.asfortranarray(shape, np.uint8))


def scenes_of(rng: np.random.Generator, as_masks: bool) -> list[Scene]:
    """Return random photos; masks do not overlap, and some have holes and several parts."""
    scenes: list[Scene] = []
    for number in range(5):
        width, height = int(rng.integers(60, 130)), int(rng.integers(60, 130))
        taken = np.zeros((height, width), bool)
        objects: list[tuple[str, Shape]] = []
        for _ in range(int(rng.integers(0, 6)) if number else 3):
            shape: Shape = star(rng, width, height)
            if as_masks:
                parts = [rle.decode(code_of(star(rng, width, height), width, height)).astype(bool) for _ in range(3)]
                mask = (parts[0] | parts[1]) & ~parts[2] & ~taken
                taken |= mask
                if not mask.any():
                    continue
                shape = mask
            objects.append((str(rng.choice(["mask", "hat"])), shape))
        scenes.append((f"{number}.png", width, height, objects))
    return scenes


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("write", "as_masks"),
    [*((write, False) for write in POLYGONS), *((write, True) for write in MASKS)],
    ids=lambda value: getattr(value, "__name__", {True: "mask", False: "polygon"}.get(value)),
)
def test_average_precision_is_that_of_the_same_objects_in_a_coco_file(
    tmp_path: Path, write: Writer, as_masks: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scenes = scenes_of(rng, as_masks)
    folder = tmp_path / "photos"
    write(folder, scenes)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    found: dict[int, EncodedDetections] = {}
    for image_id, (name, width, height, objects) in enumerate(scenes, start=1):
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        instances = []
        for label, shape in objects:
            code = code_of(shape, width, height)
            moved = np.roll(rle.decode(code).astype(bool), rng.integers(-2, 3, 2), (0, 1))
            instances.append((1 + ["mask", "hat"].index(label), moved, round(float(rng.uniform()), 2)))
            text = {"size": code["size"], "counts": code["counts"].decode()}
            ids = {"id": len(annotations) + 1, "image_id": image_id, "category_id": CATEGORIES[label], "iscrowd": 0}
            pixels = {"segmentation": text, "bbox": rle.toBbox(code).tolist(), "area": int(rle.area(code))}
            annotations.append(ids | pixels)
        if instances:
            found[image_id] = from_masks(instances).encode()
            for box, class_id, score, mask in zip(
                found[image_id].boxes.tolist(),
                found[image_id].class_ids.tolist(),
                found[image_id].scores.tolist(),
                found[image_id].masks,
                strict=True,
            ):
                y1, x1, y2, x2 = box
                category_id = CATEGORIES[["mask", "hat"][class_id - 1]]
                result = {"image_id": image_id, "category_id": category_id, "bbox": [x1, y1, x2 - x1, y2 - y1]}
                results.append(result | {"score": score, "segmentation": mask})
    categories = [{"id": category_id, "name": name} for name, category_id in CATEGORIES.items()]
    file = tmp_path / "coco.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    photos, detections = photos_and_detections(folder, find_annotations(folder), found)
    assert [photo.path.name for photo in photos] == [name for name, *_ in scenes]
    expected, metrics = evaluate_file(file, results), average_precision(photos, detections).metrics
    assert metrics.keys() == expected.keys()
    np.testing.assert_allclose([metrics[name] for name in expected], list(expected.values()), rtol=0, atol=1e-12)
    assert 0 < expected["mask_ap"] < 1
