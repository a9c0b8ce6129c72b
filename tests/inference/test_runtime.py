"""A network with an ONNX file runs without TensorFlow and Keras, and detects the same."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmask import tracking
from fmask.inference.agreement import CERTAIN, MAX_BOX, compare
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.load import find_model_file, load
from fmask.inference.onnx import OnnxPredictor
from fmask.model.weights.exported import WEIGHTS, exported_file, read_properties
from fmask.tracking.local_lookup import local_artifact
from fmask.training.export_run import CHECK_ARTIFACT, export_run
from fmask.training.kept_weights import log_weights
from fmask.utils.errors import UserError
from fmask.utils.files import sha256_of
from tests.helpers.networks import SIZE, eagerly, settled

pytestmark = pytest.mark.usefixtures("eagerly")

HEAVY = ("tensorflow", "keras", "jax", "mlflow", "onnx", "tf2onnx", "h5py", "sklearn", "matplotlib")
"""Packages that `fmask detect` does not import for a network with an ONNX file."""
DETECT = f"""
import sys
from fmask.cli import main
_, photo, *references = sys.argv
for reference in references:
    sys.argv = ["fmask", "detect", reference, photo, "--min-confidence", "0"]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (reference, end.code)
    print("imported:", *[name for name in {HEAVY} if name in sys.modules])
"""
"""Detects with each network in turn, and prints what was imported."""


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photo") / "noise.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (50, 70, 3), dtype=np.uint8)).save(file)
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Path:
    """The output folder of a run that has ended, with its store `mlflow.db`."""
    folder = tmp_path_factory.mktemp("run")
    predictor = KerasPredictor(settled(), SIZE, True, ("mask", "hat"))
    with pytest.MonkeyPatch.context() as patch, eagerly():
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        with tracking.start_run({"epochs": 1}, "trained", output_dir=folder, tags={"command": "train"}) as run:
            predictor.run = run.id
            predictor.save(folder / "last.h5")
            (folder / "best.h5").write_bytes(b"")
            photos: list[Any] = [SimpleNamespace(path=photo)]
            note = export_run(predictor, folder / "last.h5", photos, run)
            run.log_scores({"mask_ap50": 0.5}, prefix="val")
            log_weights(run, folder, "last")
        assert "ONNX file" in note
        check = tracking.read_json(tracking.find_run(run.id), CHECK_ARTIFACT)
    assert check is not None
    assert check["detections"] > 1
    assert check["lost"] == 0
    assert 0 < check["box"] < MAX_BOX
    (folder / "id").write_text(run.id)
    return folder


@pytest.fixture(autouse=True)
def store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    monkeypatch.chdir(folder)


def run_id(folder: Path) -> str:
    return (folder / "id").read_text()


def test_detect_imports_neither_keras_nor_tensorflow(folder: Path, photo: Path) -> None:
    references = [run_id(folder), run_id(folder)[:8], "latest", "best", str(folder), "last.h5"]
    command = [sys.executable, "-c", DETECT, str(photo), *references]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *outputs, end = done.stdout.split("imported:\n")
    assert (len(outputs), end) == (len(references), ""), done.stdout
    for reference, output in zip(references, outputs, strict=True):
        assert len(output.splitlines()) > 2, reference


def test_the_runtime_is_chosen(folder: Path, photo: Path) -> None:
    found, expected = (load("last.h5", runtime=runtime) for runtime in ("onnx", "keras"))
    assert (found.runtime, expected.runtime, load("last.h5").runtime) == ("onnx", "keras", "onnx")
    np.testing.assert_allclose(found.predict(photo).boxes, expected.predict(photo).boxes, atol=0.5)
    with pytest.raises(UserError, match=r"last\.onnx runs on ONNX Runtime only; --runtime keras needs a weight file"):
        load("last.onnx", runtime="keras")


def test_an_onnx_file_of_other_weights_is_not_used(folder: Path, tmp_path: Path) -> None:
    weights = tmp_path / "mine.h5"
    weights.write_bytes((folder / "last.h5").read_bytes())
    for content in ((folder / "last.onnx").read_bytes(), b"no network", b""):
        weights.with_suffix(".onnx").write_bytes(content)
        assert (exported_file(weights) is not None) == (len(content) > 100)
    weights.with_suffix(".onnx").write_bytes((folder / "last.onnx").read_bytes())
    KerasPredictor(settled(), SIZE, True, ("mask", "hat")).save(weights)  # without the run's id
    assert exported_file(weights) is None
    with pytest.raises(UserError, match=r"mine\.h5 has no ONNX file that was exported from these weights; `fmask exp"):
        load(str(weights), runtime="onnx")


def test_properties_are_those_of_onnx_runtime(folder: Path) -> None:
    properties = read_properties(folder / "last.onnx")
    assert properties == OnnxPredictor(folder / "last.onnx").metadata
    assert properties[WEIGHTS] == sha256_of(folder / "last.h5")
    with pytest.raises(ValueError, match=r"ends within a field|unknown type|too long"):
        read_properties(folder / "last.h5")


@pytest.mark.parametrize("reference", ["id", "first", "latest", "best", "runs:/"])
def test_a_local_store_is_read_as_by_mlflow(folder: Path, reference: str) -> None:
    names = {"id": run_id(folder), "first": run_id(folder)[:6], "runs:/": f"runs:/{run_id(folder)}"}
    found = local_artifact(names.get(reference, reference), tracking.WEIGHTS_ARTIFACT)
    run = tracking.find_run(names.get(reference, reference))
    assert found == tracking.download(run, tracking.WEIGHTS_ARTIFACT) == find_model_file(run.id)
    assert exported_file(found or Path()) is not None
    assert local_artifact("0123456789", tracking.WEIGHTS_ARTIFACT) is None
    assert local_artifact(run.id, "weights/other.h5") is None


def test_a_served_network_needs_no_tensorflow(folder: Path, photo: Path) -> None:
    import mlflow

    model = Path(mlflow.artifacts.download_artifacts(f"runs:/{run_id(folder)}/model"))
    requirements = (model / "requirements.txt").read_text()
    assert "onnxruntime==" in requirements
    assert not {line.partition("=")[0] for line in requirements.splitlines()} & {"tensorflow", "keras", "h5py"}
    program = """
import sys
import mlflow
found = mlflow.pyfunc.load_model(sys.argv[1]).predict([open(sys.argv[2], "rb").read()])
print(len(found), *[name for name in ("tensorflow", "keras") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(model), str(photo)], capture_output=True, text=True, cwd=photo.parent
    )
    assert done.stdout.strip() == str(len(load("last.h5").predict(photo))), done.stderr[-2000:]


def output(**changes: np.ndarray) -> dict[str, np.ndarray]:
    """Return raw detections of one photo: two certain ones, an uncertain one, and an empty row."""
    plain = {
        "boxes": np.array([[[0.1, 0.1, 0.5, 0.5], [0.2, 0.2, 0.6, 0.6], [0, 0, 0.3, 0.3], [0, 0, 0, 0]]]),
        "class_ids": np.array([[1, 2, 1, 0]]),
        "scores": np.array([[0.9, 0.8, CERTAIN - 0.1, 0.0]]),
        "masks": np.zeros((1, 4, 2, 2)),
    }
    return plain | changes


def test_computations_agree_within_limits() -> None:
    expected = output()
    swapped = {key: value[:, [1, 0, 2, 3]] for key, value in expected.items()}
    assert compare(swapped, expected, 101).holds
    moved = compare(output(boxes=expected["boxes"] + 0.004), expected, 101)
    assert (moved.holds, moved.detections, moved.box) == (True, 3, pytest.approx(0.4))
    far = compare(output(boxes=expected["boxes"] + 0.01), expected, 101)
    assert (far.holds, far.detections, far.lost) == (False, 0, 4)
    other_class = compare(output(class_ids=np.array([[1, 1, 1, 0]])), expected, 101)
    assert (other_class.holds, other_class.lost) == (False, 2)
    uncertain = compare(output(class_ids=np.array([[1, 2, 0, 0]])), expected, 101)
    assert (uncertain.holds, uncertain.detections) == (True, 2)
    assert not compare(output(masks=expected["masks"] + 0.1), expected, 101).holds
    assert not compare(output(scores=expected["scores"] - 0.05), expected, 101).holds
