"""A logged network, loaded or served by MLflow, detects the same in encoded photos as its predictor in arrays."""

import base64
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from faster_coco_eval.core import mask as rle
from mlflow.exceptions import MlflowException
from PIL import Image

from fmask import tracking
from fmask.inference.keras_predictor import KerasPredictor
from fmask.structures.detections import Detections
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, eagerly, settled

SECONDS = 180
"""Time limit for the start of the server, and for each response."""
BLOCKED = """
import sys
class BlockTraining:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("hydra", "imgaug", "optuna", "shapely") or name == "fmask.training.train":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, BlockTraining())
"""
"""A `sitecustomize` that blocks the import of everything that only training needs."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="module")
def predictor() -> KerasPredictor:
    return KerasPredictor(settled(), SIZE, antialias=True, classes=CLASSES)


@pytest.fixture(scope="module")
def model(folder: Path, empty_store: Path, predictor: KerasPredictor) -> Iterator[str]:
    """The URI of a registered model, of which no other copy exists."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
        predictor.save(folder / "last.h5")
        with eagerly():  # MLflow tries the model
            tracking.register(folder / "last.h5", "finder", "a test")
        (folder / "last.h5").unlink()
        mlflow.set_tracking_uri(tracking.tracking_uri())
        yield "models:/finder/1"


@pytest.fixture(scope="module")
def network(model: str) -> Any:
    return mlflow.pyfunc.load_model(model)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image: np.ndarray, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, kind)
    return content.getvalue()


def assert_same(rows: pd.DataFrame, found: Detections) -> None:
    assert len(found) > 1
    assert rows["class"].to_list() == [CLASSES[class_id - 1] for class_id in found.class_ids]
    np.testing.assert_allclose(rows["score"], found.scores, rtol=1e-4)
    np.testing.assert_array_equal(rows[["y1", "x1", "y2", "x2"]], found.boxes)
    for code, mask in zip(rows["mask"], found.masks, strict=True):
        np.testing.assert_array_equal(rle.decode(code), mask)


def test_encoded_photos_have_the_predictors_detections(network: Any, predictor: KerasPredictor) -> None:
    images = [noise(50, 70), noise(90, 40, seed=1)]
    rows = network.predict([encoded(image) for image in images])
    for photo, image in enumerate(images):
        assert_same(rows[rows["photo"] == photo], predictor.predict(image))
    assert rows["photo"].to_list() == sorted(rows["photo"])


def test_the_model_has_an_input_example_and_a_signature(network: Any) -> None:
    schema = network.metadata.signature.outputs
    example = network.input_example[0]
    assert network.predict([example]).columns.to_list() == schema.input_names()
    content = example if isinstance(example, bytes) else base64.b64decode(example)  # MLflow stores either
    assert Image.open(io.BytesIO(content)).format == "JPEG"


@pytest.mark.parametrize(
    ("photos", "reason"),
    [
        ([encoded(noise(8, 8)), b"text"], "photo 1 is not a readable photo: its format is not one of"),
        ([encoded(noise(50, 50))[:900]], "photo 0 is not a readable photo: image file is truncated"),
        ([encoded(np.zeros((7100, 7100), np.uint8))], "7100 x 7100 pixels, more than 50 megapixels"),
        ([b"x"] * 65, "65 photos; at most 64"),
        ([bytes(2**26), b"x"], "67108865 bytes; at most 67108864"),
    ],
)
def test_invalid_photos_are_refused(network: Any, photos: list[bytes], reason: str) -> None:
    with pytest.raises(MlflowException, match=reason) as refused:
        network.predict(photos)
    assert refused.value.get_http_status_code() == 400
    assert len(refused.value.message) < 120


def test_too_many_mask_pixels_are_refused(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    served = network.unwrap_python_model()
    monkeypatch.setitem(type(served)._find.__globals__, "MAX_MASK_PIXELS", 5_000)
    with pytest.raises(MlflowException, match=r"^photo 0 has too many detections for its size: \d masks of"):
        network.predict([encoded(noise(50, 70))])


@pytest.fixture(scope="module")
def server(folder: Path, model: str) -> Iterator[str]:
    """The URL of a served model, without the packages that only training needs."""
    (folder / "sitecustomize.py").write_text(BLOCKED)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"{sys.executable} -m mlflow models serve -m {model} --env-manager local -h 127.0.0.1 -p {port}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    log = (folder / "server.log").open("w+")
    process = subprocess.Popen(
        command.split(),
        env=os.environ | {"PYTHONPATH": str(folder), "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=folder,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + SECONDS
        while not _responds(f"http://127.0.0.1:{port}/ping"):
            log.seek(0)
            assert process.poll() is None, log.read()[-2000:]
            assert time.monotonic() < until, f"no response in {SECONDS} seconds"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def _responds(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def ask(server: str, body: dict[str, Any]) -> requests.Response:
    return requests.post(server, json=body, timeout=SECONDS)


def split(*photos: bytes) -> dict[str, Any]:
    """Return a request in MLflow's format for tables."""
    return {"dataframe_split": {"columns": ["photo"], "data": [[base64.b64encode(photo).decode()] for photo in photos]}}


def test_a_served_network_answers_all_formats_and_survives_bad_requests(server: str, predictor: KerasPredictor) -> None:
    jpeg = encoded(noise(60, 80), "JPEG")
    found = predictor.predict(np.array(Image.open(io.BytesIO(jpeg))))
    text = base64.b64encode(jpeg).decode()
    records = {"dataframe_records": [{"photo": text}]}
    for body in (split(jpeg), records, {"inputs": [text]}, {"instances": [text]}):
        response = ask(server, body)
        assert response.status_code == 200, response.text
        assert_same(pd.DataFrame(response.json()["predictions"]), found)

    photos = [encoded(noise(40, 30 + number % 50, seed=number)) for number in range(100)]
    with ThreadPoolExecutor(4) as clients:
        responses = list(clients.map(lambda photo: ask(server, split(photo)), photos))
    assert [response.status_code for response in responses] == [200] * 100
    for number in (0, 57, 99):
        assert_same(
            pd.DataFrame(responses[number].json()["predictions"]),
            predictor.predict(noise(40, 30 + number % 50, number)),
        )

    huge = np.zeros((7100, 7100), np.uint8)
    for body, reason in (
        (split(b"no photo" * 10_000), "photo 0 is not a readable photo"),
        ({"inputs": ["bm8gcGhvdG8h" * 10_000]}, "photo 0 is not a readable photo"),
        (split(encoded(huge)), "more than 50 megapixels"),
        (split(*[b"x"] * 65), "65 photos; at most 64"),
        (split(bytes(2**26), b"x"), "at most 67108864 are allowed"),
    ):
        response = ask(server, body)
        assert response.status_code == 400
        assert reason in response.json()["message"]
        assert len(response.text) < 300  # a sentence, not a traceback
    assert ask(server, split(encoded(noise(1, 1)))).status_code == 200
    assert_same(pd.DataFrame(ask(server, split(jpeg)).json()["predictions"]), found)
