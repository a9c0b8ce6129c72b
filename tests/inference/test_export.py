"""An exported network detects the same objects, without Keras and TensorFlow."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fmask.cli import app
from fmask.inference.description import describe_network
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.onnx import OnnxPredictor
from fmask.model.weights.exported import exported_file
from fmask.model.weights.metadata import read_operating_point
from fmask.model.weights.rewriting import write_exported, write_operating_point
from fmask.structures.detections import Detections
from fmask.structures.operating_point import Calibration, OperatingPoint
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, settled, tiny

pytestmark = pytest.mark.usefixtures("eagerly")

PARENTS = {"worn": CLASSES}
POINT = OperatingPoint("accuracy", {"mask": 0.3, "hat": 0.95}, Calibration(1.0, -1.0), 44, 64)
OTHER = OperatingPoint("precision=0.9", {"mask": 0.8, "hat": 0.1}, Calibration(1.5, 0.25), 44, 64)
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


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[KerasPredictor, Path, Path]:
    """A network of another backbone with parents and an operating point, its weight file, and its exported file."""
    from fmask.inference.export import export_onnx

    network = settled(backbone="efficientnet_lite0")
    predictor = KerasPredictor(network, SIZE, antialias=True, classes=CLASSES, hierarchy=PARENTS)
    folder = tmp_path_factory.mktemp("small")
    predictor.save(folder / "last.h5")
    assert KerasPredictor.load(folder / "last.h5").operating_point is None
    predictor.operating_point = POINT
    predictor.save(folder / "last.h5")
    export_onnx(predictor, folder / "last.onnx", weights=folder / "last.h5")
    return predictor, folder / "last.h5", folder / "last.onnx"


def test_an_exported_network_prepares_images_for_its_backbone(small: tuple[KerasPredictor, Path, Path]) -> None:
    predictor, _, exported = small
    expected = predictor.predict(noise(50, 70))
    assert len(expected) > 1
    assert_same(OnnxPredictor(exported).predict(noise(50, 70)), expected)


def test_weight_files_and_onnx_files_keep_parents_and_the_operating_point(
    small: tuple[KerasPredictor, Path, Path], tmp_path: Path
) -> None:
    _, file, exported = small
    onnx, keras = OnnxPredictor(exported), KerasPredictor.load(file)
    assert keras.operating_point == onnx.operating_point == POINT
    assert keras.hierarchy == onnx.hierarchy == describe_network(exported).hierarchy == PARENTS
    found = onnx.predict(noise(50, 70))
    assert found.operating_point == POINT
    assert len(found.select(0.0)) == len(found)
    kept = POINT.keeps(found.class_ids, found.scores)
    assert found.select().scores.tolist() == found.scores[kept].tolist()

    write_operating_point(file, tmp_path / "last.h5", OTHER)
    write_exported(exported, tmp_path / "last.onnx", OTHER, tmp_path / "last.h5")
    assert read_operating_point(tmp_path / "last.h5", CLASSES) == OTHER
    assert exported_file(tmp_path / "last.h5") == tmp_path / "last.onnx"
    again = OnnxPredictor(tmp_path / "last.onnx")
    assert again.operating_point == OTHER
    np.testing.assert_array_equal(again.predict(noise(50, 70)).scores, found.scores)


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


def test_the_command_exports_a_fixed_batch_size(tmp_path: Path) -> None:
    predictor = KerasPredictor(settled(backbone="mobilenet_v2"), SIZE, antialias=True, classes=CLASSES)
    predictor.save(tmp_path / "best.h5")
    done = CliRunner().invoke(
        app, ["export", str(tmp_path / "best.h5"), str(tmp_path / "two.onnx"), "--batch", "2"], catch_exceptions=False
    )
    assert done.output.startswith(f"{tmp_path / 'two.onnx'}: ")
    exported = OnnxPredictor(tmp_path / "two.onnx")
    assert exported.batch_size == 2
    expected = predictor.predict(noise(50, 70))
    assert len(expected) > 1
    assert_same(exported.predict(noise(50, 70)), expected)


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
