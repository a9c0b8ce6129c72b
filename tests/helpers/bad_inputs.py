"""Bad overrides, annotation files and photos, one in a row, each with words that the error message must contain.

Every row begins with a short name. `tests/test_bad_inputs.py` runs the tables.
"""

import io
import json
from typing import Any

import numpy as np
from PIL import Image

from tests.helpers import seeds


def _via(**changed: Any) -> dict[str, Any]:
    """Return a VIA export of one photo with one region, with changed entries."""
    region = {"shape_attributes": seeds.SHAPES[0], "region_attributes": {"fmask": "mask"}}
    return {"a": {"filename": "a.png", "regions": [region]} | changed}


def _coco(**changed: Any) -> dict[str, Any]:
    return seeds.annotation_documents()[-1] | changed


ANNOTATIONS: list[tuple[str, Any, str]] = [
    ("not JSON", "{", "via_region_data.json is not valid JSON: Expecting property name"),
    ("empty", "", "via_region_data.json is not valid JSON: Expecting value"),
    ("cut short", json.dumps(_via())[:60], "via_region_data.json is not valid JSON"),
    ("nested too deeply", "[" * 100_000, "via_region_data.json is not valid JSON: maximum recursion depth"),
    ("number of 5000 digits", '{"a": ' + "1" * 5000 + "}", "via_region_data.json is not valid JSON"),
    ("top-level list", [], "is not a VIA file: expected an object of photos, found list."),
    ("top-level null", "null", "is not a VIA file: expected an object of photos, found NoneType."),
    ("entry without a name", {"a": {}}, "its entry 'a' has no `filename`."),
    ("entry with a number for a name", {"a": {"filename": 3}}, "its entry 'a' has no `filename`."),
    ("entry with a long key", {"a" * 10**5: {}}, "its entry 'aaaaaaaaaaaa...aaaaaaaaaaaaa' has no `filename`."),
    ("regions given as text", _via(regions="none"), "`regions` of 'a' must be a list, not str."),
    ("region without a shape", _via(regions=[{}]), "region 0 of 'a' has no `shape_attributes` object."),
    ("number as a region", _via(regions=[3]), "region 0 of 'a' has no `shape_attributes` object."),
    ("COCO image without a name", _coco(images=[{"id": 1}]), "entry 0 of `images` has no `id` or no `file_name`."),
    ("duplicate COCO ids", _coco(images=[{"id": 1, "file_name": "a"}] * 2), "two entries of `images` have the id 1."),
    ("COCO without categories", _coco(categories=[]), "entry 0 of `annotations` has a `category_id` not among"),
    (
        "COCO with objects of the background",
        _coco(categories=[{"id": 1, "name": "Background"}, {"id": 2, "name": "hat"}]),
        "has objects with the label 'Background', which is the name of class 0; leave them out by \"data.map=",
    ),
    (
        "COCO with terminal escapes",
        _coco(categories=[{"id": 1, "name": "\x1b[2J"}, {"id": 2, "name": "hat"}]),
        "has objects with the label '\\x1b[2J', which is not printable text.",
    ),
    ("COCO without images", _coco(images=[]), "entry 0 of `annotations` has an `image_id` that is not among `images`."),
    (
        "COCO with a huge exponent",
        json.dumps(_coco()).replace("2.5", "1E9" + "9" * 30),
        "a number whose exponent is too large",
    ),
]
"""Of `read_split`: name, content of via_region_data.json, message."""

FAULTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("name with ..", _via(filename="../a.png"), "unsafe file name", "leads out of the folder"),
    ("name with .. inside", _via(filename="b/../../a.png"), "unsafe file name", "leads out of the folder"),
    ("absolute name", _via(filename="/etc/passwd"), "unsafe file name", "leads out of the folder"),
    ("name with a drive", _via(filename="C:\\a.png"), "unsafe file name", "leads out of the folder"),
    ("too long a name", _via(filename="x" * 300), "missing photo", "no file can have this name"),
    ("empty name", _via(filename=""), "missing photo", "listed, but not in the folder"),
    (
        "duplicate name",
        _via() | {"b": _via(filename="./a.png")["a"]},
        "listed twice",
        "a second entry for the same file",
    ),
    (
        "no regions",
        _via(regions=[]),
        "no regions",
        "listed without regions; if it shows no object, mark it as `empty` (in VIA a file attribute, in CVAT a tag)",
    ),
    (
        "too many regions",
        _via(regions=2001 * _via()["a"]["regions"]),
        "too many regions",
        "2001; at most 2000 are allowed",
    ),
]
"""Of `read_split`, which continues after these: name, document, kind of fault, its detail."""

SHAPES: list[tuple[str, Any, str, str]] = [
    ("unknown shape", {"name": "point", "cx": 1, "cy": 1}, "unknown shape", "'point'; expected one of polygon"),
    ("no shape", {}, "unknown shape", "None; expected one of polygon"),
    (
        "unequal lists",
        {"name": "polygon", "all_points_x": [1, 5, 9], "all_points_y": [1]},
        "bad coordinates",
        "the same length",
    ),
    (
        "numbers for lists",
        {"name": "polygon", "all_points_x": 3, "all_points_y": 3},
        "bad coordinates",
        "two lists of the same length",
    ),
    (
        "NaN",
        {"name": "circle", "cx": float("nan"), "cy": 1, "r": 1},
        "bad coordinates",
        "nan is not a number of pixels",
    ),
    (
        "text for a number",
        {"name": "circle", "cx": "9", "cy": 1, "r": 1},
        "bad coordinates",
        "'9' is not a number of pixels",
    ),
    ("long text for a number", {"name": "circle", "cx": "9" * 10**5, "cy": 1, "r": 1}, "bad coordinates", "999...999"),
    (
        "huge number",
        {"name": "circle", "cx": 1e300, "cy": 1, "r": 1},
        "bad coordinates",
        "1e+300 is not a number of pixels",
    ),
    (
        "missing number",
        {"name": "rect", "x": 1, "y": 1, "width": 5},
        "bad coordinates",
        "None is not a number of pixels",
    ),
    (
        "two points",
        {"name": "polyline", "all_points_x": [1, 9], "all_points_y": [1, 9]},
        "too few points",
        "a polygon needs at least 3",
    ),
    (
        "outside",
        {"name": "rect", "x": 100, "y": 100, "width": 5, "height": 5},
        "no area",
        "covers no pixel of the photo",
    ),
]
"""Of `read_split`: name, shape of the first region, kind of fault, its detail."""


def _encoded(image: Image.Image, format: str) -> bytes:
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


def _bomb() -> bytes:
    """Return a picture file of 60 bytes whose header claims 30000 x 30000 pixels."""
    content = bytearray(_encoded(Image.new("L", (1, 1)), "BMP"))
    content[18:26] = np.array([30_000, 30_000], "<i4").tobytes()
    return bytes(content)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
PHOTOS: list[tuple[str, bytes, str]] = [
    ("empty", b"", "its format is not one of JPEG, PNG"),
    ("text file", b"hello", "its format is not one of JPEG, PNG"),
    (
        "PostScript",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "its format is not one of JPEG, PNG",
    ),
    ("truncated JPEG", _encoded(NOISE, "JPEG")[:900], "image file is truncated"),
    ("truncated PNG", _encoded(NOISE, "PNG")[:900], "is not a readable photo"),
    ("GIF without a size", _encoded(NOISE, "GIF")[:6] + bytes(20), "is not a readable photo"),
    ("decompression bomb", _bomb(), "more than 100 megapixels"),
    (
        "floating-point pixels",
        _encoded(Image.new("F", (4, 4)), "TIFF"),
        "pixels of Pillow mode F cannot be converted to RGB",
    ),
]
"""Of `load_image`: name, content of the file, message."""
