"""Build imgaug augmenters from YAML (`conf/aug/*.yaml`), and apply them to images and outlines.

An augmenter is a mapping of one imgaug class name to its arguments:

    Affine: {rotate: [-45, 45]}

A list becomes a tuple, which imgaug reads as a range. Nested augmenters, or lists of them, are written in the same way.
Geometric augmenters move the corners of outlines, not pixels, so outlines stay exact; colour augmenters do not change
them.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from fmask.utils.errors import UserError

TRIAL_DRAWS = 8
"""Number of random draws in which `build` tests an augmenter, whose effect may be random."""
_TRIAL_OUTLINE = np.array([[20.0, 10.0], [50.0, 30.0], [10.0, 50.0]])
"""An outline in the photo of 64 x 64 pixels that `build` tests an augmenter with."""
_TEARING = frozenset({"Jigsaw"})
"""imgaug's augmenters that move neighbouring pixels apart: an outline whose corners move does not stay around them."""


def build(spec: Sequence[Any]) -> Any:
    """Build the imgaug augmenter that applies a list of augmenters in order, and test it.

    Args:
        spec: augmenters in the notation of this module.

    Returns:
        The augmenter; None for an empty list.

    Raises:
        UserError: imgaug does not have an augmenter or refuses its arguments, the size of a photo changes, or outlines
            cannot follow the pixels.
    """
    if not spec:
        return None
    iaa = _imgaug().augmenters
    augmenter = iaa.Sequential([_build_one(iaa, item) for item in spec])
    photo = np.zeros((64, 64, 3), np.uint8)
    try:
        changed = augmenter.augment_images([photo] * TRIAL_DRAWS)
        augmenter.augment_keypoints([_keypoints(_TRIAL_OUTLINE, photo)] * TRIAL_DRAWS)
    except Exception as error:  # imgaug checks some arguments only here
        raise UserError(f"aug: {list(spec)} cannot be applied to a photo and its outlines: {error}.") from error
    for each in changed:
        _check_size(photo, each, str(list(spec)))
    return augmenter


def apply(
    augmenter: Any, image: np.ndarray, polygons: list[np.ndarray], seed: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Augment an image and its outlines.

    Args:
        augmenter: a result of `build`.
        image: uint8 (H, W, 3).
        polygons: outlines (n, 2), x and y in pixels.
        seed: seed of the random draw.

    Returns:
        The changed image and outlines, in the same order.

    Raises:
        UserError: this draw changes the size of the photo, unlike those that `build` tested.
    """
    # imgaug augmenters carry their random state, so each call seeds a copy.
    drawn = copy.deepcopy(augmenter)
    drawn.seed_(seed)
    drawn = drawn.to_deterministic()
    changed = drawn.augment_image(image)
    _check_size(image, changed, f"[{', '.join(type(each).__name__ for each in augmenter)}]")
    if not polygons:
        return changed, polygons
    moved = drawn.augment_keypoints(_keypoints(np.concatenate(polygons), image)).to_xy_array() - 0.5
    return changed, np.split(moved, np.cumsum([len(polygon) for polygon in polygons])[:-1])


def _keypoints(points: np.ndarray, image: np.ndarray) -> Any:
    """Return points (n, 2) of an image for imgaug, where whole numbers are pixel edges instead of pixel centres."""
    ia = _imgaug()
    return ia.KeypointsOnImage([ia.Keypoint(x=x + 0.5, y=y + 0.5) for x, y in points], shape=image.shape)


def _check_size(photo: np.ndarray, changed: np.ndarray, augmenters: str) -> None:
    if changed.shape != photo.shape:
        (height, width), (new_height, new_width) = photo.shape[:2], changed.shape[:2]
        raise UserError(
            f"aug: {augmenters} must keep the size of a photo, not change {width} x {height} pixels to "
            f"{new_width} x {new_height}."
        )


def _build_one(iaa: Any, item: Any) -> Any:
    """Build the augmenter of a mapping from one class name to its arguments."""
    if not isinstance(item, dict) or len(item) != 1:
        raise UserError(
            f"aug: an augmenter must be one imgaug class with its arguments, as in 'Fliplr: {{p: 0.5}}', not {item!r}."
        )
    ((name, arguments),) = item.items()
    kind = getattr(iaa, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, iaa.Augmenter)):
        raise UserError(
            f"aug: imgaug has no augmenter called {name!r}; its documentation has an overview of all augmenters."
        )
    if name in _TEARING:
        raise UserError(f"aug: {name} tears outlines apart; an augmenter must keep the pixels of an object together.")
    try:
        return kind(**{key: _argument(iaa, value) for key, value in (arguments or {}).items()})
    except UserError:
        raise
    except Exception as error:  # imgaug raises many kinds of exceptions for bad arguments
        raise UserError(f"aug: {name} does not accept {arguments!r}: {str(error).rstrip('.')}.") from error


def _argument(iaa: Any, value: Any) -> Any:
    """Convert an argument from YAML: a mapping to an augmenter, a list to a tuple or to a list of augmenters."""
    if isinstance(value, dict):
        return _build_one(iaa, value)
    if isinstance(value, list):
        if value and all(isinstance(item, dict) for item in value):
            return [_build_one(iaa, item) for item in value]
        return tuple(value)
    return value


def _imgaug() -> Any:
    """Import imgaug 0.4.0, which was written for NumPy 1 and needs names that NumPy 2 no longer has."""
    if not hasattr(np, "sctypes"):
        np.sctypes = {  # type: ignore[attr-defined]
            "int": [np.int8, np.int16, np.int32, np.int64],
            "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
            "float": [np.float16, np.float32, np.float64],
        }
    for name, kind in (("bool", bool), ("int", int), ("float", float), ("complex", complex)):
        if name not in np.__dict__:
            setattr(np, name, kind)
    import imgaug
    import imgaug.augmenters

    return imgaug
