"""Small data sets of coloured rectangles with any classes, as VIA files."""

import colorsys
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fmask.data.config import SPLITS
from fmask.data.paths import ANNOTATIONS

SIDE = 64


def write_own(root: Path, classes: Sequence[str], attribute: str = "label", photos: int = 3) -> Path:
    """Write train, val and test with a rectangle of each class in each photo, each class in its colour."""
    rng = np.random.default_rng(0)
    cells = 1 if len(classes) == 1 else 2 if len(classes) <= 4 else 4
    for split in SPLITS:
        (root / split).mkdir(parents=True)
        entries = {}
        for number in range(photos):
            pixels, regions = rng.integers(90, 130, (SIDE, SIDE, 3), dtype=np.uint8), []
            for place, index in enumerate(rng.permutation(len(classes)).tolist()):
                cell = SIDE // cells
                top, left = cell * (place // cells) + 2, cell * (place % cells) + 2
                bottom, right = top + cell - 5, left + cell - 5
                colour = colorsys.hsv_to_rgb(index / len(classes), 0.9, 0.9)
                pixels[top : bottom + 1, left : right + 1] = [round(255 * channel) for channel in colour]
                xs, ys = [left, right, right, left], [top, top, bottom, bottom]
                shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
                regions.append({"shape_attributes": shape, "region_attributes": {attribute: classes[index]}})
            Image.fromarray(pixels).save(root / split / f"{number}.png")
            entries[str(number)] = {"filename": f"{number}.png", "size": -1, "regions": regions, "file_attributes": {}}
        (root / split / ANNOTATIONS).write_text(json.dumps(entries))
    return root
