"""Samples and batches: they match the photo, and depend on the seed and the sample's number only."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmask.data.batches import Batches
from fmask.data.config import Jitter
from fmask.data.polygons import extents, stretch_to_pixels
from fmask.data.samples import (
    MASK_SIDE,
    AugmentedSample,
    Sample,
    augment_sample,
    box_mask,
    collate,
    load_samples,
)
from fmask.data.transforms import augment
from fmask.structures.annotations import Photo, Region
from tests.helpers.classes import CLASSES

SIZE = 64
POLYGON = np.array([[30.0, 20], [99, 20], [99, 79], [60, 50], [30, 79]])
"""x, y of an outline whose pixels are columns 30..99 and rows 20..79."""
PASS = 10
"""Number of samples in an epoch of `batches`."""
STRONG = Jitter(flip=0.5, scale=0.5, rotate=20, focus=1.0)


def sample(*polygons: np.ndarray, class_ids: tuple[int, ...] = (1,), shape: tuple[int, int] = (100, 120)) -> Sample:
    """Return a black photo with white polygons."""
    image = np.zeros((*shape, 3), np.uint8)
    for polygon in polygons:
        image[Region("mask", polygon, False, 0, CLASSES).mask(*shape)] = 255
    return Sample(image, list(polygons), np.array(class_ids))


def square(x: float, y: float, side: float) -> np.ndarray:
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])


def batches(count: int = 5, **options: object) -> Batches:
    """Return batches of photos with one square each, whose brightness identifies the photo."""
    samples = [sample(square(20, 20, 60)) for _ in range(count)]
    for number, one in enumerate(samples):
        one.image[one.image > 0] = 50 + 40 * number
    settings = {"crop_size": SIZE, "image_size": SIZE, "batch_size": 2, "steps": 5, "slots": 3, "seed": 7} | options
    return Batches(samples, **settings)  # type: ignore[arg-type]


def numbers(dataset: Batches, index: int) -> list[int]:
    """Return the numbers of the photos in a batch of `batches`."""
    return [round((image.max() - 50) / 40) for image in dataset[index][0]]


def unfolded(mask: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """Return a mask (M, M) inside its box as pixels (size, size): nearest neighbour at pixel centres."""
    y1, x1, y2, x2 = box
    centres = np.arange(size) + 0.5
    rows, columns = ((centres - low) / (high - low) * len(mask) for low, high in ((y1, y2), (x1, x2)))
    inside = np.logical_and.outer((rows >= 0) & (rows < len(mask)), (columns >= 0) & (columns < len(mask)))
    rows, columns = (np.clip(values, 0, len(mask) - 1).astype(int) for values in (rows, columns))
    return inside & (mask[np.ix_(rows, columns)] > 0.5)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spec", [[], [{"Fliplr": {"p": 1}}, {"Affine": {"rotate": [-45, 45]}}]])
def test_boxes_and_masks_follow_the_pixels(seed: int, spec: list[dict]) -> None:
    rng = np.random.default_rng(seed)
    augmented = augment_sample(sample(POLYGON), SIZE, SIZE, STRONG, augment.build(spec), rng)
    white = augmented.image[..., 0] > 127
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    box = [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]
    np.testing.assert_allclose(augmented.boxes[0], box, atol=0.95)
    found = unfolded(augmented.masks[0], augmented.boxes[0], SIZE)
    assert (found & white).sum() / (found | white).sum() > 0.93
    assert augmented.class_ids.tolist() == [1]


def test_without_jitter_the_photo_fills_the_frame() -> None:
    augmented = augment_sample(sample(POLYGON, shape=(120, 120)), SIZE, SIZE, Jitter(), None, np.random.default_rng(0))
    scale = SIZE / 120
    np.testing.assert_allclose(augmented.boxes, [np.array([20.5, 30.5, 79.5, 99.5]) * scale], atol=1e-4)
    assert augmented.image.shape == (SIZE, SIZE, 3)
    assert augmented.image.dtype == np.float32


@pytest.mark.parametrize("side", [32, 48])
def test_views_are_interpolated(side: int) -> None:
    ramp = np.broadcast_to(np.arange(side, dtype=np.uint8)[None, :, None] * 4, (side, side, 3))
    view = augment_sample(Sample(ramp, [], np.array([])), SIZE, SIZE, Jitter(), None, np.random.default_rng(0)).image
    position = (np.arange(SIZE) + 0.5) * side / SIZE - 0.5  # of each column's centre in the photo
    inside = (position >= 0) & (position <= side - 1)
    np.testing.assert_allclose(
        view[5, inside, 0], 4 * position[inside], atol=0.6
    )  # nearest neighbour is off by up to 2


def test_objects_out_of_view_are_left_out_and_cut_or_tiny_ones_are_ignored() -> None:
    # The photo is twice the size of the crop, which can show exactly the first square.
    focus = square(-0.5, -0.5, 64)
    others = [square(100, 100, 20), square(55, 20, 40), square(40, 40, 20), square(5, 5, 1)]
    one = Sample(np.zeros((128, 128, 3), np.uint8), [focus, *others], np.array([1, 2, 2, 2, 2]))
    for seed in range(40):
        augmented = augment_sample(one, SIZE, 128, Jitter(), None, np.random.default_rng(seed))
        if len(augmented.boxes) and np.allclose(augmented.boxes[0], [0, 0, 64, 64]):
            break
    else:
        pytest.fail("no crop shows the first square")
    # The second is out of view; a quarter of the third is visible; the fifth is one pixel.
    assert augmented.class_ids.tolist() == [1, -1, 2, -1]
    assert (augmented.boxes >= 0).all()
    assert (augmented.boxes <= SIZE).all()
    assert len(augmented.masks) == 4


def test_ignored_objects_stay_ignored() -> None:
    augmented = augment_sample(sample(POLYGON, class_ids=(-1,)), SIZE, SIZE, Jitter(), None, np.random.default_rng(0))
    assert augmented.class_ids.tolist() == [-1]


def test_a_photo_without_objects_gives_an_empty_sample() -> None:
    augmented = augment_sample(sample(class_ids=()), SIZE, SIZE, STRONG, None, np.random.default_rng(0))
    assert augmented.boxes.shape == (0, 4)
    assert augmented.masks.shape == (0, MASK_SIDE, MASK_SIDE)
    assert augmented.class_ids.shape == (0,)


def test_extents_include_the_outermost_pixels() -> None:
    np.testing.assert_array_equal(extents([np.array([[2.0, 5], [7, 3], [4, 9]])]), [[3.5, 2.5, 9.5, 7.5]])
    assert extents([]).shape == (0, 4)


def test_a_box_mask_of_a_rectangle_is_full_and_of_a_triangle_half() -> None:
    rectangle, triangle = square(3, 4, 20), np.array([[0.0, 0], [30, 0], [0, 30]])
    assert box_mask(rectangle, extents([rectangle])[0]).all()
    mask = box_mask(triangle, extents([triangle])[0])
    assert mask[0, 0]
    assert not mask[-1, -1]
    assert mask.mean() == pytest.approx(0.5, abs=0.02)


def test_a_box_mask_shows_only_the_part_inside_its_box() -> None:
    mask = box_mask(square(0, 0, 20), np.array([0.5, 0.5, 40.5, 20.5]), side=40)
    assert mask[:19].all()
    assert not mask[21:].any()


def test_collate_pads_with_zeros_and_drops_instances_without_a_slot() -> None:
    samples = [
        AugmentedSample(
            image=np.ones((2, 2, 3)),
            boxes=np.full((n, 4), 5.0),
            class_ids=np.full(n, -1),
            masks=np.ones((n, 2, 2)),
        )
        for n in (0, 1, 4)
    ]
    images, targets = collate(samples, slots=3)
    assert images.shape == (3, 2, 2, 3)
    assert {key: value.shape for key, value in targets.items()} == {
        "boxes": (3, 3, 4),
        "class_ids": (3, 3),
        "masks": (3, 3, 2, 2),
    }
    assert targets["class_ids"].tolist() == [[0, 0, 0], [-1, 0, 0], [-1, -1, -1]]
    assert (targets["boxes"][1] == [[5] * 4, [0] * 4, [0] * 4]).all()
    assert targets["masks"][1].any(axis=(1, 2)).tolist() == [True, False, False]


def test_loading_shrinks_large_photos_and_their_outlines(tmp_path: Path) -> None:
    one = sample(POLYGON, shape=(100, 120))
    Image.fromarray(one.image).save(tmp_path / "a.png")
    photo = Photo(tmp_path / "a.png", 120, 100, (Region("hat", POLYGON, False, 0, CLASSES),))
    (same,), (small,) = load_samples([photo], 120), load_samples([photo], 60)
    np.testing.assert_array_equal(same.image, one.image)
    np.testing.assert_allclose(same.polygons[0], stretch_to_pixels(POLYGON))
    assert small.image.shape == (50, 60, 3)
    assert small.class_ids.tolist() == [2]
    np.testing.assert_allclose(extents(small.polygons), extents(same.polygons) / 2)


def test_each_pass_uses_every_photo_once_in_its_own_order() -> None:
    dataset = batches(steps=10)
    drawn = [number for index in range(10) for number in numbers(dataset, index)]
    passes = [drawn[start : start + 5] for start in range(0, 20, 5)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in passes)
    assert len({tuple(one) for one in passes}) > 1


def test_batches_depend_only_on_seed_and_sample_number() -> None:
    straight, resumed = batches(jitter=STRONG), batches(jitter=STRONG, start=PASS)
    straight.on_epoch_end()
    for index in (3, 0):  # in any order
        np.testing.assert_array_equal(straight[index][0], resumed[index][0])
        for key, value in resumed[index][1].items():
            np.testing.assert_array_equal(straight[index][1][key], value)
    other = batches(jitter=STRONG, start=PASS, seed=8)
    assert (other[0][0] != resumed[0][0]).any()


def test_epochs_differ_and_views_of_one_photo_differ() -> None:
    dataset = batches(count=1, jitter=STRONG)
    first, second = dataset[0][0]
    assert (first != second).any()
    dataset.on_epoch_end()
    assert (dataset[0][0][0] != first).any()


def test_augmented_batches_are_reproducible() -> None:
    spec = [{"Affine": {"rotate": [-45, 45]}}]
    (images, targets), (same, again) = (batches(augmenter=augment.build(spec))[1] for _ in range(2))
    np.testing.assert_array_equal(images, same)
    np.testing.assert_array_equal(targets["boxes"], again["boxes"])


def test_unshuffled_batches_are_in_file_order_in_every_epoch() -> None:
    dataset = batches(shuffle=False, steps=3)
    for _ in range(2):
        assert [numbers(dataset, index) for index in range(len(dataset))] == [[0, 1], [2, 3], [4, 0]]
        dataset.on_epoch_end()
    expected = augment_sample(dataset.draws.samples[2], SIZE, SIZE, Jitter(), None, np.random.default_rng(99))
    np.testing.assert_array_equal(dataset[1][0][0], expected.image)
