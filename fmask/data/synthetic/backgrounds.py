"""Backgrounds, painted at low resolution and blurred, like what is behind a person in focus."""

import cv2
import numpy as np

from fmask.data.synthetic.colours import any_colour, choose, scaled, vary
from fmask.data.synthetic.layers import Colour

_SIDE = 160
"""Longer side in pixels while painting; low, because backgrounds are out of focus."""


def draw_background(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Draw a random background: (height, width, 3) float32 RGB in [0, 255]."""
    kinds = (_studio, _gradient, _bricks, _foliage, _panels, _landscape, _shelves, _street, _lights)
    kind = kinds[rng.choice(len(kinds), p=[0.2, 0.12, 0.09, 0.12, 0.09, 0.12, 0.09, 0.1, 0.07])]
    scale = _SIDE / max(width, height)
    small: np.ndarray = kind(rng, max(round(width * scale), 8), max(round(height * scale), 8)).astype(np.float32)
    if rng.random() < 0.25:
        _add_balls(rng, small)
    small = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.3, 2.5))
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _fill(colour: Colour, width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), colour, np.float32)


def _clouds(rng: np.random.Generator, width: int, height: int, cells: int) -> np.ndarray:
    """Return smooth noise (height, width, 1) with a standard deviation of about 1."""
    noise = rng.standard_normal((cells, cells), np.float32)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]


def _studio(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A plain wall, usually light."""
    colour = vary(rng, (236, 236, 236), 8) if rng.random() < 0.6 else any_colour(rng)
    return _fill(colour, width, height) + rng.uniform(0, 8) * _clouds(rng, width, height, 3)


def _gradient(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A linear transition between two colours."""
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.linspace(-1, 1, width)[None] * np.cos(angle) + np.linspace(-1, 1, height)[:, None] * np.sin(angle)
    share = (ramp[..., None] - ramp.min()) / np.ptp(ramp)
    return np.array(any_colour(rng), np.float32) * (1 - share) + np.array(any_colour(rng), np.float32) * share


def _bricks(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A brick wall."""
    colour = choose(rng, [(160, 84, 62), (190, 180, 165), (120, 100, 90), (210, 206, 200)])
    image = _fill(scaled(colour, rng.choice([0.7, 1.25])), width, height)
    rows = int(rng.integers(8, 22))
    tall = height / rows
    wide = tall * rng.uniform(1.8, 3.2)
    for row in range(rows):
        for column in range(int(width / wide) + 2):
            x, y = (column - 0.5 * (row % 2)) * wide, row * tall
            cv2.rectangle(image, (int(x), int(y)), (int(x + wide) - 2, int(y + tall) - 2), vary(rng, colour, 9), -1)
    return image


def _foliage(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Leaves."""
    green = choose(rng, [(60, 100, 50), (90, 130, 60), (40, 70, 45), (150, 130, 60)])
    image = _fill(scaled(green, 0.6), width, height)
    for _ in range(140):
        centre = int(rng.integers(width)), int(rng.integers(height))
        axes = int(rng.integers(2, 16)), int(rng.integers(2, 10))
        leaf = vary(rng, scaled(green, rng.uniform(0.5, 1.7)), 10)
        cv2.ellipse(image, centre, axes, float(rng.uniform(0, 180)), 0, 360, leaf, -1)
    return image


def _panels(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Curtains, cladding or a container wall: vertical or horizontal stripes."""
    image = _fill(any_colour(rng), width, height)
    along = np.arange(width)[None, :, None] if rng.random() < 0.7 else np.arange(height)[:, None, None]
    wave = np.cos(along * 2 * np.pi / rng.uniform(5, 30) + rng.uniform(0, 6))
    return image * (1 + rng.uniform(0.05, 0.35) * (np.sign(wave) if rng.random() < 0.4 else wave))


def _landscape(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Sky over ground."""
    sky = np.array(choose(rng, [(130, 180, 230), (190, 205, 220), (225, 190, 160), (100, 120, 150)]), np.float32)
    ground = choose(rng, [(110, 120, 70), (170, 150, 110), (120, 120, 118), (214, 200, 160)])
    fade = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    image = np.broadcast_to(sky + fade * (245 - sky) * 0.6, (height, width, 3)).copy()
    image += np.maximum(_clouds(rng, width, height, 6), 0) * rng.uniform(0, 25)
    horizon = int(height * rng.uniform(0.4, 0.85))
    image[horizon:] = np.array(ground, np.float32) * (1 + 0.12 * _clouds(rng, width, height, 24)[horizon:])
    return image


def _shelves(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Shelves with books and boxes, which have straight edges like whiteboards and windows."""
    wood = choose(rng, [(120, 90, 60), (225, 225, 222), (80, 80, 84)])
    image = _fill(scaled(wood, 0.6), width, height)
    tall = int(rng.integers(24, 48))
    for y in range(0, height, tall):
        x = 0
        while x < width:
            wide, high = int(rng.integers(3, 16)), int(tall * rng.uniform(0.5, 0.9))
            if rng.random() < 0.85:
                cv2.rectangle(image, (x, y + tall - high), (x + wide - 1, y + tall), any_colour(rng), -1)
            x += wide
        cv2.rectangle(image, (0, y), (width, y + 2), wood, -1)
    return image


def _street(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Buildings with windows in front of the sky."""
    image = _landscape(rng, width, height)
    x = 0
    while x < width:
        wide, top = int(rng.integers(20, 60)), int(height * rng.uniform(0.02, 0.5))
        wall = choose(rng, [(150, 150, 155), (190, 175, 155), (95, 100, 110), (170, 110, 90)])
        cv2.rectangle(image, (x, top), (x + wide, height), wall, -1)
        step, pane = int(rng.integers(6, 14)), scaled(wall, rng.choice([0.55, 1.35]))
        for window_y in range(top + 4, height, step):
            for window_x in range(x + 3, x + wide - 3, step):
                cv2.rectangle(image, (window_x, window_y), (window_x + step // 2, window_y + step // 2), pane, -1)
        x += wide + int(rng.integers(0, 12))
    return image


def _lights(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A dark interior or a night with lamps out of focus."""
    image = _fill(vary(rng, (34, 34, 44), 12), width, height)
    for _ in range(int(rng.integers(4, 22))):
        centre = int(rng.integers(width)), int(rng.integers(height))
        glow = image.copy()
        cv2.circle(glow, centre, int(rng.integers(3, 13)), vary(rng, (220, 190, 150), 40), -1)
        cv2.addWeighted(glow, 0.6, image, 0.4, 0, dst=image)
    return image


def _add_balls(rng: np.random.Generator, image: np.ndarray) -> None:
    """Add balls, lamps and bags: round, bright things that are not worn."""
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        x, y, radius = int(rng.integers(width)), int(rng.integers(height)), int(rng.integers(6, 20))
        colour = any_colour(rng)
        if rng.random() < 0.6:
            cv2.circle(image, (x, y), radius, scaled(colour, 0.8), -1, cv2.LINE_8)
            cv2.circle(image, (x - radius // 4, y - radius // 4), radius * 2 // 3, colour, -1)
        else:
            cv2.rectangle(image, (x, y), (x + radius * 2, y + int(radius * 1.6)), colour, -1)
            cv2.ellipse(image, (x + radius, y), (radius // 2, radius // 2), 0, 180, 360, scaled(colour, 0.6), 2)
