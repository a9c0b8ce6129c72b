"""The pose of a head, and shapes in its frame of reference.

The head's frame has its origin on the head's axis at eye level, with x to the right, y down and z out of the face, in
units of half the head's width: the crown is at y = -1.3, the chin at y = 1.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import Geometry

FACE_HEIGHT = 1.3
"""Distance from eye level to the crown and to the chin."""
_CIRCLE = np.array([(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 40, endpoint=False)])


@dataclass(frozen=True)
class Pose:
    """Position and orientation of a head in the photo, with angles in radians."""

    x: float
    y: float
    size: float
    """Half the head's width in photo pixels."""
    roll: float
    yaw: float
    """Positive if the face turns to the right of the photo."""
    nod: float
    """Positive if the face looks down."""
    jaw: float = 2.6
    """Exponent of the jaw's narrowing: 2.2 is a pointed jaw, 3.2 a square one."""

    def flat(self, points: np.ndarray) -> np.ndarray:
        """Convert points (n, 2) from the head's frame to photo pixels, without yaw and nod."""
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return np.asarray(points) @ np.array([[cos, sin], [-sin, cos]]) * self.size + (self.x, self.y)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project points (n, 3) from the head's frame to photo pixels, without perspective."""
        x, y, z = np.asarray(points, float).T
        x, z = x * np.cos(self.yaw) + z * np.sin(self.yaw), z * np.cos(self.yaw) - x * np.sin(self.yaw)
        return self.flat(np.stack([x, y * np.cos(self.nod) + z * np.sin(self.nod)], axis=1))

    def wrap(self, points: np.ndarray, lift: float | np.ndarray = 0.0, reach: float = 1.0) -> np.ndarray:
        """Project points on the head's surface to photo pixels; those on the far side move to the head's edge.

        Args:
            points: (n, 2) angle from the nose in radians, and y.
            lift: distance from the surface.
            reach: the surface has its width at `reach * y`: below 1, the jaw narrows less, as under cloth.
        """
        angle, y = np.asarray(points, float).T
        angle = np.minimum(np.maximum(angle + self.yaw, -np.pi / 2), np.pi / 2)
        radius = self.half_width(y * reach) + lift
        x, z = radius * np.sin(angle), radius * np.cos(angle)
        return self.flat(np.stack([x, y + z * np.sin(self.nod)], axis=1))

    def half_width(self, y: np.ndarray) -> np.ndarray:
        """Return half the head's width at height `y`."""
        down = np.minimum(np.abs(y) / FACE_HEIGHT, 1)
        above = y < 0
        return (1 - down ** np.where(above, 2.4, self.jaw)) ** np.where(above, 0.5, 0.72)


def smooth(points: np.ndarray, steps: int = 8) -> np.ndarray:
    """Return a closed Catmull-Rom curve (n * steps, 2) through points (n, 2)."""
    p = np.asarray(points, float)
    before, after, beyond = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    curve = (
        2 * p
        + (after - before) * t
        + (2 * before - 5 * p + 4 * after - beyond) * t**2
        + (3 * p - before - 3 * after + beyond) * t**3
    ) / 2
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def mirrored(points: Sequence[tuple[float, float]] | np.ndarray) -> np.ndarray:
    """Complete the right half of an outline, given from top to bottom, by its mirror image."""
    half = np.asarray(points, float)
    return np.concatenate([half, (half * (-1, 1))[::-1]])


def polygon(points: np.ndarray) -> Geometry:
    """Return a valid shape with this outline (n, 2)."""
    outline = shapely.polygons(points)
    return outline if outline.is_valid else outline.buffer(0)


def hull(points: np.ndarray) -> Geometry:
    """Return the convex hull of points (n, 2): the silhouette of a convex body."""
    return shapely.multipoints(points).convex_hull


def ellipse(x: float, y: float, a: float, b: float) -> np.ndarray:
    """Return the outline (40, 2) of an ellipse with centre x, y and half-axes a, b."""
    return _CIRCLE * (a, b) + (x, y)


def ring(radius: float | np.ndarray, y: float | np.ndarray, depth: float = 1.1) -> np.ndarray:
    """Return points (48, 3) of a horizontal ring around the head, `depth` times as deep as wide, starting behind."""
    angle = np.linspace(-np.pi, np.pi, 48, endpoint=False)
    x, z = radius * np.sin(angle), radius * depth * np.cos(angle)
    return np.stack([x, np.broadcast_to(y, x.shape), z], axis=1)


def dome(radius: float, y: float, height: float, depth: float = 1.1, power: float = 1.0) -> np.ndarray:
    """Return points (n, 3) of a dome over the head with its base at `y`; `power` < 1 is boxy, > 1 pointed."""
    rise = np.linspace(0, np.pi / 2, 10)
    return np.concatenate([ring(radius * np.cos(a) ** power, y - height * np.sin(a), depth) for a in rise])


def line(points: np.ndarray, thickness: float) -> Geometry:
    """Return a stroke through points (n, 2), `thickness` wide."""
    return shapely.buffer(shapely.linestrings(points), thickness / 2, quad_segs=3)
