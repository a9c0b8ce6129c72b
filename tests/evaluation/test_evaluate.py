"""A model is scored on annotated photos as after training, and the scores are logged to MLflow."""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from fmask import tracking
from fmask.data.config import ReadOptions
from fmask.data.formats.coco import dataset_text
from fmask.data.formats.via import write_split
from fmask.evaluation import evaluate as evaluating
from fmask.evaluation.scores import compute_scores
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.load import find_model_file
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.scenes import HEIGHT, WIDTH, detections, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))
OPTIONS = ReadOptions(classes=CLASSES)
FOUND = detections((*MASK, 0.95), (*HAT, 0.6))


class FakePredictor:
    """Returns the same detections for every photo."""

    classes = CLASSES
    runtime = "keras"
    batch_size = 2
    threads = 1
    nms = 0.3
    operating_point = None
    max_detections: int | None = None

    def predict_each(self, images: Iterable[np.ndarray], batch_size: int) -> list[Detections]:
        return [FOUND for _ in images]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set with the splits test (VIA) and val (COCO), with three photos each."""
    for split in ("test", "val"):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        photos = [photo(MASK, HAT, name=str(folder / f"{name}.png")) for name in "abc"]
        for one in photos:
            Image.new("RGB", (WIDTH, HEIGHT)).save(one.path)
        if split == "test":
            write_split(folder, photos)
        else:
            (folder / "instances.json").write_text(dataset_text(((one.name, one) for one in photos), CLASSES))
    return tmp_path / "data"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    file = tmp_path / "finder.h5"
    file.write_text("weights")
    monkeypatch.setattr(KerasPredictor, "load", lambda *_: FakePredictor())
    return str(file)


def test_photos_with_more_objects_than_the_network_can_return_are_reported(
    store: Path, data: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = evaluating.open_split(data, "test", None, OPTIONS)
    for limit, notes in ((1, 1), (2, 0)):
        monkeypatch.setattr(FakePredictor, "max_detections", limit)
        text = io.StringIO()
        evaluating.evaluate({model: Path(model)}, split, 0.7, Console(file=text, width=200))
        more = "3 of 3 photos of test have more than detection.count=1 objects, up to 2: the network returns at most 1"
        assert text.getvalue().count(more) == notes
        full = f"3 of 3 photos have detection.count={limit} detections, the most that the network returns"
        assert text.getvalue().count(full) == 1


@pytest.mark.parametrize("name", ["test", "val"])
def test_scores_are_those_of_a_training_and_logged(store: Path, data: Path, model: str, name: str) -> None:
    split = evaluating.open_split(data, name, None, OPTIONS)
    text = io.StringIO()
    scores = evaluating.evaluate({model: Path(model)}, split, 0.7, Console(file=text, width=120))
    assert list(scores) == [0.5, 0.7, 0.9]
    expected = compute_scores(split.photos, [FOUND.encode()] * 3, [0.7])[0.7].metrics()
    assert (expected["found"], expected["missed"]) == (3, 3)
    assert f"{name} at 0.7" in text.getvalue()

    (run,) = tracking.find_runs("evaluate")
    assert run.status == "FINISHED"
    picked = tracking.pick_scores(name, expected)
    assert {key: run.metrics[f"{name}/{key}"] for key in picked} == picked
    assert run.params["model"] == run.params["weights"] == model
    assert len(run.params["weights_sha256"]) == 64
    assert run.datasets.keys() == {name}
    assert run.datasets[name].startswith("data@")
    scores_file = tracking.read_json(run, f"scores/{name}_at_0.9.json")
    assert scores_file is not None
    assert [each["outcome"] for each in scores_file["objects"]] == ["found", "missed"] * 3
    artifacts = Path(unquote(run.artifacts.removeprefix("file://")))
    figures = {"confusion_matrix", "precision_recall", "confidence", "predictions", "splash"}
    assert {file.name for file in (artifacts / "figures").iterdir()} == {f"{name}_{each}.png" for each in figures}


def test_an_evaluation_is_not_the_latest_model(store: Path, data: Path, model: str) -> None:
    with tracking.start_run({"epochs": 1}, "trained") as run:
        run.log_file(Path(model).rename(Path(model).with_name("last.h5")), "weights")
    Path(model).write_text("others")
    evaluating.evaluate(
        {model: Path(model)}, evaluating.open_split(data, None, None, OPTIONS), 0.5, Console(file=io.StringIO())
    )
    assert find_model_file("latest").read_text() == "weights"


def test_a_truncated_photo_fails_the_run(store: Path, data: Path, model: str) -> None:
    file = data / "test" / "b.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)).save(file, "JPEG")
    file.write_bytes(file.read_bytes()[:2000])  # the header with the size is complete
    with pytest.raises(UserError, match=r"b\.png is not a readable photo"):
        evaluating.evaluate(
            {model: Path(model)}, evaluating.open_split(data, None, None, OPTIONS), 0.5, Console(file=io.StringIO())
        )
    (run,) = tracking.find_runs("evaluate")
    assert run.status == "FAILED"


def test_data_sets_splits_and_files_are_opened(data: Path) -> None:
    folder = evaluating.open_split(data, None, None, OPTIONS).folder
    assert folder == data / "test"
    assert evaluating.open_split(data / "val", None, None).folder == data / "val"
    moved = (data / "val" / "instances.json").rename(data / "instances.json")
    assert len(evaluating.open_split(moved, None, data / "val").photos) == 3


def test_wrong_data_is_a_user_error(data: Path) -> None:
    with pytest.raises(UserError, match="has no split train; it has val, test"):
        evaluating.open_split(data, "train", None)
    with pytest.raises(UserError, match="is not a data set with splits; remove --split val"):
        evaluating.open_split(data / "test", "val", None)
    with pytest.raises(UserError, match="gone is not a folder"):
        evaluating.open_split(data / "gone", None, None)
    file = data / "val" / "instances.json"
    document = json.loads(file.read_text())
    for annotation in document["annotations"]:
        annotation["iscrowd"] = 1
    file.write_text(json.dumps(document))
    with pytest.raises(UserError, match="has no annotated objects in existing photos"):
        evaluating.open_split(data / "val", None, None)
