"""File names in a data set: the annotation file, photo suffixes, and photo names relative to their folder."""

from pathlib import Path, PureWindowsPath
from unicodedata import normalize

from fmask.utils.errors import UserError

ANNOTATIONS = "via_region_data.json"
"""Name of the annotation file in a split's folder."""

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"})
"""Suffixes of photo files, in lower case."""


def relative_name(folder: Path, photo: Path) -> str:
    """Return the path of `photo` relative to `folder`, with slashes, as annotation files name photos.

    Raises:
        UserError: the photo is not below the folder.
    """
    if photo.is_relative_to(folder) and ".." not in photo.parts:  # links below the folder keep their own names
        return photo.relative_to(folder).as_posix()
    path, folder = photo.parent.resolve() / photo.name, folder.resolve()
    if not path.is_relative_to(folder):
        raise UserError(f"{photo} lies outside {folder}; annotations name photos by their path below that folder.")
    return path.relative_to(folder).as_posix()


def spelled_as_file(folder: Path, name: str) -> str:
    """Return the name of a photo in `folder` in the spelling of its file.

    A name that leads to no file may have backslashes for slashes, as programs on Windows write them, or its accents in
    another of Unicode's two forms: macOS separates them from their letters (NFD), most programs do not (NFC). A name
    that leads to no file in any spelling, or out of the folder, is returned unchanged.
    """
    if not is_inside(name):
        return name
    slashes = name.replace("\\", "/")
    spellings = [name, slashes, *(normalize(form, each) for each in (name, slashes) for form in ("NFC", "NFD"))]
    try:
        return next((each for each in spellings if (folder / each).is_file()), name)
    except (OSError, ValueError):  # for example, the name is too long
        return name


def is_inside(name: str) -> bool:
    """Return whether `name` is a relative path without `..`; Windows separators and drives are recognised too."""
    parts = PureWindowsPath(name)
    return not (parts.anchor or ".." in parts.parts or "\0" in name)
