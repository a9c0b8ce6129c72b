"""A fabricated finished run on photos of rectangles, and its predictor."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fmask import tracking
from fmask.data.dataset import digest
from fmask.data.formats.read import read_split
from fmask.data.formats.via import write_split
from fmask.evaluation.scores import compute_scores
from fmask.structures.detections import Detections
from tests.helpers.classes import OF_STUDY
from tests.helpers.scenes import HEIGHT, WIDTH, Box, detections, photo

MALICIOUS_NAME = "<img src=x onerror=alert(1)>.jpg"
MASK: tuple[str, Box] = ("mask", (20, 10, 40, 30))
HAT: tuple[str, Box] = ("hat", (0, 40, 20, 70))
CONFIG = {
    "data": {"name": "photos"},
    "aug": {"name": "<b>none</b>"},
    "epochs": 2,
    "steps": 50,
    "batch_size": 8,
    "min_confidence": 0.5,
    "schedule": {"name": "two_part", "parts": {"one": {}, "two": {"lr": 0.1}}},
}


@dataclass
class FakePredictor:
    """Finds the mask, detects the hat as a mask with a low score, and finds a hat that does not exist."""

    batch_size = 4
    image_size = 256
    threads = 1

    def predict_each(self, images: Iterable[np.ndarray], batch_size: int) -> list[Detections]:
        shapes = [image.shape for image in images]
        assert set(shapes) == {(HEIGHT, WIDTH, 3)}
        return [detections((*MASK, 0.99), ("hat", (45, 60, 58, 75), 0.95), ("mask", HAT[1], 0.6)) for _ in shapes]


def make_run(folder: Path, found: Any = None) -> str:
    """Log a run with two test photos in `folder/test`, one with a malicious name.

    Returns:
        The id of the run.
    """
    test = folder / "test"
    test.mkdir(parents=True)
    for name in (MALICIOUS_NAME, "plain.jpg"):
        Image.new("RGB", (WIDTH, HEIGHT), (90, 120, 90)).save(test / name, "JPEG", comment=b"taken at home")
    write_split(test, [photo(MASK, HAT, name=str(test / name)) for name in (MALICIOUS_NAME, "plain.jpg")])
    split = read_split(test, OF_STUDY)
    predictor = found or FakePredictor()
    seen = predictor.predict_each([np.zeros((HEIGHT, WIDTH, 3), np.uint8) for _ in split.photos], batch_size=2)
    weights = folder / "last.h5"
    weights.write_text("weights")
    with tracking.start_run(CONFIG, "made up", name="run of <i>mine</i> & yours", output_dir=folder) as run:
        run.log_dataset("test", "photos", folder, digest(split), len(split.photos), {"mask": 2, "hat": 2})
        for epoch in (1, 2):
            run.log_epoch(epoch, {"train/loss": 2 / epoch, "val/loss": 3 / epoch, "train/rpn_class_loss": 1 / epoch})
        run.log_epoch(2, {"val/mask_ap50": 0.4, "val/box_ap50": 0.5})
        run.log_epoch(2, {"train/cpu_seconds": 130, "train/images_per_second": 9})
        by_confidence = compute_scores(split.photos, [each.encode() for each in seen], [0.5, 0.9])
        for confidence, scores in by_confidence.items():
            for name in ("test", "val"):
                run.log_json(scores.to_json(), f"scores/{name}_at_{confidence:g}.json")
        run.log_scores(tracking.pick_scores("test", scores.metrics()), prefix="two/test")  # without intervals
        run.log_file(weights, "weights")
    return run.id
