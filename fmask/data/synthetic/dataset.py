"""Render a data set: drawn photos of people with and without face masks and hats, with exact outlines.

The data set is for tests and for machines without the study's photos. Its framing follows the study: mostly one person,
head and shoulders; hats cover about 2 to 15 % of a photo, masks 1 to 6 %; each test photo shows one person with both.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from shapely import Polygon, union_all

from fmask.data.config import ATTRIBUTE, SPLITS
from fmask.data.formats.via import write_split
from fmask.data.synthetic.backgrounds import draw_background
from fmask.data.synthetic.geometry import Pose
from fmask.data.synthetic.hats import HATS
from fmask.data.synthetic.layers import Layer, largest_piece, paint, visible
from fmask.data.synthetic.masks import MASKS
from fmask.data.synthetic.people import HEAD, draw_person
from fmask.structures.annotations import Photo, Region
from fmask.utils.errors import UserError

CLASSES = ("mask", "hat")
"""The worn items."""
KINDS = (*MASKS, *HATS)
"""The kinds of the worn items."""
KIND = "kind"
"""The attribute of the annotations of a data set whose labels are `KINDS` instead of `CLASSES`."""
Labels = Literal["items", "kinds", "heads"]
"""What is annotated: masks and hats; masks and hats by their kind, in the attribute `KIND`; or masks, hats and the bare
part of each head, as the class `HEAD`. The photos are the same."""
_CLASSES: dict[Labels, tuple[str, ...]] = {"items": CLASSES, "kinds": KINDS, "heads": (*CLASSES, HEAD)}
COUNTS: Mapping[str, int] = {"train": 400, "val": 44, "test": 30}
"""Default number of photos in each split."""
SIZE_RANGE = (64, 1024)
"""Smallest and largest longer side of a photo in pixels."""

_VERSION = 1
"""To be raised when the same seed gives other pictures, so that old ones are not reused."""
_ASPECTS = ((4, 4), (4, 3), (3, 4), (6, 4), (4, 6))
"""Width to height."""
_MIN_AREA = 30
"""Smallest area in pixels of a mask or hat; the smallest in the study is larger."""
_MIN_VISIBLE = 0.45
"""Smallest share of an item that is visible."""
_MIN_VISIBLE_HEAD = 0.15
"""Smallest share of a head that is bare and visible; heads of which less is seen are ignored."""
_MIN_IN_ONE_PIECE = 0.93
"""Smallest share of an item's visible area in its outline, less the holes in the outline."""


@dataclass(frozen=True)
class Scene:
    """A photo of H x W pixels before it is painted."""

    background: np.ndarray
    """(H, W, 3) float32 RGB in [0, 255]."""
    layers: list[Layer]
    light: np.ndarray
    """(3,) unit vector towards the light."""
    regions: tuple[Region, ...]
    """The visible part of each item, in drawing order."""


def ensure_rendered(
    root: Path, seed: int = 0, counts: Mapping[str, int] = COUNTS, size: int = 256, labels: Labels = "items"
) -> Path:
    """Return the folder below `root` with this data set, which is rendered if it does not exist.

    Arguments are those of `render_dataset`.

    Several processes may call this at once: each renders into a temporary folder, and the first to finish wins.
    """
    amounts = "x".join(str(counts.get(split)) for split in SPLITS)
    suffix = "" if labels == "items" else f"-{labels}"
    folder = Path(root) / f"rendered-v{_VERSION}-seed{seed}-{amounts}-{size}px{suffix}"
    if not folder.is_dir():
        try:
            render_dataset(folder, seed, counts, size, labels)
        except (OSError, UserError):
            if not folder.is_dir():  # otherwise another process was faster
                raise
    return folder


def render_dataset(root: Path, seed: int, counts: Mapping[str, int], size: int, labels: Labels = "items") -> None:
    """Render a data set: `root/train`, `root/val` and `root/test`, each with JPEG files and their VIA annotations.

    On one machine, the same arguments give the same bytes, and a larger count does not change the earlier photos. The
    folder `root` appears only when it is complete.

    Args:
        root: a folder that does not exist or is empty.
        seed: at least 0.
        counts: number of photos in each split.
        size: longer side in pixels, within `SIZE_RANGE`; photos are square, portrait or landscape.
        labels: what is annotated.

    Raises:
        UserError: an argument is out of range, or `root` is not empty.
    """
    root = Path(root)
    _check(root, seed, counts, size)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{root.name}.", dir=root.parent) as scratch:
        draft = Path(scratch, root.name)
        for split_index, split in enumerate(SPLITS):
            folder = draft / split
            folder.mkdir(parents=True)
            photos = []
            for index in range(counts[split]):
                rng = np.random.default_rng([seed, split_index, index])
                photos.append(_take_photo(rng, folder / f"{split}_{index:05d}.jpg", size, split == "test", labels))
            write_split(folder, photos, KIND if labels == "kinds" else ATTRIBUTE)
        draft.rename(root)


def draw_scene(rng: np.random.Generator, size: int, as_test: bool, labels: Labels = "items") -> Scene:
    """Draw random scenes until every worn item is visible enough to be outlined.

    Args:
        rng: source of all random draws.
        size: longer side in pixels.
        as_test: whether the scene shows exactly one person, with a mask and a hat.
        labels: what is annotated.
    """
    long, short = _ASPECTS[rng.choice(len(_ASPECTS), p=[0.25, 0.25, 0.15, 0.2, 0.15])]
    width, height = (round(side * size / max(long, short)) for side in (long, short))
    while True:
        layers = _draw_people(rng, width, height, as_test)
        regions = outline_items(layers, width, height, labels)
        if regions is not None:
            break
    direction = np.array([rng.uniform(-0.7, 0.7), rng.uniform(-0.8, 0.1), rng.uniform(0.5, 1)])
    background = draw_background(rng, width, height)
    return Scene(background, layers, direction / np.linalg.norm(direction), regions)


def _check(root: Path, seed: int, counts: Mapping[str, int], size: int) -> None:
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(f"{root} already exists and is not empty; rendered photos need a new or empty folder.")
    if seed < 0:
        raise UserError(f"seed must be at least 0, not {seed}.")
    if set(counts) != set(SPLITS) or min(counts.values()) < 1:
        raise UserError(f"counts must have at least one photo for each of {', '.join(SPLITS)}, not {dict(counts)}.")
    if not SIZE_RANGE[0] <= size <= SIZE_RANGE[1]:
        raise UserError(f"size must be between {SIZE_RANGE[0]} and {SIZE_RANGE[1]} pixels, not {size}.")


def _take_photo(rng: np.random.Generator, path: Path, size: int, as_test: bool, labels: Labels) -> Photo:
    scene = draw_scene(rng, size, as_test, labels)
    image = expose(rng, paint(scene.background, scene.layers, scene.light))
    quality = int(rng.integers(80, 96))
    written, jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not written:
        raise OSError(f"OpenCV could not encode {path.name}")
    path.write_bytes(jpeg.tobytes())
    height, width = image.shape[:2]
    return Photo(path, width, height, scene.regions)


def _draw_people(rng: np.random.Generator, width: int, height: int, as_test: bool) -> list[Layer]:
    people = 1 if as_test else int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))
    layers: list[Layer] = []
    for index, pose in enumerate(place_heads(rng, people, width, height)):
        # As in the study, each photo has a region: the nearest person always wears something.
        odds = [0.42, 0.42, 0.16, 0.0] if index == people - 1 else [0.18, 0.18, 0.06, 0.58]
        mask, hat = ((True, False), (False, True), (True, True), (False, False))[rng.choice(4, p=odds)]
        layers += draw_person(rng, pose, mask or as_test, hat or as_test, bottom=height)
    return layers


def place_heads(rng: np.random.Generator, people: int, width: int, height: int) -> list[Pose]:
    """Place `people` heads in a photo of `width` x `height` pixels, one in each vertical lane, the nearest one last."""
    lane = width / people
    largest = min(0.27 * height, (0.27 if people > 1 else 0.26) * lane)
    smallest = 0.42 * largest
    poses = []
    for place in range(people):
        size = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
        slack = max(lane - 3.2 * size, 0) / 2
        x = (place + 0.5) * lane + rng.uniform(-slack, slack) * 0.9
        y = rng.uniform(min(1.6 * size, 0.4 * height), max(0.55 * height, 1.9 * size))
        yaw = float(np.clip(rng.normal(0, 0.38), -0.95, 0.95))
        roll, nod = rng.normal(0, 0.13), rng.normal(0.02, 0.1)
        poses.append(Pose(x, y, size, roll, yaw, float(np.clip(nod, -0.22, 0.28)), jaw=rng.uniform(2.2, 3.2)))
    return sorted(poses, key=lambda pose: pose.size)


def outline_items(layers: list[Layer], width: int, height: int, labels: Labels) -> tuple[Region, ...] | None:
    """Return the outline of each item, or None if one is too small, mostly hidden, in pieces, or has large holes.

    Heads are outlined if `labels` has them. A head of which too little is seen is a region to ignore.
    """
    regions: list[Region] = []
    classes = _CLASSES[labels]
    for item in dict.fromkeys(layer.item for layer in layers if layer.item is not None):
        if item.label == HEAD and labels != "heads":
            continue
        seen = visible(layers, item, width, height)
        whole = union_all([layer.shape for layer in layers if layer.item is item])
        piece = largest_piece(seen)
        holes = Polygon(piece.exterior).area - piece.area
        clear = piece.area >= max(_MIN_AREA, _MIN_VISIBLE * whole.area)
        clear = clear and piece.area - holes >= _MIN_IN_ONE_PIECE * seen.area
        if item.label == HEAD:
            if piece.area < _MIN_AREA:
                continue
            clear = piece.area >= _MIN_VISIBLE_HEAD * whole.area
        elif not clear:
            return None
        corners = np.asarray(piece.simplify(0.1).exterior.coords)[:-1]
        label = item.kind if labels == "kinds" else item.label
        regions.append(Region(label, corners.round(2), ignore=not clear, index=len(regions), classes=classes))
    return tuple(regions)


def expose(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Apply a camera's blur, contrast, brightness, colour cast, vignetting and noise, and convert to uint8."""
    height, width = image.shape[:2]
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9) * max(height, width) / 256)
    image = (image - 128) * rng.uniform(0.75, 1.15) + 128
    image *= np.float32(rng.uniform(0.8, 1.25) * rng.normal(1, 0.04, 3))
    if rng.random() < 0.4:
        x, y = np.linspace(-1, 1, width)[None], np.linspace(-1, 1, height)[:, None]
        image *= (1 - rng.uniform(0, 0.35) * (x * x + y * y) / 2)[..., None].astype(np.float32)
    image += rng.standard_normal((height, width, 1), np.float32) * np.float32(rng.uniform(0, 5))
    return np.clip(image, 0, 255).astype(np.uint8)
