"""Bad overrides, annotation files and photos, one in a row, each with words that the error message must contain.

Every row begins with a short name. `tests/test_bad_inputs.py` runs the tables.
"""

import io
import json
from typing import Any

import numpy as np
from PIL import Image

from tests.helpers import seeds

TRAIN = [
    ("typing error", "stepz=50", "stepz=50: unknown key 'stepz'; did you mean steps?"),
    ("no value", "steps", "'steps' is not a valid override; write KEY=VALUE"),
    ("unclosed bracket", "lr=[1", "'lr=[1' is not a valid override"),
    ("unknown below a group", "loss.name=x", "unknown key 'loss.name'; did you mean"),
    ("unlike any key", "qqq=1", "unknown key 'qqq'; the top-level keys are aug, backbone, data"),
    ("added unknown", "+stepz=50", "+stepz=50: unknown key 'stepz'"),
    ("unknown choice", "aug=sharpe", "aug=sharpe: unknown choice; aug must be one of blur, fliplr_clahe"),
    ("null as a choice", "recipe=null", "recipe=null: unknown choice; recipe must be one of report, scratch"),
    ("two choices", "aug=[blur,none]", "aug=[blur,none]: unknown choice; aug must be one of"),
    ("choice added", "+aug=blur", "+aug=blur: aug already exists; remove the +"),
    (
        "unknown name of a choice",
        "backbone.name=vgg",
        "backbone.name must be resnet18 or resnet50 or resnet101, not vgg",
    ),
    ("removed setting", "~lr", "~lr: settings cannot be removed; use lr=VALUE to change the value"),
    ("word for a number", "steps=many", "steps=many: steps must be a whole number"),
    ("fraction for a whole number", "steps=1.5", "steps=1.5: steps must be a whole number"),
    ("null for a number", "lr=null", "lr=null: lr must be a number"),
    ("word for a boolean", "antialias=maybe", "antialias=maybe: antialias must be true or false"),
    ("number for a list", "anchors.scales=8", "anchors.scales=8: anchors.scales must be a list in brackets"),
    ("word for a group", "jitter=none", "jitter=none: jitter must be set key by key, as in jitter.flip=VALUE."),
    ("below its range", "steps=0", "steps must be between 1 and 1000000, not 0."),
    ("above its range", "seed=2147483648", "seed must be between 0 and 2147483647, not 2147483648."),
    ("NaN", "lr=nan", "lr must be between 1e-09 and 10, not nan."),
    ("not a multiple", "crop_size=100", "crop_size must be a multiple of 32, such as 96, not 100."),
    ("unknown word", "optim.decay=step", "optim.decay must be constant or cosine, not step"),
    (
        "too few scales",
        "anchors.scales=[8,16]",
        "anchors.scales must be five positive sides in pixels, for P2 to P6, not [8.0, 16.0].",
    ),
    ("NaN scale", "anchors.scales=[8,16,32,64,nan]", "anchors.scales must be five positive sides in pixels"),
    ("negative loss weight", "loss.rpn_class=-5", "loss.rpn_class must be between 0 and 1000, not -5."),
    ("more regions than proposals", "proposals.train=3", "proposals.train must be at least regions.count="),
    ("too small a share of positives", "regions.positive=0.01", "regions.positive=0.01 of regions.count="),
    ("unknown part", "schedule.parts.one.steps=5", "schedule.parts has no key 'one'; it has no keys"),
    ("unknown setting of a part", "+schedule.parts.one.stepz=5", "unknown key 'schedule.parts.one.stepz'"),
    (
        "unknown split",
        "data.counts.rest=5",
        "data.counts has no key 'rest'; its keys are train, val, test",
    ),
    (
        "no photos in a split",
        "data.counts.val=0",
        "data.counts must have at least one photo for each of train, val, test",
    ),
    (
        "missing data folder",
        "data.root=nowhere",
        "data.root=nowhere is not a folder; it must be a folder with train, val, test",
    ),
    ("study without a name", "study=", "study= is empty; it must be the name of an MLflow experiment."),
    ("study outside multirun", "study=../../x", "study=../../x must not contain . or .. as a folder"),
    ("study in the parent folder", "study=..", "study=.. must not contain . or .. as a folder"),
    ("study with a parent folder", "study=a/../../x", "study=a/../../x must not contain . or .. as a folder"),
    ("unknown augmenter", "aug.augmenters=[{Sharpenn: {}}]", "imgaug has no augmenter called 'Sharpenn'"),
    (
        "wrong argument of an augmenter",
        "aug.augmenters=[{Lambda: {func_images: x}}]",
        "cannot be applied to a photo: 'str' object",
    ),
    (
        "missing weight file",
        "weights=nowhere.h5",
        "weights=nowhere.h5: there is no such file; expected none, coco",
    ),
    ("weights of an empty run id", "weights=runs:/", "weights=runs:/ is incomplete; expected none, coco"),
    ("weights with too long a name", f"weights={'x' * 300}", "xxx: File name too long."),
    ("folder as weights", "weights=.", "weights=. is a folder; expected none, coco"),
    ("text file as weights", "weights=text.h5", "weights=text.h5 is not an HDF5 file; expected none, coco"),
    (
        "weights for another backbone",
        "weights=imagenet",
        "weights=imagenet does not exist for resnet18, only for resnet50",
    ),
    (
        "unset environment variable",
        "study=${oc.env:NOBODY_SET_THIS}",
        "Environment variable 'NOBODY_SET_THIS' not found",
    ),
    (
        "environment variable of the wrong type",
        "lr=${oc.env:FMASK_TEST_SECRET}",
        "lr: While dereferencing interpolation",
    ),
    ("password in an override", "x.y=a://me:hunter2@h?a=b", "'x.y=a://me:***@h?a=b' is not a valid override"),
]
"""Of `fmask train`: name, override, message."""

SWEEP = [
    ("one bad value of several", "steps=5,0", "steps must be between 1 and 1000000, not 0."),
    ("empty range", "steps=range(1,0)", "steps=range(1,0) has no values; it must have at least one."),
    (
        "too long a range",
        "steps=range(1,100000000)",
        "steps=range(1,100000000) has more than 10000 values; at most 10000 are allowed.",
    ),
    ("too many jobs", "seed=range(0,200) steps=range(1,200)", "The grid has 39800 jobs; at most 10000 are allowed."),
    (
        "interval in a grid",
        "lr=interval(0.1,1)",
        "lr=interval(0.1,1): a grid cannot use an interval; hydra/sweeper=optuna can.",
    ),
    ("no parallel jobs", "hydra.launcher.jobs=0", "hydra.launcher.jobs must be at least 1, not 0."),
    ("unknown launcher", "hydra/launcher=cloud", "Could not find 'hydra/launcher/cloud'; available: basic, local"),
    (
        "unknown sweeper setting",
        "hydra.sweeper.colour=1",
        "hydra.sweeper has no key 'colour'; its keys are resume, metrics.",
    ),
    ("missing package", "hydra/launcher=slurm", "hydra/launcher=slurm needs a package that is not installed"),
    (
        "search without trials",
        "hydra/sweeper=optuna hydra.sweeper.trials=0",
        "hydra.sweeper.trials must be at least 1, not 0.",
    ),
    (
        "storage with a password",
        "hydra/sweeper=optuna lr=interval(0.1,1) hydra.sweeper.storage=postgresql://me:hunter2@host/x",
        "storage=postgresql://me:***@host/x contains a password, which would be saved in each job's folder: put",
    ),
    (
        "unset environment variable in the storage",
        "hydra/sweeper=optuna lr=interval(0.1,1) 'hydra.sweeper.storage=${oc.env:NOBODY_SET_THIS}'",
        "hydra.sweeper.storage: Environment variable 'NOBODY_SET_THIS' not found",
    ),
    (
        "unset environment variable in jobs",
        "seed=1,2 'hydra.launcher.jobs=${oc.env:NOBODY_SET_THIS}'",
        "hydra.launcher.jobs: Environment variable 'NOBODY_SET_THIS' not found",
    ),
    (
        "word for jobs from the environment",
        "seed=1,2 'hydra.launcher.jobs=${oc.env:FMASK_TEST_SECRET}'",
        "hydra.launcher.jobs: While dereferencing interpolation",
    ),
    (
        "exchanged ends",
        "hydra/sweeper=optuna lr=interval(1,0)",
        "lr=interval(1,0): the interval must have its smaller end first.",
    ),
    (
        "logarithm of zero",
        "hydra/sweeper=optuna lr=tag(log,interval(0,1))",
        "the interval must have two positive ends, the smaller first.",
    ),
    ("end out of range", "hydra/sweeper=optuna lr=interval(0.1,100)", "lr must be between 1e-09 and 10, not 100."),
    (
        "fractions for a whole number",
        "hydra/sweeper=optuna steps=interval(1,9)",
        "steps=1.0: steps must be a whole number",
    ),
    (
        "search space of one value",
        "hydra/sweeper=optuna +hydra.sweeper.space.lr=5",
        "lr=5 must be choice(...), range(...), interval(...) or glob(...).",
    ),
    (
        "search space of an unknown key",
        "hydra/sweeper=optuna \"+hydra.sweeper.space.lrr='choice(1,2)'\"",
        "unknown key 'lrr'",
    ),
]
"""Of `fmask sweep`: name, overrides, message."""


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
        "COCO with unknown categories",
        _coco(categories=[{"id": 1, "name": "dog"}, {"id": 2, "name": "hat"}]),
        "'dog': map each to one of",
    ),
    (
        "COCO with terminal escapes",
        _coco(categories=[{"id": 1, "name": "\x1b[2J"}, {"id": 2, "name": "hat"}]),
        "the unknown categories '\\x1b[2J': map each to one of 'hat', 'mask', as in --category \"NAME=hat\"",
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
    ("no regions", _via(regions=[]), "no regions", "listed without regions"),
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
