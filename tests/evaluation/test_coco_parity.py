"""Average precision on a COCO file is what pycocotools computes from the file itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fmask.data.config import ReadOptions
from fmask.data.formats.read import read_file
from fmask.evaluation.average_precision import average_precision
from fmask.inference.outputs import CocoResultsWriter
from fmask.structures.annotations import Photo
from fmask.structures.detections import Detections, EncodedDetections
from fmask.structures.run_length import decode_mask
from tests.helpers.classes import CLASSES
from tests.helpers.coco_files import CATEGORIES, write_random


def photos_and_detections(
    folder: Path, file: Path, found: dict[int, EncodedDetections]
) -> tuple[list[Photo], list[EncodedDetections]]:
    photos = list(read_file(file, folder, ReadOptions(empty_photos="negative", classes=CLASSES)).photos)
    none = np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32), ()
    return photos, [
        found.get(int(photo.image_id or 0), EncodedDetections(*none, photo.height, photo.width, CLASSES))
        for photo in photos
    ]


def evaluate_file(file: Path, results: list[dict[str, Any]]) -> dict[str, float]:
    """Evaluate a results list as users of pycocotools do."""
    annotated = COCO(str(file))
    metrics = {}
    for name, iou_type in (("box", "bbox"), ("mask", "segm")):
        evaluation = COCOeval(annotated, annotated.loadRes([dict(each) for each in results]), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        precision = evaluation.eval["precision"][:, :, :, 0, -1]
        selected = {"": precision}
        for index, category_id in enumerate(sorted(CATEGORIES.values())):
            label = next(label for label, each in CATEGORIES.items() if each == category_id)
            selected[f"_{label}"] = precision[:, :, index : index + 1]
        for suffix, values in selected.items():
            for level, part in (("ap", values), ("ap50", values[0]), ("ap75", values[5])):
                metrics[f"{name}_{level}{suffix}"] = part[part > -1].mean() if (part > -1).any() else np.nan
    return metrics


@pytest.mark.parametrize("seed", range(25))
def test_random_files_have_the_average_precision_of_coco(tmp_path: Path, seed: int) -> None:
    file, found = write_random(tmp_path, seed)
    photos, detections = photos_and_detections(tmp_path, file, found)
    assert len(photos) == 6
    writer = CocoResultsWriter(tmp_path, [photo.path for photo in photos], CLASSES, file)
    for photo, each in zip(photos, detections, strict=True):
        masks = np.array([decode_mask(mask) for mask in each.masks], bool).reshape(-1, photo.height, photo.width)
        writer.add(photo.path, Detections(each.boxes, each.class_ids, each.scores, masks, CLASSES))
    expected = evaluate_file(file, writer._results)
    metrics = average_precision(photos, detections).metrics
    assert metrics.keys() == expected.keys()
    np.testing.assert_allclose([metrics[name] for name in expected], list(expected.values()), rtol=0, atol=1e-12)
