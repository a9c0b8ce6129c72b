"""Augmenters named in YAML: what `conf/aug/*.yaml` says, as imgaug does it.

An augmenter is written as a mapping with one key, the name of an imgaug class, and its arguments:

    Affine: {rotate: [-45, 45]}

A list where imgaug takes a range means that range; a nested augmenter or a list of them is written the same way.
Outlines follow geometric augmenters exactly, since their corners are moved and not their pixels; colour ones leave
them where they are.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from fmask.utils.errors import UserError

TRIES = 8
"""Draws that an augmenter is tried in before it is taken: what it does may be left to chance."""


def build(spec: Sequence[Any]) -> Any:
    """The imgaug augmenter that applies `spec`, a list of augmenters, one after the other; None for an empty list.

    Raises:
        UserError: an augmenter that imgaug does not have, arguments that it refuses, or a photo that changes its size.
    """
    if not spec:
        return None
    iaa = _imgaug().augmenters
    augmenter = iaa.Sequential([_one(iaa, item) for item in spec])
    photo = np.zeros((64, 64, 3), np.uint8)
    try:
        changed = augmenter.augment_images([photo] * TRIES)
    except Exception as error:  # some arguments are looked at no earlier
        raise UserError(f"aug: {list(spec)} cannot change a photo: {error}.") from error
    for each in changed:
        _check_size(photo, each, str(list(spec)))
    return augmenter


def apply(
    augmenter: Any, image: np.ndarray, polygons: list[np.ndarray], seed: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Augments an image, uint8 (H, W, 3), with its outlines, each (n, 2) of x, y in pixels; `seed` decides the draw.

    Raises:
        UserError: this draw changes the photo's size, as those that `build` tried did not.
    """
    # imgaug's augmenters carry their random state, so that each call gets its own copy to seed.
    drawn = copy.deepcopy(augmenter)
    drawn.seed_(seed)
    drawn = drawn.to_deterministic()
    changed = drawn.augment_image(image)
    _check_size(image, changed, f"[{', '.join(type(each).__name__ for each in augmenter)}]")
    if not polygons:
        return changed, polygons
    ia = _imgaug()
    # To imgaug whole numbers are the pixels' edges; to outlines they are the pixels' centres.
    points = [ia.Keypoint(x=x + 0.5, y=y + 0.5) for polygon in polygons for x, y in polygon]
    moved = drawn.augment_keypoints(ia.KeypointsOnImage(points, shape=image.shape)).to_xy_array() - 0.5
    return changed, np.split(moved, np.cumsum([len(polygon) for polygon in polygons])[:-1])


def _check_size(photo: np.ndarray, changed: np.ndarray, what: str) -> None:
    if changed.shape != photo.shape:
        (height, width), (before, across) = changed.shape[:2], photo.shape[:2]
        raise UserError(
            f"aug: {what} makes {width} x {height} pixels of {across} x {before}; a photo must keep its size."
        )


def _one(iaa: Any, item: Any) -> Any:
    if not isinstance(item, dict) or len(item) != 1:
        raise UserError(
            f"aug: an augmenter is one imgaug name with its arguments, such as 'Fliplr: {{p: 0.5}}'; found {item!r}."
        )
    ((name, arguments),) = item.items()
    kind = getattr(iaa, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, iaa.Augmenter)):
        raise UserError(
            f"aug: imgaug has no augmenter called {name!r}; see imgaug's overview of augmenters for the names."
        )
    try:
        return kind(**{key: _argument(iaa, value) for key, value in (arguments or {}).items()})
    except UserError:
        raise
    except Exception as error:  # whatever imgaug raises for arguments it does not know or take
        raise UserError(f"aug: {name} does not take {arguments!r}: {str(error).rstrip('.')}.") from error


def _argument(iaa: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return _one(iaa, value)
    if isinstance(value, list):
        if value and all(isinstance(item, dict) for item in value):
            return [_one(iaa, item) for item in value]
        return tuple(value)
    return value


def _imgaug() -> Any:
    # imgaug 0.4.0 was written for NumPy 1 and asks for names that NumPy 2 no longer has.
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
