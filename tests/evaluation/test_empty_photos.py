"""Detections in photos without objects are spurious in every score."""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rich.console import Console

from fmask.data.formats.coco import dataset_text, results_of
from fmask.data.formats.read import read_split
from fmask.evaluation import sheets
from fmask.evaluation.average_precision import average_precision
from fmask.evaluation.evaluate import evaluate, open_split
from fmask.evaluation.outcomes import count_outcomes
from fmask.evaluation.scores import compute_scores
from fmask.inference.keras_predictor import KerasPredictor
from fmask.structures.annotations import Photo
from fmask.structures.detections import Detections, EncodedDetections
from fmask.studies.runs import _scored
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES, OF_STUDY
from tests.helpers.scenes import HEIGHT, WIDTH, detections, encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A COCO file of a photo with two objects and one without."""
    photos = [photo(MASK, HAT, name=str(tmp_path / "a.png")), photo(name=str(tmp_path / "b.png"))]
    for one in photos:
        Image.new("RGB", (WIDTH, HEIGHT)).save(one.path)
    (tmp_path / "coco.json").write_text(dataset_text(((one.name, one) for one in photos), CLASSES))
    return tmp_path


def found() -> list[EncodedDetections]:
    """Return the detections in both photos: the objects of the first, and 15 in the one without objects."""
    wrong = [(("mask", "hat")[n % 2], (2 + n, 5 + n, 20 + n, 30 + n), 0.99 - n / 100) for n in range(15)]
    return [encoded((*MASK, 0.95), (*HAT, 0.9)), encoded(*wrong)]


def photos_of(folder: Path) -> tuple[Photo, ...]:
    photos = read_split(folder, OF_STUDY).photos
    assert [len(one.regions) for one in photos] == [2, 0]
    return photos


def test_they_are_counted_as_spurious(folder: Path) -> None:
    outcomes = count_outcomes(photos_of(folder), found())
    assert len(outcomes.objects) == 2
    assert [record.photo for record in outcomes.spurious] == ["b.png"] * 15
    assert outcomes.class_matrix().tolist() == [[0, 8, 7], [0, 1, 0], [0, 0, 1]]


def test_studies_count_them(folder: Path) -> None:
    logged = json.loads(json.dumps(compute_scores(photos_of(folder), found(), [0.9])[0.9].to_json()))
    scored = _scored(logged)
    assert (scored.spurious, len(scored.outcomes)) == (10, 2)


def test_average_precision_is_that_of_pycocotools(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = average_precision(photos_of(folder), found())
    truth = COCO(folder / "coco.json")
    results: list[dict[str, Any]] = [
        result
        for image_id, each in enumerate(found(), start=1)
        for result in results_of(each, image_id, each.class_ids.tolist())
    ]
    for name, kind in {"box": "bbox", "mask": "segm"}.items():
        evaluation = COCOeval(truth, truth.loadRes([dict(result) for result in results]), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        assert scores.metrics[f"{name}_ap"] == pytest.approx(evaluation.stats[0], abs=1e-12)
        assert scores.metrics[f"{name}_ap50"] == pytest.approx(evaluation.stats[1], abs=1e-12)
    only_first = average_precision(photos_of(folder)[:1], found()[:1])
    assert only_first.metrics["mask_ap50"] == 1 > scores.metrics["mask_ap50"] > 0


def test_sheets_show_the_photo_and_its_spurious_detections(folder: Path) -> None:
    (figure,) = sheets.contact_sheet(photos_of(folder), found(), "test", 0.9)
    axes: list[Axes] = figure.axes
    assert axes[2].get_title() == "b.png: no object"
    assert not axes[2].texts
    assert sum("spurious" in text.get_text() for text in axes[3].texts) == 10
    assert np.isfinite(axes[3].dataLim.get_points()).all()


def test_a_split_without_any_object_is_refused(folder: Path) -> None:
    document = json.loads((folder / "coco.json").read_text())
    (folder / "coco.json").write_text(json.dumps(document | {"annotations": []}))
    assert len(read_split(folder).photos) == 2
    with pytest.raises(UserError, match="has no annotated objects in existing photos; evaluation needs at least one"):
        open_split(folder, None, None)


class FakePredictor:
    """Finds a mask in every photo."""

    threads = 1
    batch_size, max_detections, classes, runtime = 2, 100, CLASSES, "keras"
    nms, operating_point = 1.0, None

    def predict_each(self, images: Iterable[np.ndarray], batch_size: int) -> list[Detections]:
        return [detections((*MASK, 0.95)) for _ in images]


def test_an_evaluation_says_how_many_there_are(folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "model.h5").write_text("weights")
    monkeypatch.setattr(KerasPredictor, "load", lambda *_: FakePredictor())
    console = Console(file=io.StringIO(), width=200)
    scores = evaluate({"model": store / "model.h5"}, open_split(folder, None, None, OF_STUDY), 0.5, console)
    assert isinstance(console.file, io.StringIO)
    first = console.file.getvalue().splitlines()[0]
    assert first == f"{folder}: 2 objects in 2 photos; 1 of them without objects, 0 others left out"
    assert scores[0.5].metrics()["spurious"] == 1
