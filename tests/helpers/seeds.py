"""Seeds for fuzzing: small valid annotation files and photos, one of each kind."""

import io
import json
import random
from copy import deepcopy
from typing import Any

import numpy as np
from PIL import Image

SHAPES: list[dict[str, Any]] = [
    {"name": "polygon", "all_points_x": [2, 8, 8, 2], "all_points_y": [3, 3, 9, 9]},
    {"name": "polyline", "all_points_x": [2, 8.5, 30], "all_points_y": [-3, 3, 9]},
    {"name": "rect", "x": 1, "y": 2, "width": 5, "height": 4},
    {"name": "circle", "cx": 9, "cy": 5, "r": 4},
    {"name": "ellipse", "cx": 9, "cy": 5, "rx": 5, "ry": 2, "theta": 0.5},
]
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0.5,
    1e7,
    1e308,
    float("nan"),
    10**40,
    [],
    {},
    "",
    "../a.png",
    "/a.png",
    "x" * 300,
    "\ud800",
    "\x1b[2J",
)
"""Values that are invalid almost everywhere."""
LABELS = ("mask", "hat", "", "visor")


def annotation_documents() -> list[dict[str, Any]]:
    """Return exports of VIA 2 and 1, a project, and COCO files of VIA and others, of a.png with 20 x 12 pixels."""
    regions = [
        {"shape_attributes": shape, "region_attributes": {"fmask": label}}
        for shape, label in zip(SHAPES, (*LABELS, "hat"), strict=True)
    ]
    entry = {"filename": "a.png", "size": 1, "regions": regions, "file_attributes": {}}
    first = {"a.png1": {**entry, "regions": {str(key): value for key, value in enumerate(regions)}}}
    outline = {"segmentation": [[2.5, 3.5, 8.5, 3.5, 8.5, 9.5]], "bbox": [2, 3, 6, 6], "area": 18}
    holes = {"segmentation": {"size": [12, 20], "counts": [30, 5, 100, 6, 99]}, "iscrowd": 1}
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 20, "height": 12}],
        "categories": [{"id": 1, "name": "mask"}, {"id": 2, "name": "hat"}],
        "annotations": [
            {"id": key, "image_id": 1, "category_id": key, "iscrowd": 0} | shape
            for key, shape in enumerate((outline, holes), start=1)
        ],
    }
    via_coco = coco | {
        "annotations": [
            {"id": 0, "image_id": "1", "category_id": "2", "iscrowd": 0, "segmentation": [2, 3, 8, 3, 8, 9]},
            {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [], "bbox": [2, 3, 6, 6]},
        ]
    }
    options = {"type": "dropdown", "options": {"mask": "hat", "visor": "mask"}}
    project = {"_via_img_metadata": {"a.png1": entry}, "_via_attributes": {"region": {"fmask": options}}}
    return [{"a.png1": entry}, first, {"_via_settings": {}} | project, via_coco, coco]


def change(document: Any, rng: random.Random) -> None:
    """Change a JSON document in place: replace, shift, remove or repeat a random part of it."""
    place: Any = None
    key: Any = None
    while isinstance(document, dict | list) and document and (place is None or rng.random() < 0.85):
        place, key = document, rng.choice(list(document) if isinstance(document, dict) else range(len(document)))
        document = place[key]
    if place is None:
        return
    match rng.choice(("replace", "nudge", "drop", "repeat")):
        case "nudge" if isinstance(document, int | float):
            place[key] = document + rng.gauss(0, 10)
        case "drop":
            del place[key]
        case "repeat" if isinstance(place, list):
            place[key:key] = place[: rng.randint(1, 60)]
        case _:
            place[key] = deepcopy(rng.choice(ODD_VALUES))


def annotation_files() -> list[bytes]:
    """Return `annotation_documents` as the contents of files."""
    return [json.dumps(document).encode() for document in annotation_documents()]


def photos() -> list[bytes]:
    """Return picture files of 20 x 12 pixels in every supported format and in most of its variants."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (noise, "JPEG", {"exif": exif}),
        (noise, "JPEG", {"progressive": True}),
        (noise.convert("CMYK"), "JPEG", {}),
        (noise.convert("L"), "JPEG", {}),
        (noise, "PNG", {}),
        (noise.convert("P"), "PNG", {}),
        (noise.convert("RGBA"), "PNG", {"save_all": True, "append_images": [noise.convert("RGBA")]}),
        (Image.fromarray(np.full((12, 20), 40_000, np.uint16)), "PNG", {}),
        (noise, "BMP", {}),
        (noise.convert("1"), "BMP", {}),
        (noise.convert("P"), "GIF", {"save_all": True, "append_images": [noise.convert("L").convert("P")]}),
        (noise, "TIFF", {"compression": "tiff_lzw"}),
        (noise.convert("CMYK"), "TIFF", {"compression": "tiff_deflate"}),
        (Image.fromarray(np.full((12, 20), 40_000, np.uint16)), "TIFF", {}),
        (noise.convert("1"), "TIFF", {"compression": "group4"}),
        (noise, "WEBP", {}),
        (noise.convert("RGBA"), "WEBP", {"lossless": True}),
    ]
    return [_encoded(image, format, **options) for image, format, options in kinds]


def _encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()
