"""The same annotated photos in every format that is read.

Polygons and masks are in COCO's coordinates: pixel edges lie at whole numbers.
"""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image

Shape = list[float] | np.ndarray
"""A polygon x1, y1, x2, y2, ..., or a mask: bool (H, W)."""
Scene = tuple[str, int, int, list[tuple[str, Shape]]]
"""A photo's name, width and height, and the class and shape of each object."""
Writer = Callable[[Path, list[Scene]], None]

NAMES = ("mask", "hat")


def write_photos(folder: Path, scenes: list[Scene]) -> None:
    """Write grey photos."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, width, height, _ in scenes:
        Image.new("RGB", (width, height), "grey").save(folder / name)


def write_yolo(folder: Path, scenes: list[Scene]) -> None:
    """Write `images`, `labels` and `data.yaml`."""
    write_photos(folder / "images", scenes)
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text("names:\n- mask\n- hat\n")
    for name, width, height, objects in scenes:
        lines = [
            " ".join(
                [str(NAMES.index(label)), *(repr(each / (width, height)[at % 2]) for at, each in enumerate(shape))]
            )
            for label, shape in objects
        ]
        (folder / "labels" / name).with_suffix(".txt").write_text("\n".join(lines))


def write_labelme(folder: Path, scenes: list[Scene]) -> None:
    """Write a JSON file for each photo."""
    write_photos(folder, scenes)
    for name, width, height, objects in scenes:
        shapes = [{"label": label, "flags": {}, "group_id": None, **_labelme_shape(shape)} for label, shape in objects]
        document = {
            "version": "5.4.1",
            "shapes": shapes,
            "imagePath": name,
            "imageData": None,
            "imageWidth": width,
            "imageHeight": height,
        }
        (folder / name).with_suffix(".json").write_text(json.dumps(document))


def _labelme_shape(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, list):
        return {"shape_type": "polygon", "points": np.reshape(shape, (-1, 2)).tolist()}
    left, top, right, bottom = box_of(shape)
    file = io.BytesIO()
    Image.fromarray(shape[top:bottom, left:right]).save(file, "PNG")
    mask = base64.b64encode(file.getvalue()).decode()
    return {"shape_type": "mask", "points": [[left, top], [right - 1, bottom - 1]], "mask": mask}


def write_cvat(folder: Path, scenes: list[Scene]) -> None:
    """Write `annotations.xml`."""
    write_photos(folder, scenes)
    photos = []
    for name, width, height, objects in scenes:
        shapes = "".join(_cvat_shape(label, shape) for label, shape in objects)
        photos.append(f'<image id="0" name={quoteattr(name)} width="{width}" height="{height}">{shapes}</image>')
    text = f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>{"".join(photos)}</annotations>'
    (folder / "annotations.xml").write_text(text)


def _cvat_shape(label: str, shape: Shape) -> str:
    if isinstance(shape, list):
        points = ";".join(f"{x!r},{y!r}" for x, y in np.reshape(shape, (-1, 2)).tolist())
        return f'<polygon label="{label}" points="{points}"/>'
    left, top, right, bottom = box_of(shape)
    part = shape[top:bottom, left:right].ravel()
    counts = np.diff(np.r_[0, np.flatnonzero(np.diff(part, prepend=False)), part.size])
    place = f'left="{left}" top="{top}" width="{right - left}" height="{bottom - top}"'
    return f'<mask label="{label}" rle="{", ".join(map(str, counts.tolist()))}" {place}/>'


def write_label_studio(folder: Path, scenes: list[Scene]) -> None:
    """Write a JSON export."""
    write_photos(folder, scenes)
    tasks = []
    for number, (name, width, height, objects) in enumerate(scenes):
        results = [
            {"original_width": width, "original_height": height, "image_rotation": 0}
            | _result(label, shape, width, height)
            for label, shape in objects
        ]
        data = {"image": f"/data/upload/1/0123abcd-{name}"}
        tasks.append({"id": number, "data": data, "annotations": [{"was_cancelled": False, "result": results}]})
    (folder / "export.json").write_text(json.dumps(tasks))


def _result(label: str, shape: Shape, width: int, height: int) -> dict[str, Any]:
    if isinstance(shape, np.ndarray):
        value = {"format": "rle", "rle": encode_brush(shape), "brushlabels": [label]}
        return {"type": "brushlabels", "value": value}
    points = (np.reshape(shape, (-1, 2)) / (width, height) * 100).tolist()
    return {"type": "polygonlabels", "value": {"points": points, "closed": True, "polygonlabels": [label]}}


def write_masks(folder: Path, scenes: list[Scene]) -> None:
    """Write 16-bit masks, in which later objects cover earlier ones, and `classes.txt`."""
    write_photos(folder, scenes)
    (folder / "masks").mkdir()
    (folder / "classes.txt").write_text("\n".join(NAMES))
    for name, width, height, objects in scenes:
        pixels = np.zeros((height, width), np.uint16)
        for number, (label, shape) in enumerate(objects, start=1):
            pixels[np.asarray(shape, bool)] = 1000 * (1 + NAMES.index(label)) + number
        Image.fromarray(pixels).save((folder / "masks" / name).with_suffix(".png"))


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the box around a mask, with exclusive ends."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def encode_brush(mask: np.ndarray, colour: tuple[int, int, int] = (255, 0, 77)) -> list[int]:
    """Return Label Studio's code of a mask: runs of one colour pixel by pixel, and of the background as a whole."""
    picture = np.zeros((*mask.shape, 4), np.uint8)
    picture[mask] = (*colour, 255)
    words = picture.ravel()
    bits = [f"{words.size:032b}", f"{8 - 1:05b}", *(f"{size - 1:04b}" for size in (2, 4, 8, 16))]
    position = 0
    while position < words.size:
        rest = words[position : position + 2**16]
        is_run = not rest[0]
        same = np.flatnonzero(rest) if is_run else np.flatnonzero((rest.reshape(-1, 4) == 0).all(axis=1)) * 4
        count = int(same[0]) if len(same) else len(rest)
        which, size = next((which, size) for which, size in enumerate((2, 4, 8, 16)) if count <= 2**size)
        bits.append(f"{int(is_run)}{which:02b}{count - 1:0{size}b}")
        bits.append(f"{0:08b}" if is_run else "".join(f"{word:08b}" for word in rest[:count]))
        position += count
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return [int(text[start : start + 8], 2) for start in range(0, len(text), 8)]
