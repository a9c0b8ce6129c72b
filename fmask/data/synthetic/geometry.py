"""Where things sit on a head, and the shapes they are made of.

A head's own frame has its origin on the head's axis at the eyes' height, x right, y down, z out of the face, in units
of half the head's width: the crown is at y = -1.3, the chin at y = 1.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import Geometry

FACE_HEIGHT = 1.3
_CIRCLE = np.array([(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 40, endpoint=False)])


@dataclass(frozen=True)
class Pose:
    """Where a head is in the photo and how it is turned. Angles in radians."""

    x: float
    y: float
    size: float
    """Half the head's width, photo pixels."""
    roll: float
    yaw: float
    """Positive: the face turns to the photo's right."""
    nod: float
    """Positive: the face looks down."""
    jaw: float = 2.6
    """Exponent of the jaw's narrowing: 2.2 is pointed, 3.2 is square."""

    def flat(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) points of the head's frame, seen without yaw and nod, in photo pixels."""
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return np.asarray(points) @ np.array([[cos, sin], [-sin, cos]]) * self.size + (self.x, self.y)

    def project(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) points of the head's frame, turned and seen from far away, in photo pixels."""
        x, y, z = np.asarray(points, float).T
        x, z = x * np.cos(self.yaw) + z * np.sin(self.yaw), z * np.cos(self.yaw) - x * np.sin(self.yaw)
        return self.flat(np.stack([x, y * np.cos(self.nod) + z * np.sin(self.nod)], axis=1))

    def wrap(self, points: np.ndarray, lift: float | np.ndarray = 0.0, reach: float = 1.0) -> np.ndarray:
        """Lay points on the head's surface; those on its far side go to its edge.

        Args:
            points: (n, 2) angle from the nose in radians, and y.
            lift: how far off the surface.
            reach: the surface's width is taken at `reach * y`: below 1 the jaw narrows less, as under cloth.
        """
        angle, y = np.asarray(points, float).T
        angle = np.minimum(np.maximum(angle + self.yaw, -np.pi / 2), np.pi / 2)
        radius = self.half_width(y * reach) + lift
        x, z = radius * np.sin(angle), radius * np.cos(angle)
        return self.flat(np.stack([x, y + z * np.sin(self.nod)], axis=1))

    def half_width(self, y: np.ndarray) -> np.ndarray:
        """Half the head's width at height `y`."""
        down = np.minimum(np.abs(y) / FACE_HEIGHT, 1)
        above = y < 0
        return (1 - down ** np.where(above, 2.4, self.jaw)) ** np.where(above, 0.5, 0.72)


def smooth(points: np.ndarray, steps: int = 8) -> np.ndarray:
    """A closed Catmull-Rom curve through (n, 2) points, as (n * steps, 2)."""
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
    """The right half of an outline, from top to bottom, completed by its mirror image."""
    half = np.asarray(points, float)
    return np.concatenate([half, (half * (-1, 1))[::-1]])


def polygon(points: np.ndarray) -> Geometry:
    """A valid shape with this outline."""
    outline = shapely.polygons(points)
    return outline if outline.is_valid else outline.buffer(0)


def hull(points: np.ndarray) -> Geometry:
    """The silhouette of a convex body."""
    return shapely.multipoints(points).convex_hull


def ellipse(x: float, y: float, a: float, b: float) -> np.ndarray:
    """(40, 2) points of an ellipse's outline."""
    return _CIRCLE * (a, b) + (x, y)


def ring(radius: float | np.ndarray, y: float | np.ndarray, depth: float = 1.1) -> np.ndarray:
    """(48, 3) points of a level ring around the head, `depth` times as deep as wide, from the back round."""
    angle = np.linspace(-np.pi, np.pi, 48, endpoint=False)
    x, z = radius * np.sin(angle), radius * depth * np.cos(angle)
    return np.stack([x, np.broadcast_to(y, x.shape), z], axis=1)


def dome(radius: float, y: float, height: float, depth: float = 1.1, power: float = 1.0) -> np.ndarray:
    """(n, 3) points of a vault over the head that stands at `y`. A `power` below 1 makes it boxy, above 1 pointed."""
    rise = np.linspace(0, np.pi / 2, 10)
    return np.concatenate([ring(radius * np.cos(a) ** power, y - height * np.sin(a), depth) for a in rise])


def line(points: np.ndarray, thickness: float) -> Geometry:
    """A stroke through (n, 2) points, `thickness` wide."""
    return shapely.buffer(shapely.linestrings(points), thickness / 2, quad_segs=3)
