"""People with head, hair, face and everything they wear, as layers from back to front."""

from dataclasses import replace

import numpy as np

from fmask.data.synthetic.accessories import draw_ear_cups, draw_glasses, draw_hand, draw_scarf
from fmask.data.synthetic.clothes import draw_body
from fmask.data.synthetic.colours import HAIR, SKIN, choose, scaled, stripes
from fmask.data.synthetic.geometry import Pose, ellipse, line, mirrored, polygon, smooth
from fmask.data.synthetic.hats import draw_hat
from fmask.data.synthetic.layers import Colour, Item, Layer, Paint
from fmask.data.synthetic.masks import draw_mask

HEAD = "head"
"""The label of the bare part of a head: face, ears and front hair, without what is worn over them."""


def draw_person(rng: np.random.Generator, pose: Pose, mask: bool, hat: bool, bottom: float) -> list[Layer]:
    """Draw a person, back to front, whose body reaches down to y = `bottom` in photo pixels."""
    skin, hair = choose(rng, SKIN, 6), choose(rng, HAIR, 6)
    style = rng.choice(["bald", "short", "bob", "long", "afro", "bun"], p=[0.08, 0.42, 0.14, 0.2, 0.08, 0.08])
    layers = _back_hair(rng, pose, style, hair)
    layers += draw_body(rng, pose, skin, bottom)
    head = _head(pose, skin)
    head += _face(rng, pose, skin, hair)
    head += _front_hair(rng, pose, style, hair, flattened=hat)
    if rng.random() < 0.22:
        head += draw_glasses(rng, pose)
    bare = Item(HEAD, HEAD)
    layers += [replace(layer, item=bare) for layer in head]
    if mask:
        layers += draw_mask(rng, pose)
    if hat:
        layers.append(_brow_shadow(pose))
        layers += draw_hat(rng, pose)
    if rng.random() < 0.1:
        layers += draw_ear_cups(rng, pose, with_band=not hat)
    if rng.random() < 0.14:
        layers += draw_scarf(rng, pose, top=rng.uniform(1.02, 1.4) if mask else rng.uniform(1.25, 1.5))
    if rng.random() < 0.1:
        layers += draw_hand(rng, pose, skin, hat)
    return layers


def _head(pose: Pose, skin: Colour) -> list[Layer]:
    y = np.linspace(-1.3, 1.3, 40)
    half = np.stack([pose.half_width(y), y], axis=1)
    layers = []
    for side in (-1, 1):
        if side * pose.yaw < 0.35:
            ear = polygon(pose.flat(ellipse(side * (1.0 + 0.1 * side * pose.yaw), 0.12, 0.16, 0.3)))
            layers.append(Layer(ear, Paint(scaled(skin, 0.88), 0.5)))
    layers.append(Layer(polygon(pose.flat(mirrored(half))), Paint(skin, 0.6, 0.05, 0.03)))
    return layers


def _face(rng: np.random.Generator, pose: Pose, skin: Colour, hair: Colour) -> list[Layer]:
    layers = []
    dark = scaled(hair, 0.7) if sum(hair) < 400 else scaled(hair, 0.6)
    iris = choose(rng, [(70, 45, 30), (40, 30, 25), (80, 110, 140), (90, 110, 70)])
    shut = rng.uniform(0.06, 0.13)
    for side in (-1, 1):
        angle = side * 0.42
        turn = np.cos(angle + pose.yaw)
        if turn < 0.25:
            continue
        eye = pose.wrap(np.array([(angle, 0.0)]))[0]
        socket = polygon(ellipse(0, 0, 0.26 * turn, 0.16) * pose.size + eye)
        white = polygon(ellipse(0, 0, 0.17 * turn, shut) * pose.size + eye)
        pupil = polygon(ellipse(0, 0, 0.09 * turn, 0.095) * pose.size + eye).intersection(white)
        lash = line(
            pose.wrap(np.array([(angle - 0.2, 0.0), (angle, -shut - 0.02), (angle + 0.2, 0.0)])), 0.05 * pose.size
        )
        arch = pose.wrap(np.array([(angle - 0.25, -0.22), (angle, -0.3), (angle + 0.25, -0.22)]))
        layers += [
            Layer(socket, Paint(scaled(skin, 0.75), 0, opacity=0.5, softness=0.05 * pose.size)),
            Layer(white, Paint((238, 234, 230), 0.3)),
            Layer(pupil, Paint(iris, 0)),
            Layer(lash, Paint(scaled(skin, 0.35), 0)),
            Layer(line(arch, rng.uniform(0.06, 0.11) * pose.size), Paint(dark, 0, opacity=0.85)),
        ]
    bridge = pose.wrap(np.array([(0.08, 0.0), (0.1, 0.3), (0.17, 0.5), (0.0, 0.56), (-0.17, 0.5)]), 0.12)
    layers.append(Layer(line(bridge, 0.05 * pose.size), Paint(scaled(skin, 0.68), 0, opacity=0.55)))
    if rng.random() < 0.28:
        layers.append(_beard(rng, pose, hair))
    smile = rng.uniform(-0.06, 0.12)
    mouth = pose.wrap(
        np.array([(-0.36, 0.82 - smile), (-0.18, 0.84), (0, 0.86), (0.18, 0.84), (0.36, 0.82 - smile)]), 0.06
    )
    lips = (scaled(skin, 0.7)[0], *scaled(skin, 0.5)[1:])
    layers.append(Layer(line(mouth, rng.uniform(0.07, 0.15) * pose.size), Paint(lips, 0)))
    if smile > 0.06:
        layers.append(Layer(line(mouth, 0.05 * pose.size), Paint((240, 236, 230), 0)))
    return layers


def _beard(rng: np.random.Generator, pose: Pose, hair: Colour) -> Layer:
    full = rng.random() < 0.6
    length = rng.uniform(1.32, 1.7) if full else 1.3
    side = 1.35 if full else 0.6
    half = [
        (0.0, 0.64),
        (0.4, 0.66),
        (side * 0.75, 0.6),
        (side, 0.35 if full else 0.8),
        (side, 0.8),
        (0.9, 1.1),
        (0.5, length),
    ]
    outline = pose.wrap(smooth(mirrored(half), 4), 0.03, 0.85)
    return Layer(polygon(outline), Paint(hair, 0.3, 0, 0.2, opacity=0.92, softness=0.02 * pose.size))


def _back_hair(rng: np.random.Generator, pose: Pose, style: str, hair: Colour) -> list[Layer]:
    """Draw the hair behind the head. Afros and buns resemble hats but are not annotated."""
    wool = Paint(hair, 0.5, 0, 0.2)
    if style == "afro":
        radius = rng.uniform(1.45, 1.8)
        rim = ellipse(0, -0.45, radius, radius * 0.95)[::2] * rng.uniform(0.96, 1.04, (20, 1))
        return [Layer(polygon(pose.flat(smooth(rim, 3))), wool)]
    if style == "bun":
        return [Layer(polygon(pose.flat(ellipse(rng.normal(0, 0.2), -1.45, 0.45, 0.4))), wool)]
    if style in ("bob", "long"):
        reach = rng.uniform(1.1, 1.5) if style == "bob" else rng.uniform(2.0, 3.2)
        half = [
            (0.0, -1.4),
            (0.7, -1.2),
            (1.12, -0.4),
            (1.2, 0.6),
            (rng.uniform(1.05, 1.45), reach),
            (0.5, reach + 0.1),
        ]
        return [Layer(polygon(pose.flat(smooth(mirrored(half), 5))), wool)]
    return []


def _front_hair(rng: np.random.Generator, pose: Pose, style: str, hair: Colour, flattened: bool) -> list[Layer]:
    if style == "bald":
        return []
    puff = 0.0 if flattened else rng.uniform(0.04, 0.2)
    side = rng.uniform(0.0, 0.5) if style == "short" else rng.uniform(0.3, 1.0)
    part = rng.uniform(-0.4, 0.4)
    line_y = rng.uniform(-0.95, -0.6)
    outer = ellipse(0, 0, 1.05 + 0.5 * puff, 1.32 + puff)[20:]  # the upper half, left to right
    inner = [
        (1.02, side),
        (0.9, -0.2),
        (0.72, line_y + 0.1),
        (part, line_y - 0.12),
        (-0.72, line_y + 0.1),
        (-0.9, -0.2),
    ]
    shift = np.sin(pose.yaw) * 0.35
    edge = [(float(np.clip(x + shift, -1.02, 1.02)), y) for x, y in inner] + [(-1.02, side)]
    outline = pose.flat(np.concatenate([outer, np.asarray(edge)]))
    strands = stripes(0.09 * pose.size, pose.roll + rng.uniform(-0.6, 0.6), 0.4)
    return [Layer(polygon(outline), Paint(hair, 0.6, 0.15, 0.15, strands, scaled(hair, 0.84)))]


def _brow_shadow(pose: Pose) -> Layer:
    shade = polygon(pose.wrap(smooth(mirrored([(0.0, -0.8), (1.4, -0.8), (1.4, -0.35), (0.0, -0.2)]), 5)))
    return Layer(shade, Paint((20, 10, 10), 0, opacity=0.35, softness=0.07 * pose.size))
