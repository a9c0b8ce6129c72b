"""Augmenters named in YAML: outlines move with the pixels, draws repeat, and mistakes are told."""

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
"""x, y; no symmetry that would hide a flip."""
HEIGHT, WIDTH = 140, 190


def drawn(polygon: np.ndarray) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[skimage.draw.polygon(polygon[:, 1], polygon[:, 0], mask.shape)] = True
    return mask


def photo() -> np.ndarray:
    """White where the polygon is."""
    return np.repeat(drawn(POLYGON)[..., None], 3, axis=-1).astype(np.uint8) * 255


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def augmented(spec: list[Any], image: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    changed, (polygon,) = augment.apply(augment.build(spec), image, [POLYGON], seed)
    return changed, polygon


@pytest.mark.parametrize("spec", [{"Fliplr": {"p": 1}}, {"Flipud": {"p": 1}}, {"Affine": {"rotate": 90}}])
def test_outlines_follow_pixels_exactly_where_pixels_map_to_pixels(spec: dict[str, Any]) -> None:
    changed, polygon = augmented([spec], photo())
    assert not np.allclose(polygon, POLYGON)
    np.testing.assert_array_equal(changed[..., 0] > 127, drawn(polygon))


@pytest.mark.parametrize("seed", range(4))
def test_outlines_follow_rotated_and_sheared_pixels(seed: int) -> None:
    changed, polygon = augmented([{"Affine": {"rotate": [-45, 45], "shear": [-10, 10], "scale": 0.7}}], photo(), seed)
    seen, expected = changed[..., 0] > 127, drawn(polygon)
    assert (seen & expected).sum() / (seen | expected).sum() > 0.97
    # Half a pixel to one side, the likeliest mistake, would show here.
    np.testing.assert_allclose(np.argwhere(seen).mean(axis=0), np.argwhere(expected).mean(axis=0), atol=0.2)


@pytest.mark.parametrize("spec", [{"CLAHE": {}}, {"GaussianBlur": {"sigma": 3.0}}, {"LinearContrast": {"alpha": 0.5}}])
def test_colour_augmenters_change_the_photo_and_leave_outlines(spec: dict[str, Any]) -> None:
    changed, polygon = augmented([spec], noise())
    assert (changed != noise()).any()
    np.testing.assert_array_equal(polygon, POLYGON)


def test_a_seed_gives_the_same_draw_whenever_it_is_asked_for() -> None:
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


def test_a_photo_without_outlines_is_augmented_too() -> None:
    changed, polygons = augment.apply(augment.build([{"Fliplr": {"p": 1}}]), noise(), [], seed=0)
    assert polygons == []
    np.testing.assert_array_equal(changed, noise()[:, ::-1])


def test_nested_augmenters_are_built() -> None:
    changed, _ = augmented(
        [{"Sometimes": {"p": 1, "then_list": [{"Fliplr": {"p": 1}}, {"Flipud": {"p": 1}}]}}], noise()
    )
    np.testing.assert_array_equal(changed, noise()[::-1, ::-1])


def test_an_empty_list_builds_nothing() -> None:
    assert augment.build([]) is None


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("Fliplr", "'Fliplr'"),
        ({"Fliplr": {"p": 1}, "CLAHE": {}}, "one imgaug name"),
        ({"Flipleft": {}}, "'Flipleft'"),
        ({"Augmenter": {"unheard_of": 1}}, "Augmenter"),
        ({"Fliplr": {"probability": 1}}, "Fliplr does not take .*probability"),
        ({"OneOf": {"children": [{"Blurr": {}}]}}, "'Blurr'"),
        ({"Resize": {"size": 32}}, "32 x 32"),
    ],
)
def test_mistakes_are_told_by_name(spec: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        augment.build([spec])


def test_a_size_that_changes_now_and_then_stops_training_in_one_sentence() -> None:
    crop = {"CropToFixedSize": {"width": 32, "height": 32}}
    augmenter = None
    while augmenter is None:  # nearly every time it is taken
        with contextlib.suppress(UserError):
            augmenter = augment.build([{"Sometimes": {"p": 0.02, "then_list": [crop]}}, {"Fliplr": {}}])
    said = r"^aug: \[Sometimes, Fliplr\] makes 32 x 32 pixels of \d+ x \d+; a photo must keep its size\.$"
    with pytest.raises(UserError, match=said):
        _ = [augment.apply(augmenter, noise(), [POLYGON], seed) for seed in range(1000)]


@pytest.mark.parametrize("name", ["none", "sharpen", "blur", "fliplr_rotate", "fliplr_clahe"])
def test_the_choices_of_the_study_run(name: str) -> None:
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
