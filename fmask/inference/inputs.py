"""Search for the photos that command-line arguments name: files, folders and patterns."""

from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from fmask import tracking
from fmask.data.paths import PHOTO_SUFFIXES
from fmask.utils.errors import UserError

SUFFIXES = ", ".join(sorted(PHOTO_SUFFIXES))


def find_photos(inputs: Sequence[str]) -> list[Path]:
    """Find photo files.

    Args:
        inputs: files, folders and patterns. A file may have any suffix. A folder stands for the photos directly in it.
            A pattern is, for example, `site/**/*.jpg`.

    Returns:
        Each photo once, in the order of `inputs`; the photos of a folder or a pattern are sorted by name.

    Raises:
        UserError: an input does not exist or contains no photos.
    """
    found = [path for each in inputs for path in _photos_of(each)]
    return list(dict.fromkeys(found))


def _photos_of(name: str) -> list[Path]:
    path = Path(name)
    if path.is_file():
        return [path]
    if path.is_dir():
        photos = sorted(each for each in path.iterdir() if is_photo(each))
        if not photos:
            raise UserError(f"{name}: the folder has no photos; photos end in {SUFFIXES}.")
        return photos
    if has_magic(name):
        matches = glob(name, recursive=True)  # noqa: PTH207 - Path.glob does not accept absolute patterns
        photos = sorted(each for each in map(Path, matches) if is_photo(each))
        if not photos:
            raise UserError(f"{name}: the pattern matches no photo; photos end in {SUFFIXES}.")
        return photos
    if tracking.is_run_reference(name):
        raise UserError(f"{name} is a run, not photos; the model comes first, then the photos.")
    raise UserError(f"{name}: there is no such photo, folder or pattern.")


def is_photo(path: Path) -> bool:
    """Return whether `path` is a file with the suffix of a photo, and not hidden: macOS writes ._a.jpg beside a.jpg."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.is_file()
