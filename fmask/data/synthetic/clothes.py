"""Neck, shoulders and clothes."""

import numpy as np
from shapely import Geometry

from fmask.data.synthetic.colours import CLOTH, WHITE, any_colour, any_print, choose, scaled
from fmask.data.synthetic.geometry import Pose, ellipse, line, mirrored, polygon, smooth
from fmask.data.synthetic.layers import Colour, Layer, Paint


def draw_body(rng: np.random.Generator, pose: Pose, skin: Colour, bottom: float) -> list[Layer]:
    """Draw neck and torso in a shirt, a suit, a high-visibility vest, scrubs or a coat, down to y = `bottom`."""
    upright = Pose(pose.x, pose.y, pose.size, pose.roll * 0.25, 0, 0)
    reach = max((bottom - pose.y) / pose.size, 3.0) + 1
    wide, drop = rng.uniform(2.0, 2.7), rng.uniform(1.85, 2.2)
    half = [
        (0.5, 1.5),
        (0.75, drop - 0.2),
        (wide * 0.75, drop),
        (wide, drop + 0.7),
        (wide * 1.02, 3.6),
        (wide * 0.98, reach),
    ]
    torso = polygon(upright.flat(smooth(mirrored(half), 5)))
    neck = polygon(upright.flat(np.array([(-0.6, 0.7), (0.6, 0.7), (0.68, 2.0), (0.0, 2.5), (-0.68, 2.0)])))
    colour = any_colour(rng)
    pattern = any_print(rng, pose.size * 1.4, pose.roll) if rng.random() < 0.3 else None
    layers = [Layer(torso, Paint(colour, 0.5, 0, 0.08, pattern, any_colour(rng)))]
    for side in (-1, 1):  # the gap between arm and torso
        crease = upright.flat(np.array([(side * wide * 0.7, 3.0), (side * wide * 0.66, reach)]))
        layers.append(Layer(line(crease, 0.08 * pose.size), Paint(scaled(colour, 0.6), 0, opacity=0.5)))
    kind = rng.choice(["collar", "suit", "vest", "scrubs", "coat"])
    opening = np.array([(-0.62, 1.7), (0.62, 1.7), (0.0, rng.uniform(2.5, 3.2))])
    if kind == "suit":
        layers.append(Layer(polygon(upright.flat(opening * (1, 1.3) - (0, 0.5))), Paint(WHITE, 0.2)))
        tie = [(-0.12, 2.3), (0.12, 2.3), (0.2, 4.0), (-0.2, 4.0)]
        layers.append(Layer(polygon(upright.flat(np.array(tie))), Paint(choose(rng, CLOTH), 0.3)))
    if kind == "vest":
        layers += _vest(rng, upright, torso, wide, reach)
    if kind == "coat":
        front = upright.flat(np.array([(-0.5, 1.9), (0.5, 1.9), (0.35, reach), (-0.35, reach)]))
        layers.append(Layer(polygon(front), Paint(any_colour(rng), 0.3)))
    layers.append(Layer(neck, Paint(scaled(skin, 0.86), 0.5)))
    chin = polygon(pose.flat(ellipse(0, 1.25, 0.75, 0.45))).intersection(neck)
    layers.append(Layer(chin, Paint(scaled(skin, 0.45), 0, opacity=0.55, softness=0.08 * pose.size)))
    if kind in ("collar", "coat", "suit"):
        tone = WHITE if kind == "suit" else scaled(colour, 1.1)
        for side in (-1, 1):
            flap = [(side * 0.78, 1.62), (side * 0.85, 2.0), (side * 0.3, 2.55), (0.0, 2.25), (side * 0.5, 1.95)]
            layers.append(Layer(polygon(upright.flat(np.array(flap))), Paint(tone, 0.3)))
    return layers


def _vest(rng: np.random.Generator, pose: Pose, torso: Geometry, wide: float, reach: float) -> list[Layer]:
    """Draw a high-visibility vest with reflective bands."""
    colour = choose(rng, [(214, 240, 60), (250, 130, 40)], 8)
    silver = choose(rng, [(214, 216, 212), (240, 236, 200)], 6)
    layers = []
    for side in (-1, 1):
        panel = np.array(
            [
                (side * 0.6, 1.7),
                (side * wide * 0.72, 1.9),
                (side * wide * 0.72, reach),
                (side * 0.12, reach),
                (side * 0.12, 3.0),
            ]
        )
        layers.append(Layer(polygon(pose.flat(panel)).intersection(torso), Paint(colour, 0.3, 0, 0.08)))
        brace = line(pose.flat(np.array([(side * wide * 0.45, 1.7), (side * wide * 0.45, reach)])), 0.3 * pose.size)
        layers.append(Layer(brace.intersection(torso), Paint(silver, 0)))
    belt = line(pose.flat(np.array([(-wide * 0.72, 3.9), (wide * 0.72, 3.9)])), 0.35 * pose.size)
    return [*layers, Layer(belt.intersection(torso), Paint(silver, 0))]
