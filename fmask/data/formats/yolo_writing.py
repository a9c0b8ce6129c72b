"""Write YOLO segmentation data sets; `fmask.data.formats.yolo` describes the format.

An object of several parts or with holes becomes one polygon, whose parts are joined by bridges without width. Regions
to ignore cannot be written: the format has none.
"""

import shutil
from pathlib import Path

import numpy as np
import yaml

from fmask.data.config import OTHER_NAMES, SPLITS
from fmask.data.formats import yolo
from fmask.data.paths import relative_name
from fmask.structures.annotations import Photo, Split
from fmask.utils.errors import UserError
from fmask.utils.files import os_reason, write_text


def split_name(split: Split) -> str:
    """Return the name under which a split is written: its own, as in `SPLITS`, else train."""
    name = OTHER_NAMES.get(split.name.lower(), split.name)
    return name if name in SPLITS else SPLITS[0]


def write_split(split: Split, folder: Path, target: Path, overwrite: bool) -> None:
    """Write a split to a YOLO data set, which may have other splits already: `images`, `labels` and `data.yaml`.

    Photos are copied, because the format finds text files by the folders of the photos.

    Args:
        split: the photos; their classes are appended to those that the data set has.
        folder: the folder that the photos' names are relative to.
        target: the folder of the data set, which is created if necessary.
        overwrite: whether files of the split may exist.

    Raises:
        UserError: the split exists, two photos differ only in their suffix, or a file cannot be read or written.
    """
    config = target / yolo.CONFIG
    settings = yolo.read_config(config) if config.exists() else {}
    names = list(yolo.read_names(config).values()) if config.exists() else []
    present = {region.label for photo in split.photos for region in photo.regions}
    names += [label for label in split.classes if label not in names and (label in present or not config.exists())]
    images, labels = (target / kind / split_name(split) for kind in (yolo.IMAGES, yolo.LABELS))
    if labels.exists() and not overwrite:
        raise UserError(f"{labels} already exists; --overwrite replaces its files.")
    written: set[str] = set()
    try:
        for photo in split.photos:
            name = relative_name(folder, photo.path).removeprefix(f"{yolo.IMAGES}/")
            stem = Path(name).with_suffix("").as_posix()
            if stem in written:
                raise UserError(f"{photo.path}: another photo has the same name and another suffix; YOLO needs one.")
            written.add(stem)
            for file in (images / name, labels / f"{stem}.txt"):
                file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo.path, images / name)
            write_text("".join(f"{line}\n" for line in _lines(photo, names)), labels / f"{stem}.txt")
        paths = {each: settings[each] for each in SPLITS if each in settings}
        paths[split_name(split)] = f"{yolo.IMAGES}/{split_name(split)}"
        ordered = {each: paths[each] for each in SPLITS if each in paths}
        write_text(yaml.safe_dump({**ordered, "names": dict(enumerate(names))}, sort_keys=False), config)
    except OSError as error:
        raise UserError(f"{target} cannot be written: {os_reason(error)}.") from error


def _lines(photo: Photo, names: list[str]) -> list[str]:
    """Return a line for each object of a photo."""
    lines = []
    for region in photo.regions:
        if region.label is not None and not region.ignore:
            shares = (region.polygon + 0.5) / (photo.width, photo.height)
            if region.box_only:
                (left, top), (right, bottom) = shares.min(axis=0), shares.max(axis=0)
                shares = np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])
            lines.append(" ".join([str(names.index(region.label)), *(f"{share:.12g}" for share in shares.ravel())]))
    return lines
