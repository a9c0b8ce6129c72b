"""imgaug augmenters from YAML: outlines move with the pixels, draws are reproducible, errors are reported."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.draw
import yaml

from fmask.data.transforms import augment
from fmask.utils.errors import UserError

CONF = Path(__file__).parents[3] / "conf" / "aug"
POLYGON = np.array([[30.0, 25], [150, 40], [120, 110], [80, 75], [40, 105]])
"""x, y of an outline without symmetry, which would hide a flip."""
HEIGHT, WIDTH = 140, 190


def drawn(polygon: np.ndarray) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[skimage.draw.polygon(polygon[:, 1], polygon[:, 0], mask.shape)] = True
    return mask


def photo() -> np.ndarray:
    """Return a black photo with the white polygon."""
    return np.repeat(drawn(POLYGON)[..., None], 3, axis=-1).astype(np.uint8) * 255


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def augmented(spec: list[Any], image: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    changed, (polygon,) = augment.apply(augment.build(spec), image, [POLYGON], seed)
    return changed, polygon


@pytest.mark.parametrize("spec", [{"Fliplr": {"p": 1}}, {"Flipud": {"p": 1}}, {"Affine": {"rotate": 90}}])
def test_outlines_follow_exact_pixel_transforms_exactly(spec: dict[str, Any]) -> None:
    changed, polygon = augmented([spec], photo())
    assert not np.allclose(polygon, POLYGON)
    np.testing.assert_array_equal(changed[..., 0] > 127, drawn(polygon))


@pytest.mark.parametrize("seed", range(4))
def test_outlines_follow_rotated_and_sheared_pixels(seed: int) -> None:
    changed, polygon = augmented([{"Affine": {"rotate": [-45, 45], "shear": [-10, 10], "scale": 0.7}}], photo(), seed)
    seen, expected = changed[..., 0] > 127, drawn(polygon)
    assert (seen & expected).sum() / (seen | expected).sum() > 0.97
    # Detects a shift by half a pixel, the most likely error.
    np.testing.assert_allclose(np.argwhere(seen).mean(axis=0), np.argwhere(expected).mean(axis=0), atol=0.2)


@pytest.mark.parametrize("spec", [{"CLAHE": {}}, {"GaussianBlur": {"sigma": 3.0}}, {"LinearContrast": {"alpha": 0.5}}])
def test_colour_augmenters_change_the_photo_but_not_outlines(spec: dict[str, Any]) -> None:
    changed, polygon = augmented([spec], noise())
    assert (changed != noise()).any()
    np.testing.assert_array_equal(polygon, POLYGON)


def test_the_same_seed_gives_the_same_draw() -> None:
    augmenter = augment.build([{"Affine": {"rotate": [-45, 45]}}, {"GaussianBlur": {"sigma": [0.0, 3.0]}}])
    first = augment.apply(augmenter, noise(), [POLYGON], seed=1)
    other = augment.apply(augmenter, noise(), [POLYGON], seed=2)
    again = augment.apply(augmenter, noise(), [POLYGON], seed=1)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()
    assert (first[1][0] != other[1][0]).any()


def test_several_outlines_keep_their_order_and_their_corners() -> None:
    polygons = [POLYGON, POLYGON[:3] + 5, POLYGON[1:] - 5]
    _, moved = augment.apply(augment.build([{"Fliplr": {"p": 1}}]), photo(), polygons, seed=0)
    for polygon, other in zip(polygons, moved, strict=True):
        np.testing.assert_allclose(other, polygon * [-1, 1] + [WIDTH - 1, 0], atol=1e-4)


def test_a_photo_without_outlines_is_augmented() -> None:
    changed, polygons = augment.apply(augment.build([{"Fliplr": {"p": 1}}]), noise(), [], seed=0)
    assert polygons == []
    np.testing.assert_array_equal(changed, noise()[:, ::-1])


def test_nested_augmenters_are_built() -> None:
    changed, _ = augmented(
        [{"Sometimes": {"p": 1, "then_list": [{"Fliplr": {"p": 1}}, {"Flipud": {"p": 1}}]}}], noise()
    )
    np.testing.assert_array_equal(changed, noise()[::-1, ::-1])


def test_an_empty_list_builds_none() -> None:
    assert augment.build([]) is None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Fliplr", "'Fliplr'"),
        ({"Fliplr": {"p": 1}, "CLAHE": {}}, "one imgaug class"),
        ({"Flipleft": {}}, "'Flipleft'"),
        ({"Augmenter": {"unheard_of": 1}}, "Augmenter"),
        ({"Fliplr": {"probability": 1}}, "Fliplr does not accept .*probability"),
        ({"OneOf": {"children": [{"Blurr": {}}]}}, "'Blurr'"),
        ({"Resize": {"size": 32}}, "32 x 32"),
        ({"OneOf": {"children": [{"Jigsaw": {"nb_rows": 2, "nb_cols": 2}}]}}, "Jigsaw tears outlines apart"),
        ({"WithPolarWarping": {"children": {"Fliplr": {"p": 1}}}}, "cannot be applied to a photo and its outlines"),
    ],
)
def test_errors_name_the_augmenter(spec: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        augment.build([spec])


def test_an_occasional_change_of_size_is_reported() -> None:
    crop = {"CropToFixedSize": {"width": 32, "height": 32}}
    augmenter = None
    while augmenter is None:  # nearly every attempt succeeds
        with contextlib.suppress(UserError):
            augmenter = augment.build([{"Sometimes": {"p": 0.02, "then_list": [crop]}}, {"Fliplr": {}}])
    message = r"^aug: \[Sometimes, Fliplr\] must keep the size of a photo, not change 190 x 140 pixels to 32 x 32\.$"
    with pytest.raises(UserError, match=message):
        _ = [augment.apply(augmenter, noise(), [POLYGON], seed) for seed in range(1000)]


@pytest.mark.parametrize("name", ["none", "sharpen", "blur", "fliplr_rotate", "fliplr_clahe"])
def test_the_augmentations_of_the_study_work(name: str) -> None:
    choice = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    assert choice["name"] == name
    augmenter = augment.build(choice["augmenters"])
    if name == "none":
        assert augmenter is None
        return
    changed, (polygon,) = augment.apply(augmenter, noise(), [POLYGON], seed=3)
    assert (changed.shape, changed.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert (changed != noise()).any()
    moves = name.startswith("fliplr")
    assert np.allclose(polygon, POLYGON) != moves
