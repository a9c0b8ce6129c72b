"""Recorded outputs of the reference, matterport's Mask R-CNN, on an image given by a formula, and their comparison."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

SIZE = 128
"""Side in pixels of the network's input."""
BORDER = 1 - 1e-6
"""Regions that end beyond this normalised coordinate are not compared after pooling. In the reference, rounding
decides whether the last row or column of a region that ends at the border is pooled or zero; here it is pooled."""

Arrays = Mapping[str, np.ndarray]


def formula() -> np.ndarray:
    """Return the image given by a formula, uint8 (200, 150, 3)."""
    y, x = np.mgrid[:200, :150].astype(np.float64)
    channels = [
        127.5 + 80 * np.sin(x / (7 + 3 * c) + c) * np.cos(y / (11 - 2 * c)) + 40 * np.sign(np.sin((x + y) / (17 + c)))
        for c in range(3)
    ]
    return np.rint(np.clip(np.stack(channels, axis=-1), 0, 255)).astype(np.uint8)


def recorded_on_formula(backbone: str) -> Arrays:
    """Return the reference's outputs on the formula image; of large arrays, values at random positions."""
    with np.load(Path(__file__).with_name("formula_cal.npz")) as file:
        np.testing.assert_array_equal(formula()[100, 75], file["image_100_75"])
        own = f"{backbone}/"
        return {name.removeprefix(own): file[name] for name in file.files if name.startswith(own)}


def assert_stages(found: Arrays, expected: Arrays) -> None:
    """Compare the output of each stage on the formula image with the recorded output."""
    regions = found["rpn_rois"][0]
    assert distances(regions, expected["rpn_rois"]).min(axis=0).max() < 1e-4
    inside = (regions[:, 2:] < BORDER).all(axis=1)
    assert inside.mean() > 0.7
    for name in (key.removesuffix("/value") for key in expected if key.endswith("/value")):
        assert found[name].shape == tuple(expected[f"{name}/shape"])
        index = expected[f"{name}/index"]
        pooled = name in ("mrcnn_class", "mrcnn_bbox")
        chosen = inside[np.unravel_index(index, found[name].shape)[1]] if pooled else slice(None)
        assert_near(found[name].reshape(-1)[index][chosen], expected[f"{name}/value"][chosen], name)
    # Detections from regions at the border, or suppressed by them, may be lost.
    assert lost(found["detections"][0], expected["detections"]) <= 5


def assert_near(found: np.ndarray, expected: np.ndarray, name: str) -> None:
    error = np.abs(found - expected) / np.abs(expected).mean()
    assert error.max() <= 1e-3, name
    assert np.median(error) <= 1e-4, name


def distances(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the largest difference between the rows of each pair, (found, expected)."""
    return np.abs(found[:, None] - expected[None]).max(axis=-1)


def lost(found: np.ndarray, expected: np.ndarray) -> int:
    """Return the number of expected detections that are not found; both must have the same number of detections.

    Detections are (D, 6) as the reference lists them: box, class, score.
    """
    found, expected = found[found[:, 4] > 0], expected[expected[:, 4] > 0]
    assert len(found) == len(expected)
    return int((distances(found, expected).min(axis=0) > 1e-4).sum())
