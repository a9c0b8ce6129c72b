"""Random COCO files with every kind of annotation, and random detections."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as rle
from PIL import Image

from fmask.structures.detections import EncodedDetections
from tests.helpers.scenes import from_masks

CATEGORIES = {"mask": 7, "hat": 3}
"""The categories' ids, in another order than the classes'."""


def write_random(folder: Path, seed: int, photos: int = 6) -> tuple[Path, dict[int, EncodedDetections]]:
    """Write a random COCO file and its photos.

    Returns:
        The file, and the detections in each photo by its image id.
    """
    rng = np.random.default_rng(seed)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    found: dict[int, EncodedDetections] = {}
    for number in range(photos):
        width, height = int(rng.integers(40, 160)), int(rng.integers(40, 160))
        image_id = int(100 + (37 * number) % 11)  # neither from 1 nor in order
        Image.new("RGB", (width, height)).save(folder / f"{number}.png")
        images.append({"id": image_id, "file_name": f"{number}.png", "width": width, "height": height})
        seen = []
        for _ in range(rng.integers(0, 7) if number else 3):  # some photos have no annotations
            label = str(rng.choice(["mask", "hat"]))
            entry = _annotation(rng, width, height)
            entry |= {"id": len(annotations) + 1, "image_id": image_id, "category_id": CATEGORIES[label]}
            annotations.append(entry)
            seen.append((label, _decode(entry["segmentation"], width, height)))
        if detected := _detections(rng, seen, width, height):
            found[image_id] = from_masks(detected).encode()
    categories = [{"id": category_id, "name": name} for name, category_id in CATEGORIES.items()]
    file = folder / "instances.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return file, found


def _annotation(rng: np.random.Generator, width: int, height: int) -> dict[str, Any]:
    """Return a random annotation without its ids."""
    kind = rng.choice(["polygon", "parts", "rle", "counts", "tiny"], p=[0.4, 0.2, 0.15, 0.15, 0.1])
    segmentation: Any = [_polygon(rng, width, height, 0.3 if kind == "tiny" else rng.uniform(2, 25))]
    if kind == "parts":
        segmentation += [_polygon(rng, width, height, rng.uniform(2, 15)) for _ in range(rng.integers(1, 3))]
    if kind in ("rle", "counts"):
        mask = _decode(segmentation, width, height)
        mask[height // 2, width // 2] = True  # not empty
        segmentation = _run_lengths(mask, compressed=kind == "rle")
    area = float(_decode(segmentation, width, height).sum())
    if isinstance(segmentation, list):
        points = np.concatenate([np.reshape(part, (-1, 2)) for part in segmentation])
        box = [*points.min(axis=0).tolist(), *np.ptp(points, axis=0).tolist()]
    else:
        rows, columns = np.nonzero(_decode(segmentation, width, height))
        box = [int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]
    return {"segmentation": segmentation, "bbox": box, "area": area, "iscrowd": int(rng.uniform() < 0.2)}


def _polygon(rng: np.random.Generator, width: int, height: int, radius: float) -> list[float]:
    """Return a star around a point in the photo; it may reach beyond the edge. Half of them have whole numbers."""
    turn = np.linspace(0, 2 * np.pi, int(rng.integers(4, 15)), endpoint=False)
    lengths = radius * rng.uniform(0.5, 1, len(turn))
    points = np.column_stack([np.cos(turn), np.sin(turn)]) * lengths[:, None] + rng.uniform((0, 0), (width, height))
    return [float(each) for each in points.round(0 if radius > 2 and rng.uniform() < 0.5 else 2).ravel()]


def _detections(
    rng: np.random.Generator, seen: list[tuple[str, np.ndarray]], width: int, height: int
) -> list[tuple[int, np.ndarray, float]]:
    """Return annotations that were moved or given another class, and some at random places; scores have ties."""
    found = []
    for label, mask in seen:
        for _ in range(rng.integers(0, 3)):
            moved = np.roll(mask, rng.integers(-2, 3, 2) * (rng.uniform() < 0.8), (0, 1))
            class_id = 1 + ["mask", "hat"].index(label)
            found.append((class_id if rng.uniform() < 0.85 else 3 - class_id, moved))
    for _ in range(rng.integers(0, 4)):
        moved = np.zeros((height, width), bool)
        top, left = rng.integers(0, height - 5), rng.integers(0, width - 5)
        moved[top : top + rng.integers(2, 20), left : left + rng.integers(2, 20)] = True
        found.append((int(rng.integers(1, 3)), moved))
    return [(class_id, mask, round(float(rng.uniform()), 1)) for class_id, mask in found if mask.any()]


def _decode(segmentation: Any, width: int, height: int) -> np.ndarray:
    if isinstance(segmentation, list):
        return rle.decode(rle.merge(rle.frPyObjects(segmentation, height, width))).astype(bool)
    is_text = isinstance(segmentation["counts"], str)
    return rle.decode(segmentation if is_text else rle.frPyObjects(segmentation, height, width)).astype(bool)


def _run_lengths(mask: np.ndarray, compressed: bool) -> dict[str, Any]:
    """Return the run lengths of a mask, which is not empty, as text or as numbers."""
    if compressed:
        return {
            "size": list(mask.shape),
            "counts": rle.encode(np.asfortranarray(mask, np.uint8))["counts"].decode(),
        }
    changes = np.flatnonzero(np.diff(mask.T.ravel(), prepend=False, append=False))
    counts = np.diff(np.r_[0, changes, mask.size]).tolist()
    return {"size": list(mask.shape), "counts": counts if counts[-1] else counts[:-1]}
