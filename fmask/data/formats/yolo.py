"""YOLO segmentation files (https://docs.ultralytics.com/datasets/segment/): a text file of polygons for each photo.

Each line has the index of a class and a polygon: x1 y1 x2 y2 ... as shares of the photo's width and height. A line with
four numbers is a box without an outline. The text files have the names and folders of the photos, below `labels`
instead of `images`. A photo without a text file, or with an empty one, shows no object. `data.yaml` has the names of
the classes and the folders of the splits.
"""

from pathlib import Path
from reprlib import repr as shortly
from typing import Any

import yaml

from fmask.data.config import SPLITS
from fmask.data.formats.limits import MAX_BYTES
from fmask.data.formats.translation import Translation, decimals, number
from fmask.data.paths import PHOTO_SUFFIXES, is_inside
from fmask.utils.errors import UserError, printable

CONFIG = "data.yaml"
"""The file with the names of the classes and the folders of the splits."""
IMAGES, LABELS = "images", "labels"
"""The folders of the photos and of the text files."""
_MAX_CONFIG = 2**20
"""Largest `data.yaml` in bytes."""
_CLASS_LIST = "classes.txt"
"""A list of the classes that some programs write among the text files."""


def find_labels(folder: Path) -> Path | None:
    """Return the folder of the text files for the photos in `folder`, or None if there is none.

    It is `labels` beside `images` in the folder, or the folder's own path with `labels` for its last `images`.
    """
    if (folder / LABELS).is_dir() and (folder / IMAGES).is_dir():
        return folder / LABELS
    for parts in (list(folder.parts), list(folder.absolute().parts)):
        if IMAGES in parts:
            parts[len(parts) - 1 - parts[::-1].index(IMAGES)] = LABELS
            return labels if (labels := Path(*parts)).is_dir() else None
    return None


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folders of the splits that the `data.yaml` of a data set names; empty if it has none.

    Folders must lie below the data set: a `path` to another place, as it was on another machine, is ignored.

    Raises:
        UserError: `data.yaml` cannot be read, or names a folder that does not exist below the data set.
    """
    if not (root / CONFIG).is_file():
        return {}
    config = read_config(root / CONFIG)
    base = config.get("path")
    found = {}
    for split in SPLITS:
        if (value := config.get(split)) is None:
            continue
        names = [value, value.removeprefix("../")] if isinstance(value, str) else []
        names = [f"{base}/{value}", *names] if isinstance(base, str) else names
        folders = [root / name for name in names if is_inside(name) and (root / name).is_dir()]
        if not folders:
            raise UserError(
                f"{root / CONFIG}: `{split}` must be a folder of photos below {root}, such as images/{split}, "
                f"not {shortly(value)}."
            )
        folder = folders[0]
        found[split] = folder.parent if folder.name == IMAGES else folder
    return found


def read_names(path: Path) -> dict[int, str]:
    """Return the names of the classes in a `data.yaml`, by index.

    Raises:
        UserError: the file cannot be read, or `names` is neither a list of names nor maps indices to names.
    """
    names = read_config(path).get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(
        type(key) is int and isinstance(value, str | int) for key, value in names.items()
    ):
        raise UserError(f"{path}: `names` must list the names of the classes, or map their indices to names.")
    return {key: str(value) for key, value in names.items()}


def read(labels: Path, folder: Path) -> Translation:
    """Read YOLO text files.

    Args:
        labels: their folder, as found by `find_labels`.
        folder: the folder of the photos, with a `data.yaml` in it or up to two folders above it.

    Raises:
        UserError: there is no `data.yaml`, or a text file has the index of a class that it does not name.
    """
    config = next((each for each in _above(folder) if each.is_file()), None)
    if config is None:
        raise UserError(
            f"{labels} needs a {CONFIG} with the names of the classes, in the folder above it or two above."
        )
    names = read_names(config)
    translation = Translation(names.values())
    photos = folder / IMAGES if labels == folder / LABELS else folder
    files = {each.relative_to(labels).with_suffix("") for each in labels.rglob("*.txt") if each.name != _CLASS_LIST}
    for path in sorted(photos.rglob("*")):
        if path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith("."):
            stem = path.relative_to(photos).with_suffix("")
            photo = translation.add_photo(path.relative_to(folder).as_posix())
            if stem in files or (labels / f"{stem}.txt").is_file():
                _read_file(translation, photo, labels / f"{stem}.txt", names, config)
                files.discard(stem)
    for stem in sorted(files):  # without a photo
        translation.add_photo((photos.relative_to(folder) / stem).as_posix())
    return translation


def _above(folder: Path) -> list[Path]:
    absolute = folder.absolute()
    return [folder / CONFIG, *(each / CONFIG for each in list(absolute.parents)[:2])]


def read_config(path: Path) -> dict[str, Any]:
    """Return the content of a `data.yaml`.

    Raises:
        UserError: the file cannot be read, or describes key points.
    """
    try:
        if path.stat().st_size > _MAX_CONFIG:
            raise UserError(f"{path} has more than {_MAX_CONFIG} bytes, which no {CONFIG} needs.")
        config = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = printable(" ".join(str(error).split())[:300])
        raise UserError(f"{path} is not valid YAML: {reason}.") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} must map keys such as `names` to values, not be a {type(config).__name__}.")
    if "kpt_shape" in config:
        raise UserError(f"{path} has `kpt_shape`: it describes key points, but fmask reads outlines of objects.")
    return config


def _read_file(translation: Translation, photo: int, file: Path, names: dict[int, str], config: Path) -> None:
    """Add the objects of a text file."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UserError(f"{file} has more than {MAX_BYTES} bytes.")
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not a text file: {error}.") from error
    for index, line in enumerate(lines, start=1):
        if not (words := line.split()):
            continue
        name = names.get(int(words[0])) if words[0].isdecimal() and len(words[0]) < 10 else None
        if name is None:
            raise UserError(
                f"{file} line {index}: {shortly(words[0])} is not the index of a class; "
                f"{config} names the classes {', '.join(map(str, sorted(names)[:10]))}."
            )
        _add(translation, photo, name, words[1:])


def _add(translation: Translation, photo: int, name: str, words: list[str]) -> None:
    """Add an object from its numbers, which need not be valid."""
    if len(words) == 4:

        def corners(width: int, height: int) -> tuple[float, float, float, float]:
            x, y, across, down = map(number, words)
            left, top = (x - across / 2) * width, (y - down / 2) * height
            return left, top, left + across * width, top + down * height

        translation.add_box(photo, name, corners)
        return

    def polygon(width: int, height: int) -> list[list[Any]]:
        return [decimals(number(word) * (height if index % 2 else width) for index, word in enumerate(words))]

    translation.add_object(photo, name, polygon)
