"""Seeds for fuzzing: small valid annotation files and photos, one of each kind."""

import base64
import io
import json
import random
from copy import deepcopy
from typing import Any

import numpy as np
from PIL import Image

from tests.helpers import format_files

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


def annotation_documents() -> list[Any]:
    """Return JSON files of every format that is read, of a.png with 20 x 12 pixels."""
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
    return [{"a.png1": entry}, first, {"_via_settings": {}} | project, via_coco, *_other_documents(), coco]


def _other_documents() -> list[Any]:
    """Return a project of VIA 3, a LabelMe file and an export of Label Studio."""
    corners, size = [[2, 3], [8, 3], [8, 9]], {"original_width": 20, "original_height": 12}
    kind = {"aname": "fmask", "anchor_id": "FILE1_Z0_XY1", "type": 2, "options": {"0": "mask", "1": "hat"}}
    shapes = ([7, 2, 3, 8, 3, 8, 9], [2, 1, 2, 5, 4], [4, 9, 5, 5, 2], [1, 5, 5])
    via3 = {
        "project": {},
        "attribute": {"1": kind},
        "file": {"1": {"fname": "a.png", "type": 2}},
        "view": {"1": {"fid_list": [1]}},
        "metadata": {f"1_{each[0]}": {"vid": "1", "z": [], "xy": each, "av": {"1": "1"}} for each in shapes},
    }
    kinds = {"polygon": corners, "circle": corners[:2], "rectangle": corners[1:], "mask": corners[1:]}
    drawn = [
        {"label": "mask", "points": points, "shape_type": name, "group_id": 1, "flags": {"ignore": False}, "mask": MASK}
        for name, points in kinds.items()
    ]
    labelme = {"shapes": drawn, "imagePath": "a.png", "imageWidth": 20, "imageHeight": 12}
    values: dict[str, dict[str, Any]] = {
        "polygonlabels": {"points": [[10, 25], [40, 25], [40, 75]]},
        "ellipselabels": {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 30},
        "rectanglelabels": {"x": 10, "y": 25, "width": 30, "height": 50, "rotation": 5},
        "brushlabels": {"rle": format_files.encode_brush(np.arange(240).reshape(12, 20) % 7 < 3)},
    }
    results = [{"type": name, "value": value | {name: ["hat"]}} | size for name, value in values.items()]
    task = {"data": {"image": "/data/upload/1/0123abcd-a.png"}, "annotations": [{"result": results}]}
    return [via3, labelme, [task]]


def folders() -> list[dict[str, bytes]]:
    """Return files of CVAT, Pascal VOC and YOLO, PNG masks and a CSV export of VIA, of a.png with 20 x 12 pixels."""
    cvat = (
        '<annotations><image name="a.png" width="20" height="12"><polygon label="mask" points="2,3;8,3;8,9"/>'
        '<box label="hat" xtl="2" ytl="3" xbr="8" ybr="9" rotation="4"/><ellipse label="hat" cx="9" cy="5" rx="4" '
        'ry="2"/><mask label="hat" rle="1, 2, 1, 2" left="3" top="4" width="3" height="2"/></image></annotations>'
    )
    box = "<xmin>2</xmin><ymin>3</ymin><xmax>8</xmax><ymax>9</ymax>"
    voc = (
        "<annotation><filename>a.png</filename><size><width>20</width><height>12</height></size>"
        f"<object><name>hat</name><bndbox>{box}</bndbox></object></annotation>"
    )
    pixels = np.zeros((12, 20), np.uint16)
    pixels[3:9, 2:8], pixels[3:9, 8:12], pixels[0, 0] = 1001, 2, 255
    shape = '"{""name"":""rect"",""x"":1,""y"":2,""width"":5,""height"":4}","{""fmask"":""hat""}"'
    columns = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    photo = _encoded(Image.new("RGB", (20, 12)), "PNG")
    lines = "0 0.1 0.25 0.4 0.25 0.4 0.75\n1 0.5 0.5 0.2 0.25\n"
    return [
        {"annotations.xml": cvat.encode()},
        {"a.xml": voc.encode()},
        {"via.csv": f'{columns}\na.png,1,"{{}}",1,0,{shape}\n'.encode()},
        {"labels/a.txt": lines.encode(), "data.yaml": b"names: [mask, hat]\n", "images/a.png": photo},
        {"masks/a.png": _encoded(Image.fromarray(pixels), "PNG"), "classes.txt": b"mask\nhat\n"},
    ]


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


MASK = base64.b64encode(_encoded(Image.new("1", (6, 6), 1), "PNG")).decode()
"""A mask of a LabelMe file."""
