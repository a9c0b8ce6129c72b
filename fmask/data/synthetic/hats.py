"""Hats: hard hat, cap, beanie, brimmed hat. The layers of a hat belong to one item."""

from dataclasses import replace

import numpy as np
from shapely import Geometry

from fmask.data.synthetic.colours import BLACK, WHITE, any_colour, choose, ribs, scaled, vary
from fmask.data.synthetic.geometry import Pose, dome, ellipse, hull, line, polygon, ring, smooth
from fmask.data.synthetic.layers import Colour, Item, Layer, Paint

HATS = ("hard_hat", "cap", "beanie", "brimmed")
"""The kinds of hats."""

_HARD_HAT: list[Colour] = [
    (250, 205, 40), (250, 205, 40), (246, 246, 242), (246, 246, 242), (232, 110, 34), (40, 90, 190), (200, 32, 36),
    (40, 140, 80), (60, 62, 66),
]  # fmt: skip


def draw_hat(rng: np.random.Generator, pose: Pose) -> list[Layer]:
    """Draw a random hat on the head at `pose`."""
    worn = replace(
        pose,
        roll=pose.roll + rng.normal(0, 0.05),
        nod=float(np.clip(pose.nod + rng.uniform(0.02, 0.16), 0.0, 0.4)),
    )
    draw = (_hard_hat, _cap, _beanie, _brimmed)
    kind = rng.choice(len(HATS), p=[0.35, 0.27, 0.16, 0.22])
    return draw[kind](rng, worn, Item("hat", HATS[kind]))


def _hard_hat(rng: np.random.Generator, pose: Pose, item: Item) -> list[Layer]:
    colour = choose(rng, _HARD_HAT, 8)
    gloss = rng.uniform(0.2, 0.8)
    rim = rng.uniform(-0.75, -0.55)
    radius, height = rng.uniform(1.08, 1.2), rng.uniform(0.98, 1.2)
    shell = hull(pose.project(dome(radius, rim, height, depth=1.15, power=0.85)))
    layers = [Layer(shell, Paint(colour, 0.95, gloss, 0.015), item)]
    for x in rng.choice([0.0, 0.14, 0.3]) * np.array([-1, 1]):
        ridge = pose.project(_meridian(x, radius, rim, height))
        layers += _inside(shell, line(ridge, 0.11 * pose.size), Paint(scaled(colour, 1.12), 0.5, gloss, 0.01), item)
        edge = line(np.add(ridge, (0.07 * pose.size, 0)), 0.035 * pose.size)
        layers += _inside(shell, edge, Paint(scaled(colour, 0.62), 0, opacity=0.7), item)
    if rng.random() < 0.35:
        layers += _badge(rng, pose, shell, rim - 0.38, item)
    angle = np.linspace(-np.pi, np.pi, 48, endpoint=False)
    peak = radius + 0.08 + rng.uniform(0.2, 0.42) * np.maximum(np.cos(angle), 0) ** 2
    droop = rim + rng.uniform(0.02, 0.16) * np.maximum(np.cos(angle), 0) ** 2
    brim = np.concatenate([pose.project(ring(peak, droop)), pose.project(ring(peak, droop + 0.07))])
    front = hull(brim).difference(hull(pose.project(dome(radius, rim, height, 1.15, 0.85) - (0, 0.03, 0))))
    layers.append(Layer(front, Paint(scaled(colour, 0.93), 0.35, 0, 0.015), item))
    return layers


def _cap(rng: np.random.Generator, pose: Pose, item: Item) -> list[Layer]:
    colour = any_colour(rng)
    base = rng.uniform(-0.68, -0.5)
    radius, height = rng.uniform(1.04, 1.12), rng.uniform(0.88, 1.08)
    crown = hull(pose.project(dome(radius, base, height, power=0.9)))
    layers = [Layer(crown, Paint(colour, 0.8, 0, 0.05), item)]
    for x in (-0.55, 0.0, 0.55):
        seam = line(pose.project(_meridian(x, radius, base, height)), 0.03 * pose.size)
        layers += _inside(crown, seam, Paint(scaled(colour, 0.7), 0, opacity=0.8), item)
    button = polygon(pose.project(np.array([(0, base - height - 0.01, 0.0)])) + ellipse(0, 0, 0.08, 0.05) * pose.size)
    layers.append(Layer(button, Paint(scaled(colour, 0.9), 0.5), item))
    if rng.random() < 0.7:
        layers += _badge(rng, pose, crown, base - 0.42, item)
    reach, droop, spread = rng.uniform(0.5, 0.85), rng.uniform(0.06, 0.26), rng.uniform(0.95, 1.2)
    angle = np.linspace(-spread, spread, 24)
    far = radius + reach * np.cos(angle / spread * np.pi / 2) ** 0.55
    inner, outer = _arc(angle, np.full(24, radius * 0.98), base - 0.02), _arc(angle, far, base + droop * (far - radius))
    visor = pose.project(np.concatenate([inner, outer[::-1]]))
    under = pose.project(np.concatenate([outer, np.add(outer[::-1], (0, 0.06, 0))]))
    cloth = colour if rng.random() < 0.7 else any_colour(rng)
    layers.append(Layer(polygon(visor).buffer(0.02 * pose.size), Paint(scaled(cloth, 0.88), 0.5, 0, 0.04), item))
    layers.append(Layer(polygon(under).buffer(0.01 * pose.size), Paint(scaled(cloth, 0.6), 0), item))
    return layers


def _beanie(rng: np.random.Generator, pose: Pose, item: Item) -> list[Layer]:
    colour = any_colour(rng)
    base = rng.uniform(-0.62, -0.4)
    radius, height = rng.uniform(1.08, 1.16), rng.uniform(1.0, 1.35)
    slouch = rng.normal(0, 0.08)
    wool = dome(radius, base, height, power=rng.uniform(0.75, 1.05))
    wool[:, 0] += slouch * (base - wool[:, 1]) / height
    knit = Paint(colour, 0.75, 0, 0.1, ribs(0.13 * pose.size, pose.roll), scaled(colour, 0.78))
    layers = [Layer(hull(pose.project(wool)), knit, item)]
    if rng.random() < 0.3:
        top = pose.project(np.array([(slouch, base - height - 0.15, -0.1)]))[0]
        fluff = smooth(ellipse(0, 0, 0.3, 0.28)[::3] * rng.uniform(0.85, 1.15, (14, 1)), 3) * pose.size + top
        layers.append(Layer(polygon(fluff), Paint(vary(rng, any_colour(rng)), 0.8, 0, 0.25), item))
    if rng.random() < 0.4:
        band = rng.uniform(-0.6, -0.45) + base
        stripe = _belt(pose, radius + 0.01, band, band + rng.uniform(0.12, 0.25))
        layers += _inside(layers[0].shape, stripe, Paint(any_colour(rng), 0.6, 0, 0.1), item)
    cuff = _belt(pose, radius + 0.05, base - rng.uniform(0.25, 0.42), base + 0.02)
    folds = Paint(scaled(colour, 1.05), 0.6, 0, 0.08, ribs(0.1 * pose.size, pose.roll), scaled(colour, 0.7))
    layers.append(Layer(cuff, folds, item))
    return layers


def _brimmed(rng: np.random.Generator, pose: Pose, item: Item) -> list[Layer]:
    straw: list[Colour] = [(226, 200, 146), (206, 176, 120), (120, 84, 54), (60, 48, 42), (150, 144, 132), WHITE]
    colour = choose(rng, straw) if rng.random() < 0.7 else any_colour(rng)
    weave = Paint(colour, 0.7, 0, 0.07, ribs(0.07 * pose.size, pose.roll + rng.choice([0, 1.57])), scaled(colour, 0.86))
    cloth = weave if rng.random() < 0.5 else Paint(colour, 0.7, 0, 0.06)
    base = rng.uniform(-0.66, -0.5)
    bucket = rng.random() < 0.35
    reach = rng.uniform(1.3, 1.5) if bucket else rng.uniform(1.55, 2.05)
    droop = rng.uniform(0.25, 0.5) if bucket else rng.uniform(-0.12, 0.12)
    angle = np.linspace(-np.pi, np.pi, 48, endpoint=False)
    wave = droop + (0 if bucket else rng.uniform(-0.15, 0.1)) * np.cos(2 * angle)
    outer = pose.project(ring(reach, base + wave, depth=1.05))
    inner = pose.project(ring(1.05, base))
    brim = hull(np.concatenate([outer, inner])) if bucket else polygon(outer).union(hull(inner))
    edge = line(outer[12:37], 0.05 * pose.size)  # the front half
    layers = [
        Layer(brim, replace(cloth, colour=scaled(colour, 0.92), roundness=0.4), item),
        Layer(edge, Paint(scaled(colour, 0.6), 0), item),
    ]
    height = rng.uniform(0.7, 0.95) if bucket else rng.uniform(0.75, 1.1)
    top = rng.uniform(0.78, 0.98)
    if rng.random() < 0.4:
        crown = dome(1.05, base, height, power=0.75)
    else:
        crown = np.concatenate([ring(1.06, base), ring(top, base - height), ring(top * 0.7, base - height - 0.08)])
    shape = hull(pose.project(crown))
    layers.append(Layer(shape, cloth, item))
    shade = _belt(pose, 1.1, base - 0.04, base + 0.1)
    layers += _inside(brim, shade, Paint(BLACK, 0, opacity=0.25, softness=0.04 * pose.size), item)
    if rng.random() < 0.75:
        ribbon = _belt(pose, 1.065, base - rng.uniform(0.15, 0.3), base)
        tone = choose(rng, [BLACK, (90, 30, 30), (40, 50, 80), WHITE]) if not bucket else scaled(colour, 0.8)
        layers += _inside(shape.union(brim), ribbon, Paint(tone, 0.5), item)
    return layers


def _meridian(x: float, radius: float, y: float, height: float) -> np.ndarray:
    """Return points (16, 3) over a dome from front to back, in the plane at `x`."""
    rise = np.linspace(0.05, 2.2, 16)
    span = np.sqrt(max(1 - (x / radius) ** 2, 0))
    return np.stack([np.full(16, x), y - height * span * np.sin(rise), 1.15 * radius * span * np.cos(rise)], axis=1)


def _arc(angle: np.ndarray, radius: np.ndarray, y: float | np.ndarray) -> np.ndarray:
    """Return points (n, 3) around the head at the given angles from its front."""
    return np.stack([radius * np.sin(angle), np.broadcast_to(y, angle.shape), radius * 1.1 * np.cos(angle)], axis=1)


def _belt(pose: Pose, radius: float, top: float, bottom: float) -> Geometry:
    """Return the visible front of a band around the head."""
    return hull(pose.project(np.concatenate([ring(radius, top), ring(radius, bottom)]))).difference(
        hull(pose.project(ring(radius, top - 0.004)))
    )


def _badge(rng: np.random.Generator, pose: Pose, shell: Geometry, y: float, item: Item) -> list[Layer]:
    """Draw a sticker or a stitched letter on the front."""
    centre = pose.project(np.array([(0, y, 1.1)]))[0]
    a, b = rng.uniform(0.14, 0.36), rng.uniform(0.1, 0.22)
    if rng.random() < 0.5:
        mark = polygon(ellipse(0, 0, a, b) * pose.size + centre)
    else:
        zigzag = np.stack([np.linspace(-a, a, 5), b * np.array([1, -1, 1, -1, 1])], axis=1)
        mark = line(zigzag * pose.size + centre, 0.07 * pose.size)
    return _inside(shell, mark, Paint(any_colour(rng), 0.2), item)


def _inside(outline: Geometry, shape: Geometry, paint: Paint, item: Item) -> list[Layer]:
    """Return a layer of the part of `shape` inside `outline`."""
    return [Layer(shape.intersection(outline), paint, item)]
