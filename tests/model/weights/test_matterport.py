"""Weight files in matterport's layout: reading, skipped layers, refused files, writing."""

import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from fmask.model.config import ModelConfig, Widths
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights import matterport
from fmask.utils.errors import UserError
from tests.helpers import golden
from tests.helpers.networks import tiny

CLASS_LAYERS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")


@pytest.fixture(scope="module")
def network() -> MaskRCNN:
    """A network with the layers of the reference, narrow after the backbone."""
    return MaskRCNN("resnet50", 3, ModelConfig(widths=Widths(fpn=8, rpn=8, box=16, mask=8)))


@pytest.fixture(scope="module")
def shapes(network: MaskRCNN) -> dict[str, dict[str, tuple[int, ...]]]:
    return golden.shapes_of(network)


@pytest.fixture(scope="module")
def whole(shapes: golden.Shapes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.write(tmp_path_factory.mktemp("weights") / "whole.h5", shapes)


@pytest.fixture
def start(network: MaskRCNN) -> MaskRCNN:
    """The network with all weights 0.5, to detect the weights that are not loaded."""
    for weight in network.weights:
        weight.assign(np.full(weight.shape, 0.5, weight.dtype))
    return network


def assert_golden(network: MaskRCNN, layers: tuple[str, ...]) -> None:
    for name in layers:
        for weight in matterport.layers_of(network)[name].weights:
            expected = golden.draw(name, weight.name, tuple(weight.shape))
            np.testing.assert_array_equal(weight, expected, err_msg=f"{name}/{weight.name}")


def assert_untouched(network: MaskRCNN, layers: tuple[str, ...]) -> None:
    for name in layers:
        for weight in matterport.layers_of(network)[name].weights:
            np.testing.assert_array_equal(weight, 0.5, err_msg=f"{name}/{weight.name}")


def test_a_complete_file_loads_every_layer(start: MaskRCNN, whole: Path) -> None:
    report = matterport.load_weights(start, whole)
    assert report.loaded == tuple(matterport.layers_of(start))
    assert report.random == report.skipped == ()
    assert str(report) == "whole.h5: 133 of 133 layers loaded"
    assert_golden(start, report.loaded)


@pytest.mark.parametrize(("root", "as_bytes"), [("/", False), ("model_weights", True), ("model_weights", False)])
def test_names_may_be_str_or_bytes_and_groups_may_be_in_model_weights(
    start: MaskRCNN, shapes: golden.Shapes, tmp_path: Path, root: str, as_bytes: bool
) -> None:
    some = {name: shapes[name] for name in ("conv1", "bn_conv1", "rpn_conv_shared", "mrcnn_class_conv1")}
    report = matterport.load_weights(start, golden.write(tmp_path / "some.h5", some, root=root, as_bytes=as_bytes))
    assert report.loaded == tuple(some)
    assert_golden(start, report.loaded)
    assert_untouched(start, report.random)
    assert str(report).startswith("some.h5: 4 of 133 layers loaded; left random: res2a_branch2a, ")
    assert len(report.random) == 129


def test_the_weights_of_the_proposal_network_may_have_any_order(
    start: MaskRCNN, shapes: golden.Shapes, tmp_path: Path
) -> None:
    names = [name for name in shapes if name.startswith("rpn_")][::-1]
    backwards = {name: dict(reversed(list(shapes[name].items()))) for name in names}
    report = matterport.load_weights(start, golden.write(tmp_path / "rpn.h5", backwards))
    assert set(report.loaded) == {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"}
    assert_golden(start, report.loaded)


@pytest.mark.parametrize("ending", ["_1", "_12"])
def test_endings_of_keras_2_on_names_of_variables_are_ignored(
    start: MaskRCNN, whole: Path, tmp_path: Path, ending: str
) -> None:
    """As when the file was written by a session that had built another model before."""
    path = tmp_path / "second.h5"
    shutil.copy(whole, path)
    with h5py.File(path, "r+") as file:
        for group in file.values():
            names = [name.decode() for name in group.attrs["weight_names"]]
            renamed = [name.replace("/", f"{ending}/", 1) for name in names]
            for old, new in zip(names, renamed, strict=True):
                group.move(old, new)
            group.attrs["weight_names"] = np.array(renamed, np.bytes_)
    report = matterport.load_weights(start, path)
    assert report.loaded == tuple(matterport.layers_of(start))
    assert report.skipped == ()
    assert_golden(start, report.loaded)


def test_a_deeper_backbone_loads_the_common_blocks(start: MaskRCNN, shapes: golden.Shapes, tmp_path: Path) -> None:
    """As when a ResNet-50 starts from matterport's COCO weights, a ResNet-101 with 81 classes."""
    deeper = {}
    for letter in "ghijklmnopqrstuvw":
        for part in ("branch2a", "branch2b", "branch2c"):
            for kind in ("res", "bn"):
                deeper[f"{kind}4{letter}_{part}"] = shapes[f"{kind}4f_{part}"]
    coco = {**shapes, **deeper}
    for name in CLASS_LAYERS:
        coco[name] = {variable: (*shape[:-1], shape[-1] * 27) for variable, shape in shapes[name].items()}
    path = golden.write(tmp_path / "coco.h5", coco, zero=True)
    with h5py.File(path, "a") as file:  # ports of matterport's code save it in training
        file["anchors/Variable:0"] = np.zeros((1, 9, 4), np.float32)
        file["anchors"].attrs["weight_names"] = [b"Variable:0"]
    report = matterport.load_weights(start, path)
    assert set(report.random) == set(CLASS_LAYERS)
    assert set(report.skipped) == set(deeper)
    assert len(report.skipped) == 102
    assert_untouched(start, CLASS_LAYERS)
    assert not np.any(matterport.layers_of(start)["res4f_branch2c"].kernel)
    assert str(report).startswith(
        f"coco.h5: 130 of 133 layers loaded; left random: {', '.join(report.random)}; not in this network: "
    )
    assert str(report).endswith(" and 99 more")


def test_saved_weights_can_be_loaded(start: MaskRCNN, whole: Path, tmp_path: Path) -> None:
    matterport.load_weights(start, whole)
    matterport.save_weights(start, tmp_path / "copy.h5")
    with h5py.File(whole) as one, h5py.File(tmp_path / "copy.h5") as other:
        arrays: list[dict[str, np.ndarray]] = [{}, {}]
        for file, found in zip((one, other), arrays, strict=True):
            for group in file.values():
                for name in group.attrs["weight_names"]:
                    found[f"{group.name}/{name.decode()}"] = group[name][()]
        assert {bytes(name).decode() for name in other.attrs["layer_names"]} == set(other)
        assert len(other) == 131
    assert len(arrays[0]) == 384
    assert arrays[0].keys() == arrays[1].keys()
    assert all(np.array_equal(values, arrays[1][name]) for name, values in arrays[0].items())
    for weight in start.weights:
        weight.assign(np.zeros(weight.shape, weight.dtype))
    assert_golden(start, matterport.load_weights(start, tmp_path / "copy.h5").loaded)
    assert [file.name for file in tmp_path.iterdir()] == ["copy.h5"]


def refusal(network: MaskRCNN, path: Path) -> str:
    """Return the message of the refusal, and check that no weight has changed."""
    with pytest.raises(UserError) as caught:
        matterport.load_weights(network, path)
    assert_untouched(network, ("conv1", "bn_conv1", "mrcnn_mask"))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert str(path) in sentence
    return sentence


def test_a_missing_file_is_refused(start: MaskRCNN, tmp_path: Path) -> None:
    assert refusal(start, tmp_path / "none.h5").startswith("There is no weight file ")
    assert "is a folder" in refusal(start, tmp_path)


def test_a_file_of_another_kind_is_refused(start: MaskRCNN, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    path.write_bytes(pickle.dumps({"conv1": [1, 2, 3]}))
    assert "is not an HDF5 file" in refusal(start, path)
    path.write_bytes(b"")
    assert "is not an HDF5 file" in refusal(start, path)


def test_a_truncated_file_is_refused(start: MaskRCNN, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.h5"
    shutil.copy(whole, path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    assert "damaged or truncated" in refusal(start, path)


def test_another_networks_file_is_refused(start: MaskRCNN, tmp_path: Path) -> None:
    path = golden.write(tmp_path / "vgg.h5", {f"block{i}_conv1": {"kernel": (3, 3, 3, 64)} for i in range(1, 7)})
    assert "another network: none of its layers (block1_conv1, block2_conv1, block3_conv1 and 3 more)" in refusal(
        start, path
    )
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.zeros(3)
    assert "has no layers in the format of Keras 2" in refusal(start, path)


def test_a_layer_of_another_shape_is_refused(start: MaskRCNN, shapes: golden.Shapes, tmp_path: Path) -> None:
    wide = {**shapes, "rpn_class_raw": {"kernel": (1, 1, 512, 6), "bias": (6,)}}
    sentence = refusal(start, golden.write(tmp_path / "wide.h5", wide, zero=True))
    assert sentence.endswith(
        "rpn_class_raw/kernel has the shape (1, 1, 512, 6) in the file, but (1, 1, 8, 6) in this network."
    )
    wide = {**shapes, "mrcnn_mask": {"kernel": (1, 1, 256, 81), "bias": (81,)}}
    assert "mrcnn_mask/kernel has the shape" in refusal(start, golden.write(tmp_path / "wide.h5", wide, zero=True))


def test_a_layer_without_one_of_its_variables_is_refused(
    start: MaskRCNN, shapes: golden.Shapes, tmp_path: Path
) -> None:
    path = golden.write(tmp_path / "bare.h5", {"conv1": {"kernel": shapes["conv1"]["kernel"]}})
    assert refusal(start, path).endswith("conv1 has kernel in the file, but kernel and bias in this network.")


def test_batch_normalisation_is_not_loaded_into_group_normalisation(shapes: golden.Shapes, tmp_path: Path) -> None:
    path = golden.write(tmp_path / "batch.h5", {"bn_conv1": shapes["bn_conv1"]})
    message = "bn_conv1 has gamma and beta and moving_mean and moving_variance in the file, but gamma and beta in this"
    with pytest.raises(UserError, match=message):
        matterport.load_weights(tiny("group"), path)


def test_a_failed_save_leaves_no_file(start: MaskRCNN, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        matterport.save_weights(start, tmp_path / "none" / "copy.h5")
    (tmp_path / "copy.h5").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        matterport.save_weights(start, tmp_path / "copy.h5")
    assert [file.name for file in tmp_path.iterdir()] == ["copy.h5"]


def test_data_in_other_files_is_refused(start: MaskRCNN, whole: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(256)) * 2)
    path = tmp_path / "weights.h5"
    shutil.copy(whole, path)
    with h5py.File(path, "r+") as file:
        del file["bn_conv1/bn_conv1/gamma:0"]
        file.create_dataset("bn_conv1/bn_conv1/gamma:0", (64,), "f4", external=[(str(secret), 0, 256)])
    assert "bn_conv1/gamma:0 stores its data in other files" in refusal(start, path)
    with h5py.File(path, "r+") as file:
        del file["bn_conv1"]
        file["bn_conv1"] = h5py.ExternalLink(whole, "bn_conv1")
    assert "bn_conv1 is a link, not data in this file" in refusal(start, path)
    assert_untouched(start, tuple(matterport.layers_of(start)))
