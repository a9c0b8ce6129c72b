"""Small data sets of coloured rectangles with any classes, in the layouts that people have."""

import colorsys
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fmask.data.config import SPLITS
from fmask.data.paths import ANNOTATIONS

SIDE = 64
Rectangle = tuple[int, int, int, int, int]
"""Index of the class, and left, top, right and bottom: the first and the last column and row."""
Scenes = list[tuple[str, np.ndarray, list[Rectangle]]]
"""Name and pixels of each photo, and its objects."""


def draw(classes: Sequence[str], photos: int, rng: np.random.Generator) -> Scenes:
    """Draw photos with a rectangle of each class, each class in its colour."""
    cells = 1 if len(classes) == 1 else 2 if len(classes) <= 4 else 4
    scenes: Scenes = []
    for number in range(photos):
        pixels, objects = rng.integers(90, 130, (SIDE, SIDE, 3), dtype=np.uint8), []
        for place, index in enumerate(rng.permutation(len(classes)).tolist()):
            cell = SIDE // cells
            top, left = cell * (place // cells) + 2, cell * (place % cells) + 2
            bottom, right = top + cell - 5, left + cell - 5
            colour = colorsys.hsv_to_rgb(index / len(classes), 0.9, 0.9)
            pixels[top : bottom + 1, left : right + 1] = [round(255 * channel) for channel in colour]
            objects.append((index, left, top, right, bottom))
        scenes.append((f"{number}.png", pixels, objects))
    return scenes


def write_own(root: Path, classes: Sequence[str], attribute: str = "label", photos: int = 3) -> Path:
    """Write train, val and test with VIA files whose `attribute` holds the class."""
    rng = np.random.default_rng(0)
    for split in SPLITS:
        scenes = _write_photos(root / split, draw(classes, photos, rng))
        entries = _via_entries(scenes, lambda index: {attribute: classes[index]})
        (root / split / ANNOTATIONS).write_text(json.dumps(entries))
    return root


def write_radio(root: Path, classes: Sequence[str]) -> Path:
    """Write VIA projects whose radio attribute has the classes as texts of its options."""
    rng = np.random.default_rng(0)
    options = {str(index): name for index, name in enumerate(classes)}
    definition = {"kind": {"type": "radio", "description": "", "options": options, "default_options": {}}}
    for split in SPLITS:
        scenes = _write_photos(root / split, draw(classes, 3, rng))
        project = {
            "_via_settings": {},
            "_via_img_metadata": _via_entries(scenes, lambda index: {"kind": str(index)}),
            "_via_attributes": {"region": definition, "file": {}},
        }
        (root / split / "project.json").write_text(json.dumps(project))
    return root


def write_via_coco(root: Path, classes: Sequence[str]) -> Path:
    """Write COCO files as VIA exports them: ids that are texts, flat polygons and a category for each attribute."""
    rng = np.random.default_rng(0)
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    for split in SPLITS:
        scenes = _write_photos(root / split, draw(classes, 3, rng))
        document = _coco(scenes, lambda corners: {"segmentation": _outline(corners)}, first=1)
        for image in document["images"]:
            image["id"] = str(image["id"])
        for annotation in document["annotations"]:
            annotation["image_id"] = str(annotation["image_id"])
        (root / split / "via_export_coco.json").write_text(json.dumps(document | {"categories": categories * 2}))
    return root


def write_roboflow(root: Path, classes: Sequence[str]) -> Path:
    """Write train, valid and test with COCO files of boxes, one unused category and a photo without objects."""
    rng = np.random.default_rng(0)
    categories = [{"id": 0, "name": "objects", "supercategory": "none"}]
    categories += [{"id": n, "name": name, "supercategory": "objects"} for n, name in enumerate(classes, start=1)]
    for split in ("train", "valid", "test"):
        scenes = draw(classes, 3, rng)
        scenes.append(("empty.png", rng.integers(90, 130, (SIDE, SIDE, 3), dtype=np.uint8), []))
        _write_photos(root / split, scenes)
        document = _coco(scenes, lambda corners: {"segmentation": []}, first=1) | {"categories": categories}
        (root / split / "_annotations.coco.json").write_text(json.dumps(document))
    return root


def write_yolo(root: Path, classes: Sequence[str]) -> Path:
    """Write a YOLO segmentation folder: images, labels and data.yaml."""
    rng = np.random.default_rng(0)
    for split in SPLITS:
        (root / "labels" / split).mkdir(parents=True)
        for name, _, objects in _write_photos(root / "images" / split, draw(classes, 3, rng)):
            lines = [
                " ".join(map(str, [index, *(value / SIDE for value in _outline(corners))]))
                for index, *corners in objects
            ]
            (root / "labels" / split / name).with_suffix(".txt").write_text("\n".join(lines))
    names = "".join(f"- {json.dumps(name)}\n" for name in classes)
    splits = "".join(f"{split}: images/{split}\n" for split in SPLITS)
    (root / "data.yaml").write_text(f"{splits}nc: {len(classes)}\nnames:\n{names}")
    return root


LAYOUTS: dict[str, Callable[[Path, Sequence[str]], Path]] = {
    "via": write_own,
    "via-radio": write_radio,
    "via-coco": write_via_coco,
    "roboflow": write_roboflow,
    "yolo": write_yolo,
}


def _write_photos(folder: Path, scenes: Scenes) -> Scenes:
    folder.mkdir(parents=True)
    for name, pixels, _ in scenes:
        Image.fromarray(pixels).save(folder / name)
    return scenes


def _via_entries(scenes: Scenes, attributes: Callable[[int], dict[str, str]]) -> dict[str, Any]:
    entries = {}
    for number, (name, _, objects) in enumerate(scenes):
        regions = []
        for index, left, top, right, bottom in objects:
            xs, ys = [left, right, right, left], [top, top, bottom, bottom]
            shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
            regions.append({"shape_attributes": shape, "region_attributes": attributes(index)})
        entries[str(number)] = {"filename": name, "size": -1, "regions": regions, "file_attributes": {}}
    return entries


def _coco(scenes: Scenes, shape: Callable[[Sequence[int]], dict[str, Any]], first: int) -> dict[str, Any]:
    """Return `images` and `annotations`; `first` is the id of the first class."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, pixels, objects) in enumerate(scenes, start=1):
        height, width = pixels.shape[:2]
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for index, left, top, right, bottom in objects:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": first + index,
                    "bbox": [left, top, right + 1 - left, bottom + 1 - top],
                    "area": (right + 1 - left) * (bottom + 1 - top),
                    "iscrowd": 0,
                    **shape((left, top, right, bottom)),
                }
            )
    return {"images": images, "annotations": annotations}


def _outline(corners: Sequence[int]) -> list[int]:
    """Return the outline of a rectangle in COCO's coordinates: x1, y1, x2, y2, ..."""
    left, top, right, bottom = corners
    return [left, top, right + 1, top, right + 1, bottom + 1, left, bottom + 1]
