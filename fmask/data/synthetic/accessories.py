"""Things near a face that are neither mask nor hat: glasses, headphones, scarf, hand."""

import numpy as np
import shapely
from shapely import Geometry

from fmask.data.synthetic.colours import BLACK, WHITE, any_colour, any_print, choose, scaled
from fmask.data.synthetic.geometry import Pose, ellipse, hull, line, mirrored, polygon, smooth
from fmask.data.synthetic.layers import Colour, Layer, Paint


def draw_glasses(rng: np.random.Generator, pose: Pose) -> list[Layer]:
    """Draw glasses with clear or dark lenses."""
    frame = choose(rng, [BLACK, BLACK, (110, 70, 40), (170, 150, 90)])
    dark = rng.random() < 0.25
    layers = []
    for side in (-1, 1):
        lens = polygon(pose.wrap(ellipse(side * 0.44, 0.03, 0.33, 0.2), 0.08))
        tint = Paint((20, 22, 28), 0.3, 0.3, opacity=0.9) if dark else Paint((225, 235, 240), 0, 0, opacity=0.18)
        layers.append(Layer(lens, tint))
        rim = lens.buffer(0.03 * pose.size).difference(lens.buffer(-0.03 * pose.size))
        layers.append(Layer(rim, Paint(frame, 0)))
        temple = pose.wrap(np.array([(side * 0.77, 0.0), (side * 1.2, -0.02), (side * 1.55, 0.03)]), 0.06)
        layers.append(Layer(line(temple, 0.06 * pose.size), Paint(frame, 0)))
    bridge = line(pose.wrap(np.array([(-0.13, 0.0), (0.13, 0.0)]), 0.12), 0.06 * pose.size)
    return [*layers, Layer(bridge, Paint(frame, 0))]


def draw_ear_cups(rng: np.random.Generator, pose: Pose, with_band: bool) -> list[Layer]:
    """Draw headphones or, without a band, ear defenders that hang from a hat."""
    colour = choose(rng, [BLACK, (200, 40, 40), (236, 200, 50), WHITE, (60, 90, 150)])
    layers = []
    if with_band:
        arch = pose.flat(ellipse(0, -0.1, 1.16, 1.42)[20:])
        layers.append(Layer(line(arch, rng.uniform(0.12, 0.22) * pose.size), Paint(scaled(colour, 0.8), 0)))
    for side in (-1, 1):
        if side * pose.yaw < 0.5:
            cup = polygon(pose.flat(smooth(ellipse(side * 1.12, 0.1, 0.24, 0.42)[::4], 4)))
            layers.append(Layer(cup, Paint(colour, 0.8, 0.3)))
    return layers


def draw_scarf(rng: np.random.Generator, pose: Pose, top: float) -> list[Layer]:
    """Draw a scarf around the neck; a high `top`, in units of the head's frame, hides a part of the mask."""
    colour = any_colour(rng)
    pattern = any_print(rng, pose.size, pose.roll) if rng.random() < 0.5 else None
    half = [(0.0, top + 0.12), (0.7, top), (1.15, top + 0.1), (1.3, top + 0.6), (0.8, top + 1.0), (0.0, top + 1.1)]
    wound = Paint(colour, 0.6, 0, 0.12, pattern, any_colour(rng))
    end = polygon(pose.flat(np.array([(0.2, top + 0.8), (0.75, top + 0.8), (0.85, 4.0), (0.35, 4.0)])))
    return [Layer(end, wound), Layer(polygon(pose.flat(smooth(mirrored(half), 5))), wound)]


def draw_hand(rng: np.random.Generator, pose: Pose, skin: Colour, hat: bool) -> list[Layer]:
    """Draw a hand and its sleeve: at the brim of the hat, at the cheek, or in front of the mouth."""
    side = rng.choice([-1, 1])
    x, y = (
        (side * rng.uniform(0.75, 1.1), -0.45) if hat and rng.random() < 0.5 else (side * rng.uniform(0.5, 1.0), 0.85)
    )
    spread = rng.uniform(0.16, 0.26)
    lean = -side * rng.uniform(0.1, 0.6)
    fingers = [
        line(np.array([(k * spread * 0.6, 0.25), (k * spread + 0.35 * lean, -length)]), 0.2)
        for k, length in zip(
            (-1.5, -0.5, 0.5, 1.5), rng.uniform(0.5, 0.7) * np.array([0.85, 1, 0.97, 0.8]), strict=True
        )
    ]
    thumb = line(np.array([(-side * 0.2, 0.5), (-side * 0.55, 0.15)]), 0.2)
    palm = hull(ellipse(0, 0.35, 0.4, 0.38))
    colour = skin if rng.random() < 0.7 else choose(rng, [WHITE, (120, 160, 200), (230, 170, 60)])  # bare or gloved
    wrist, elbow = np.array([(x, y + 0.6), (x + side * 0.9, y + 3.2)])
    cuff = wrist + (elbow - wrist) * 0.2

    def at_face(shape: Geometry) -> Geometry:
        return polygon(pose.flat(np.add(shapely.get_coordinates(shape), (x, y))))

    return [
        Layer(line(pose.flat(np.array([cuff, elbow])), 0.75 * pose.size), Paint(any_colour(rng), 0.4, 0, 0.1)),
        Layer(line(pose.flat(np.array([(x, y + 0.3), cuff])), 0.5 * pose.size), Paint(colour, 0.4)),
        Layer(at_face(palm.union(thumb)), Paint(colour, 0.5)),
        *(Layer(at_face(finger), Paint(scaled(colour, rng.uniform(0.9, 1)), 0.5)) for finger in fingers),
    ]
