"""An exported network detects the same objects, without Keras and TensorFlow."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fmask.cli import app
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.onnx import OnnxPredictor
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, settled, tiny

pytestmark = pytest.mark.usefixtures("eagerly")

SHAPES = [(64, 64), (50, 70), (1, 1), (300, 40), (480, 640)]
WITHOUT_KERAS = """
import sys
class BlockKeras:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("keras", "tensorflow", "jax"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, BlockKeras())
import numpy
from fmask.inference.load import load
found = load(sys.argv[1]).predict(numpy.load(sys.argv[2]))
numpy.savez(sys.argv[3], boxes=found.boxes, class_ids=found.class_ids, scores=found.scores, masks=found.masks)
"""


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def assert_same(found: Detections, expected: Detections) -> None:
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.5)
    assert (found.masks == expected.masks).mean() > 0.999


@pytest.fixture(scope="module")
def predictor() -> KerasPredictor:
    return KerasPredictor(settled(), SIZE, antialias=True, classes=CLASSES)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, predictor: KerasPredictor) -> Path:
    """An exported file of the predictor's network, converted from bf16."""
    from fmask.inference.export import export_onnx

    bf16 = tiny(precision="bf16")
    bf16.set_weights(predictor.network.get_weights())
    path = tmp_path_factory.mktemp("export") / "network.onnx"
    export_onnx(KerasPredictor(bf16, SIZE, antialias=True, classes=CLASSES), path)
    assert [each.name for each in path.parent.iterdir()] == ["network.onnx"]
    return path


def test_an_exported_network_detects_the_same_in_photos_of_any_size(file: Path, predictor: KerasPredictor) -> None:
    exported = OnnxPredictor(file)
    assert (exported.image_size, exported.antialias, exported.batch_size) == (SIZE, True, 1)
    for shape in SHAPES:
        expected = predictor.predict(noise(*shape))
        assert len(expected) > 1
        assert_same(exported.predict(noise(*shape)), expected)


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "mobilenet_v2"])
def test_an_exported_network_prepares_images_for_its_backbone(backbone: str, tmp_path: Path) -> None:
    from fmask.inference.export import export_onnx

    predictor = KerasPredictor(settled(backbone=backbone), SIZE, antialias=True, classes=CLASSES)
    export_onnx(predictor, tmp_path / "network.onnx")
    expected = predictor.predict(noise(50, 70))
    assert len(expected) > 1
    assert_same(OnnxPredictor(tmp_path / "network.onnx").predict(noise(50, 70)), expected)


def test_the_file_says_what_a_program_must_know(file: Path) -> None:
    metadata = OnnxPredictor(file).metadata
    assert json.loads(metadata["fmask.classes"]) == ["mask", "hat"]
    assert (metadata["fmask.image_size"], metadata["fmask.antialias"]) == (str(SIZE), "True")
    assert json.loads(metadata["fmask.settings"])["detection"]["count"] == OnnxPredictor(file).max_detections == 6
    for key in ("inputs", "boxes", "class_ids", "masks"):
        assert len(metadata[f"fmask.{key}"]) > 50
    shown = CliRunner().invoke(app, ["show", str(file)], catch_exceptions=False).output
    for line in ("classes", "mask, hat", "resnet18", "any batch size", "normalised", "half-pixel", "detection.count"):
        assert line in shown


def test_detections_do_not_depend_on_the_batch(file: Path) -> None:
    exported = OnnxPredictor(file, threads=1)
    photos = [noise(*shape) for shape in SHAPES]
    for batch in (2, 5):
        for photo, found in zip(photos, exported.predict(photos, batch), strict=True):
            assert_same(found, exported.predict(photo))
    assert exported.predict([]) == []


def test_it_runs_without_keras(file: Path, predictor: KerasPredictor, tmp_path: Path) -> None:
    photo, found = tmp_path / "photo.npy", tmp_path / "found.npz"
    np.save(photo, noise(50, 70))
    command = [sys.executable, "-c", WITHOUT_KERAS, str(file), str(photo), str(found)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(found) as arrays:
        assert_same(Detections(**arrays, classes=CLASSES), predictor.predict(noise(50, 70)))


def test_the_command_exports_a_fixed_batch_size(predictor: KerasPredictor, tmp_path: Path) -> None:
    predictor.save(tmp_path / "best.h5")
    done = CliRunner().invoke(
        app, ["export", str(tmp_path / "best.h5"), str(tmp_path / "two.onnx"), "--batch", "2"], catch_exceptions=False
    )
    assert done.output.startswith(f"{tmp_path / 'two.onnx'}: ")
    exported = OnnxPredictor(tmp_path / "two.onnx")
    assert exported.batch_size == 2
    assert_same(exported.predict(noise(50, 70)), predictor.predict(noise(50, 70)))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["x.pb"], "The name of the output file must end in .onnx, not x.pb"),
        (["gone/x.onnx"], "gone/x.onnx cannot be written: the folder gone does not exist"),
        (["x.onnx", "--batch", "0"], "--batch must be a whole number from 1 up or dynamic, not '0'"),
        (["x.onnx"], "best.h5: there is no such weight file"),
    ],
)
def test_wrong_arguments_of_the_command_are_refused(
    arguments: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=reason):
        CliRunner().invoke(app, ["export", "best.h5", *arguments], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path: Path) -> None:
    import onnx

    sides = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "other", sides[:1], sides[1:])
    other = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(other, tmp_path / "other.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    for name in ("other.onnx", "text.onnx", "missing.onnx"):
        with pytest.raises(UserError, match="is not a network exported by fmask") as refused:
            OnnxPredictor(tmp_path / name)
        assert str(tmp_path / name) in str(refused.value)
        assert "\n" not in str(refused.value)
