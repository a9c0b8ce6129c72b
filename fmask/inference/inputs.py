"""Photos that a person points at: files, folders, patterns."""

from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from fmask.data.paths import PHOTO_SUFFIXES
from fmask.utils.errors import UserError


def find_photos(inputs: Sequence[str]) -> list[Path]:
    """The photo files that `inputs` stand for, each once, in their order; those of a folder or a pattern by name.

    Args:
        inputs: a file, taken whatever its name ends in; a folder, whose photos are taken but not those of folders in
            it; or a pattern such as `site/**/*.jpg`.

    Raises:
        UserError: one of them stands for nothing.
    """
    found = [path for each in inputs for path in _photos_of(each)]
    return list(dict.fromkeys(found))


def _photos_of(given: str) -> list[Path]:
    path = Path(given)
    if path.is_file():
        return [path]
    if path.is_dir():
        photos = sorted(each for each in path.iterdir() if is_photo(each))
        if not photos:
            raise UserError(f"{given}: the folder has no photos; they end in {', '.join(sorted(PHOTO_SUFFIXES))}.")
        return photos
    if has_magic(given):
        fitting = glob(given, recursive=True)  # noqa: PTH207 - Path.glob takes no pattern that starts at the root
        photos = sorted(each for each in map(Path, fitting) if is_photo(each))
        if not photos:
            raise UserError(f"{given}: the pattern fits no photo; they end in {', '.join(sorted(PHOTO_SUFFIXES))}.")
        return photos
    raise UserError(f"{given}: there is no such photo, folder or pattern.")


def is_photo(path: Path) -> bool:
    """Whether it is a file whose name ends as photos' names do."""
    return path.suffix.lower() in PHOTO_SUFFIXES and path.is_file()
