"""How annotations call their photos, and which files are theirs."""

from pathlib import Path, PureWindowsPath

from fmask.utils.errors import UserError

ANNOTATIONS = "via_region_data.json"

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"})


def relative_name(folder: Path, photo: Path) -> str:
    """The name by which annotations in `folder` call a photo: its path from there.

    Raises:
        UserError: the photo lies elsewhere.
    """
    if photo.is_relative_to(folder) and ".." not in photo.parts:  # links in the folder keep their own names
        return photo.relative_to(folder).as_posix()
    path, folder = photo.parent.resolve() / photo.name, folder.resolve()
    if not path.is_relative_to(folder):
        raise UserError(f"{photo} lies outside {folder}; annotations call their photos by paths below their folder.")
    return path.relative_to(folder).as_posix()


def is_inside(name: str) -> bool:
    """Whether `name` is a relative path that does not climb. Windows' separators and drives count as well."""
    parts = PureWindowsPath(name)
    return not (parts.anchor or ".." in parts.parts or "\0" in name)
