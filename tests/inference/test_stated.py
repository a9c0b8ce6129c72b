"""Weight files of matterport's own code are used with the settings of their network stated."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import fmask
from fmask.cli import app
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.load import load_keras
from fmask.inference.stated import stated_network
from fmask.model.config import ModelConfig
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights.metadata import read_run
from fmask.utils.errors import UserError
from tests.helpers import golden
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, tiny

pytestmark = pytest.mark.usefixtures("eagerly")

NARROW = ["widths.fpn=8", "widths.rpn=8", "widths.box=16", "widths.mask=8", "detection.count=5", f"image_size={SIZE}"]


@pytest.fixture(scope="module")
def shapes() -> golden.Shapes:
    """The shapes of a narrow network with the layers of matterport's."""
    config = stated_network(file_without_description(), NARROW)
    assert config is not None
    return golden.shapes_of(MaskRCNN("resnet50", 3, config.model))


@pytest.fixture(scope="module")
def weights(shapes: golden.Shapes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.write(tmp_path_factory.mktemp("weights") / "mask_rcnn.h5", shapes)


def renamed(shapes: golden.Shapes, tmp_path: Path, number: int = 3) -> Path:
    """Write the file as a session of Keras 2 does for its second model: with endings on names of variables."""
    source = golden.write(tmp_path / "first.h5", shapes)
    with h5py.File(source) as first, h5py.File(tmp_path / "second.h5", "w") as second:
        for group, content in first.items():
            names = []
            for name in content.attrs["weight_names"]:
                layer, variable = name.decode().split("/")
                names.append(f"{layer}_{number}/{variable}")
                second[f"{group}/{names[-1]}"] = content[name.decode()][()]
            second.require_group(group).attrs["weight_names"] = np.array(names, np.bytes_)
        second.attrs["layer_names"] = first.attrs["layer_names"]
    return tmp_path / "second.h5"


def file_without_description() -> Path:
    """Return the path of a weight file without a description, for `stated_network`, which does not read its layers."""
    import tempfile

    path = Path(tempfile.mkdtemp()) / "bare.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = [0.0]
    return path


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)


def test_a_file_of_matterport_detects_like_the_network_itself(
    weights: Path, shapes: golden.Shapes, tmp_path: Path
) -> None:
    stated = load_keras(weights, NARROW)
    assert (stated.image_size, stated.antialias, stated.network.backbone) == (SIZE, False, "resnet50")
    assert stated.max_detections == 5
    expected = stated.predict(noise())
    assert len(expected) > 1
    again = fmask.load(str(renamed(shapes, tmp_path)), NARROW).predict(noise())
    np.testing.assert_array_equal(again.boxes, expected.boxes)
    np.testing.assert_array_equal(again.masks, expected.masks)
    stated.save(tmp_path / "described.h5")  # from now on, the file describes its network
    np.testing.assert_array_equal(fmask.load(str(tmp_path / "described.h5")).predict(noise()).boxes, expected.boxes)


def test_the_settings_begin_from_the_recipe_of_the_study() -> None:
    file = file_without_description()
    for settings in (["recipe=report"], ["proposals.detect=200"]):
        network = stated_network(file, settings)
        assert network is not None
        assert (network.backbone, network.image_size, network.antialias, network.num_classes) == (
            "resnet50",
            128,
            False,
            3,
        )
    network = stated_network(file, ["backbone=resnet101", "image_size=1024", "norm=frozen"])
    assert network is not None
    assert (network.backbone, network.image_size, network.model.norm) == ("resnet101", 1024, "frozen")
    assert network.model.widths == ModelConfig().widths
    assert network.classes == ("mask", "hat")
    named = stated_network(file, ["recipe=report", "data.classes=[cat, hot dog]"])
    assert named is not None
    assert named.classes == ("cat", "hot dog")
    with pytest.raises(UserError, match=r"data\.classes lists Cat twice"):
        stated_network(file, ["data.classes=[cat, Cat]"])


def test_wrong_settings_are_refused(weights: Path, shapes: golden.Shapes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the backbone is resnet101: \d+ of \d+ layers loaded; left random: res4g"):
        load_keras(weights, [*NARROW, "backbone=resnet101"])
    with pytest.raises(UserError, match=r"has the shape .* in the file, but .* in this network"):
        load_keras(weights, ["recipe=report"])
    many = {name: {**layer} for name, layer in shapes.items()}
    many["mrcnn_class_logits"] = {"kernel": (16, 81), "bias": (81,)}
    other = golden.write(tmp_path / "coco.h5", many)
    with pytest.raises(UserError, match=r"coco\.h5 is a network for 80 classes, not for 2; state their names"):
        load_keras(other, NARROW)


def test_the_commands_accept_the_option(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.fromarray(noise()).save("a.png")
    options = [word for setting in NARROW for word in ("--set", setting)]
    for command in ("detect", "splash"):
        done = CliRunner().invoke(app, [command, str(weights), "a.png", *options], catch_exceptions=False)
        assert done.exit_code == 0
    assert Path("a_splash.png").exists()


def test_a_weight_file_names_the_run_that_trained_it(tmp_path: Path) -> None:
    predictor = KerasPredictor(tiny(), SIZE, antialias=True, classes=CLASSES)
    predictor.save(tmp_path / "a.h5")
    assert read_run(tmp_path / "a.h5") is None
    predictor.run = "0123456789abcdef"
    predictor.save(tmp_path / "b.h5")
    assert read_run(tmp_path / "b.h5") == KerasPredictor.load(tmp_path / "b.h5").run == "0123456789abcdef"
