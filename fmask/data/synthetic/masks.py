"""Face masks: surgical, cloth, respirator. As in the study's outlines, straps are not part of the mask."""

import numpy as np
from shapely import Geometry

from fmask.data.synthetic.colours import BLACK, WHITE, any_colour, any_print, choose, scaled
from fmask.data.synthetic.geometry import Pose, ellipse, line, mirrored, polygon, smooth
from fmask.data.synthetic.layers import Colour, Item, Layer, Paint

MASKS = ("surgical", "cloth", "respirator")
"""The kinds of masks."""

_SURGICAL: list[Colour] = [
    (168, 206, 226), (150, 196, 214), (236, 240, 242), (236, 240, 242), (160, 214, 196), (236, 190, 204), BLACK,
]  # fmt: skip
_RESPIRATOR: list[Colour] = [WHITE, WHITE, (228, 226, 216), (170, 176, 182), (206, 218, 232), BLACK]


def draw_mask(rng: np.random.Generator, pose: Pose) -> list[Layer]:
    """Draw a random mask over nose, mouth and chin of the head at `pose`, occasionally slid below the nose."""
    draw = (_surgical, _cloth, _respirator)
    kind = rng.choice(len(MASKS), p=[0.45, 0.25, 0.3])
    slid = rng.uniform(0.25, 0.4) if rng.random() < 0.06 else rng.uniform(-0.06, 0.1)
    return draw[kind](rng, pose, Item("mask", MASKS[kind]), slid)


def _surgical(rng: np.random.Generator, pose: Pose, item: Item, slid: float) -> list[Layer]:
    colour = choose(rng, _SURGICAL, 6)
    side = rng.uniform(0.95, 1.2)
    half = [(0.0, 0.12), (0.3, 0.19), (0.7, 0.3), (side, 0.36), (side, 0.66), (side, 0.98), (0.9, 1.2), (0.45, 1.34)]
    sheet = _sheet(pose, half, slid, bulge=0.12)
    layers = _straps(rng, pose, [(side, 0.4 + slid), (side, 0.92 + slid)], [0.0, 0.45], WHITE)
    layers.append(Layer(sheet, Paint(colour, 0.7, 0, 0.03), item))
    for y in np.array([0.52, 0.7, 0.88]) + rng.normal(0, 0.02) + slid:
        layers += _pleat(pose, sheet, side * 0.97, y, colour, item)
    wire = pose.wrap(_level(0.5, 0.24 + slid, sag=-0.08), 0.12, 0.8)
    layers.append(Layer(line(wire, 0.05 * pose.size).intersection(sheet), Paint(scaled(colour, 1.1), 0), item))
    hem = line(_outline(pose, half, slid, 0.12), 0.06 * pose.size).intersection(sheet)
    layers.append(Layer(hem, Paint(scaled(colour, 0.86), 0, opacity=0.6), item))
    return layers


def _cloth(rng: np.random.Generator, pose: Pose, item: Item, slid: float) -> list[Layer]:
    colour = any_colour(rng)
    side = rng.uniform(1.0, 1.25)
    half = [
        (0.0, 0.1),
        (0.45, 0.24),
        (side - 0.15, 0.34),
        (side, 0.5),
        (side, 0.72),
        (1.0, 1.0),
        (0.85, 1.25),
        (0.4, 1.37),
    ]
    sheet = _sheet(pose, half, slid, bulge=0.16)
    plain = rng.random() < 0.5
    pattern = None if plain else any_print(rng, pose.size, pose.roll)
    layers = _straps(rng, pose, [(side, 0.42 + slid), (side, 0.74 + slid)], [0.0, 0.4], choose(rng, [BLACK, WHITE]))
    layers.append(Layer(sheet, Paint(colour, 0.8, 0, 0.06, pattern, any_colour(rng)), item))
    seam = np.stack([np.zeros(12), np.linspace(0.1, 1.37, 12) + slid], axis=1)
    bulge = 0.16 + 0.14 * np.sin(np.linspace(0, np.pi, 12))
    fold = line(pose.wrap(seam, bulge, 0.8), 0.035 * pose.size)
    layers.append(Layer(fold.intersection(sheet), Paint(scaled(colour, 0.65), 0, opacity=0.6), item))
    hem = line(_outline(pose, half, slid, 0.16), 0.1 * pose.size).intersection(sheet)
    layers.append(Layer(hem, Paint(scaled(colour, 0.7), 0, opacity=0.45), item))
    return layers


def _respirator(rng: np.random.Generator, pose: Pose, item: Item, slid: float) -> list[Layer]:
    colour = choose(rng, _RESPIRATOR, 5)
    wide = rng.uniform(0.78, 0.98)
    half = [(0.0, 0.1), (0.3, 0.16), (wide * 0.75, 0.42), (wide, 0.75), (wide * 1.05, 1.05), (0.8, 1.26), (0.35, 1.36)]
    cup = _sheet(pose, half, slid, bulge=0.26)
    band = choose(rng, [(224, 190, 60), WHITE, (60, 100, 170), BLACK])
    layers = _straps(rng, pose, [(wide, 0.62 + slid), (wide, 1.0 + slid)], [-0.1, 0.75], band, thickness=0.07)
    layers.append(Layer(cup, Paint(colour, 1.0, 0, 0.03), item))
    flange = line(_outline(pose, half, slid, 0.26), 0.13 * pose.size).intersection(cup)
    layers.append(Layer(flange, Paint(scaled(colour, 0.84), 0, opacity=0.7), item))
    clip = line(pose.wrap(_level(0.4, 0.27 + slid, sag=-0.09), 0.26, 0.8), 0.07 * pose.size)
    layers.append(Layer(clip.intersection(cup), Paint((150, 152, 158), 0.2, 0.3), item))
    if rng.random() < 0.35:  # a flat-fold respirator
        for y in (0.55, 0.95):
            layers += _pleat(pose, cup, wide * 0.95, y + slid, colour, item)
    if rng.random() < 0.6:
        layers += _valve(rng, pose, cup, slid, item)
    return layers


def _sheet(pose: Pose, half: list[tuple[float, float]], slid: float, bulge: float) -> Geometry:
    return polygon(_outline(pose, half, slid, bulge)).buffer(0)


def _outline(pose: Pose, half: list[tuple[float, float]], slid: float, bulge: float) -> np.ndarray:
    """Return the outline whose right half is (angle, y) from top to bottom; it bulges most at the nose."""
    points = smooth(mirrored(half), 5)
    lift = 0.05 + bulge * np.exp(-((points[:, 0] / 0.6) ** 2) - ((points[:, 1] - 0.45) / 0.6) ** 2)
    return pose.wrap(np.add(points, (0, slid)), lift, 0.8)


def _level(spread: float, y: float, sag: float) -> np.ndarray:
    """Return a line (16, 2) across the face at height y, lower by `sag` in the middle."""
    angle = np.linspace(-spread, spread, 16)
    return np.stack([angle, y + sag * np.cos(angle / spread * np.pi / 2)], axis=1)


def _pleat(pose: Pose, sheet: Geometry, side: float, y: float, colour: Colour, item: Item) -> list[Layer]:
    crease = pose.wrap(_level(side, y, sag=0.05), 0.1, 0.8)
    dark = line(crease, 0.035 * pose.size).intersection(sheet)
    bright = line(crease - (0, 0.04 * pose.size), 0.04 * pose.size).intersection(sheet)
    return [
        Layer(bright, Paint(scaled(colour, 1.08), 0, opacity=0.5), item),
        Layer(dark, Paint(scaled(colour, 0.68), 0, opacity=0.7), item),
    ]


def _valve(rng: np.random.Generator, pose: Pose, cup: Geometry, slid: float, item: Item) -> list[Layer]:
    centre = pose.wrap(np.array([(rng.choice([0.0, 0.45]), 0.82 + slid)]), 0.2, 0.8)[0]
    squeeze = max(np.cos(pose.yaw), 0.5)
    colour = choose(rng, [WHITE, (190, 194, 198), (90, 130, 190), (220, 90, 60), BLACK], 6)
    radius = rng.uniform(0.15, 0.22)
    layers = []
    for scale, tone in ((1.0, 0.7), (0.85, 1.0), (0.45, 0.75)):
        disc = polygon(ellipse(0, 0, radius * squeeze * scale, radius * scale) * pose.size + centre)
        layers.append(Layer(disc.intersection(cup), Paint(scaled(colour, tone), 0.3, 0, 0.02), item))
    return layers


def _straps(
    rng: np.random.Generator,
    pose: Pose,
    corners: list[tuple[float, float]],
    ears: list[float],
    colour: Colour,
    thickness: float = 0.05,
) -> list[Layer]:
    """Draw straps on both sides from the mask's `corners`, (angle, y), to the heights `ears` at the ears."""
    layers = []
    for side in (-1, 1):
        for (angle, y), ear in zip(corners, ears, strict=True):
            if abs(side * angle + pose.yaw) < 1.5:
                path = np.stack([np.linspace(side * angle * 0.95, side * 1.65, 8), np.linspace(y, ear, 8)], axis=1)
                band = line(pose.wrap(path, 0.03), thickness * pose.size)
                layers.append(Layer(band, Paint(scaled(colour, rng.uniform(0.85, 1)), 0)))
    return layers
