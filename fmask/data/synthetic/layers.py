"""Pictures as stacks of painted shapes, from which the visible part of a worn item is computed exactly.

The annotation is computed from the same shapes that are painted, so outlines and pixels always agree.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import cv2
import numpy as np
from shapely import Geometry, Polygon, box, get_coordinates, union_all

Colour = tuple[float, float, float]
"""RGB in [0, 255]."""
Pattern = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Function of photo coordinates x (1, w) and y (h, 1) to the weight of the ink, in [0, 1]: float32 (h, w)."""

SUPERSAMPLING = 2
"""Scale of the canvas relative to the photo while painting."""
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Paint:
    """The appearance of a shape."""

    colour: Colour
    roundness: float = 0.6
    """0: evenly lit; 1: lit like an ellipsoid that fills the shape's bounding box."""
    gloss: float = 0.0
    """Strength of the highlight, in [0, 1]."""
    grain: float = 0.06
    """Strength of the cloudy texture, as a share of the colour."""
    pattern: Pattern | None = None
    ink: Colour = (0, 0, 0)
    """Colour of the pattern."""
    opacity: float = 1.0
    softness: float = 0.0
    """Standard deviation of the blurred edge in photo pixels."""


@dataclass(frozen=True, eq=False)
class Item:
    """A worn thing, or the bare part of a head, which consists of one or more layers."""

    label: str
    """Its class: `mask`, `hat`, or `head`."""
    kind: str
    """What kind of mask or hat it is, such as `hard_hat`; `head` for a head."""


@dataclass(frozen=True)
class Layer:
    """A painted shape, which belongs to `item` if it is part of a mask, hat or head."""

    shape: Geometry
    paint: Paint
    item: Item | None = None

    @property
    def hides(self) -> bool:
        """Whether the layer hides items below it; translucent ones, such as shadows and glasses, do not."""
        return self.paint.opacity == 1


def visible(layers: list[Layer], item: Item, width: int, height: int) -> Geometry:
    """Return the part of `item` that is inside the photo and not hidden by later layers."""
    seen: list[Geometry] = []
    cover: list[Geometry] = []
    for worn, run in groupby(reversed([layer for layer in layers if layer.hides]), lambda layer: layer.item is item):
        shapes = [layer.shape for layer in run]
        if worn:
            seen.append(union_all(shapes).difference(union_all(cover)))
        else:
            cover += shapes
    return union_all(seen).intersection(box(0, 0, width - 1, height - 1))


def largest_piece(geometry: Geometry) -> Polygon:
    """Return the polygon of largest area in `geometry`, or an empty polygon."""
    return max(polygons(geometry), key=lambda piece: piece.area, default=Polygon())


def polygons(geometry: Geometry) -> list[Polygon]:
    """Return all non-empty polygons in `geometry`, without lines and points."""
    if isinstance(geometry, Polygon):
        return [] if geometry.is_empty else [geometry]
    return [piece for part in getattr(geometry, "geoms", ()) for piece in polygons(part)]


def paint(background: np.ndarray, layers: Iterable[Layer], light: np.ndarray) -> np.ndarray:
    """Paint `layers` in order over `background`.

    Args:
        background: (H, W, 3) float32.
        light: (3,) unit vector towards the light, with x to the right, y down and z towards the camera.

    Returns:
        (H, W, 3) float32, anti-aliased by painting at `SUPERSAMPLING` times the resolution.
    """
    height, width = background.shape[:2]
    # One plane per channel: NumPy is several times faster than with a last axis of 3.
    planes = cv2.split(cv2.resize(background, (width * SUPERSAMPLING, height * SUPERSAMPLING)))
    for layer in layers:
        if not layer.shape.is_empty:
            _paint_layer(planes, layer, light.tolist())
    return cv2.resize(cv2.merge(planes), (width, height), interpolation=cv2.INTER_AREA)


def _paint_layer(planes: Sequence[np.ndarray], layer: Layer, light: list[float]) -> None:
    look = layer.paint
    height, width = planes[0].shape
    margin = 3 * look.softness * SUPERSAMPLING
    x0, y0, x1, y1 = _to_canvas(np.array(layer.shape.bounds)).tolist()
    left, top = max(int(x0 - margin), 0), max(int(y0 - margin), 0)
    right, bottom = min(int(x1 + margin) + 2, width), min(int(y1 + margin) + 2, height)
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right, dtype=np.float32)[None]
    y = np.arange(top, bottom, dtype=np.float32)[:, None]
    shade = 1 + look.grain * _clouds()[top:bottom, left:right]
    # Coordinates in [-1, 1] on the ellipsoid that fills the bounding box.
    across, down = (x - (x0 + x1) / 2) * (2 / (x1 - x0 + 1)), (y - (y0 + y1) / 2) * (2 / (y1 - y0 + 1))
    if look.roundness:
        shade *= _lambert(across, down, light, look.roundness)
    highlight = _highlight(across, down, light, look.gloss) if look.gloss else 0.0
    alpha: np.ndarray = _coverage(layer.shape, left, top, shade.shape) * look.opacity
    if look.softness:
        alpha = cv2.GaussianBlur(alpha, (0, 0), look.softness * SUPERSAMPLING)
    inked = None if look.pattern is None else look.pattern(_to_photo(x), _to_photo(y))
    for plane, colour, ink in zip(planes, look.colour, look.ink, strict=True):
        region = plane[top:bottom, left:right]
        tone = colour if inked is None else colour + inked * (ink - colour)
        region += alpha * (tone * shade + highlight - region)


def _to_canvas(photo: np.ndarray) -> np.ndarray:
    return (photo + 0.5) * SUPERSAMPLING - 0.5


def _to_photo(canvas: np.ndarray) -> np.ndarray:
    return (canvas + 0.5) / SUPERSAMPLING - 0.5


def _coverage(shape: Geometry, left: int, top: int, size: tuple[int, ...]) -> np.ndarray:
    """Return the coverage (h, w) float32: 1 inside, 1/2 for pixels on the edge, which are half inside on average."""
    coverage = np.zeros(size, np.float32)
    for piece in polygons(shape):
        rings = [get_coordinates(ring) for ring in (piece.exterior, *piece.interiors)]
        corners = [_to_canvas(ring) - (left, top) for ring in rings]
        scaled = [np.round(corner * 2**_SUBPIXEL_BITS).astype(np.int32) for corner in corners]
        cv2.fillPoly(coverage, scaled, 1, shift=_SUBPIXEL_BITS)
        cv2.polylines(coverage, scaled, True, 0.5, shift=_SUBPIXEL_BITS)
    return coverage


def _lambert(x: np.ndarray, y: np.ndarray, light: list[float], roundness: float) -> np.ndarray:
    """Return the diffuse brightness of a unit sphere at x, y."""
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    diffuse = np.maximum(x * light[0] + y * light[1] + z * light[2], 0)
    return 1 - roundness * 0.62 * (1 - diffuse)


def _highlight(x: np.ndarray, y: np.ndarray, light: list[float], gloss: float) -> np.ndarray:
    """Return the brightness, in [0, 255], of the highlight at x, y of a unit sphere."""
    distance = (x - 0.6 * light[0]) ** 2 + (y - 0.6 * light[1]) ** 2
    return 170 * gloss * np.exp(-distance * 14)


@cache
def _clouds() -> np.ndarray:
    """Return fine noise added to coarse noise: (2048, 2048) float32, standard deviation about 1."""
    rng = np.random.default_rng(0)
    coarse = cv2.resize(rng.standard_normal((64, 64), np.float32), (2048, 2048), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.standard_normal((512, 512), np.float32), (2048, 2048), interpolation=cv2.INTER_LINEAR)
    return 0.8 * coarse + 0.3 * fine
