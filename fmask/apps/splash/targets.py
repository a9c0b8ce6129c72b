"""What is read and what is written: one file for each photo, video or camera that a person points at."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fmask.apps.video.reading import VIDEO_SUFFIXES
from fmask.apps.video.writing import FORMATS, check_format
from fmask.data.paths import PHOTO_SUFFIXES
from fmask.inference.inputs import find_photos
from fmask.utils.errors import UserError

_MARK = "_splash"
_PHOTO, _VIDEO = ".jpg", ".mp4"
"""Written where the input's own kind is none that can be."""


@dataclass(frozen=True)
class Target:
    """One thing to read, and the file that is made from it."""

    source: Path | int
    """A photo, a video, or a camera's number."""
    output: Path

    @property
    def is_photo(self) -> bool:
        return isinstance(self.source, Path) and not _is_video(self.source)


def find_targets(inputs: Sequence[str], output: Path | None) -> list[Target]:
    """Everything that `inputs` stand for, each once, in their order.

    What earlier runs made of other inputs, NAME_splash, is passed over in folders and patterns.

    Args:
        inputs: photos, folders of photos and patterns, as `find_photos` takes them; videos; and cameras by number.
        output: where results go: a file, where there is one input that is no folder and no pattern, else a folder.
            None puts each beside its input, and those of cameras here, as NAME_splash.

    Raises:
        UserError: an input stands for nothing, or an output could not be written, would replace an input, or is that of
            two inputs.
    """
    sources = list(dict.fromkeys(source for given in inputs for source in _sources(given)))
    if output is not None and len(inputs) == 1 and _is_single(inputs[0]) and not output.is_dir():
        targets = [Target(sources[0], output)]
        if not output.parent.is_dir():
            raise UserError(f"{output}: there is no folder {output.parent}.")
        _check(targets)
        return targets
    targets = [Target(source, _named(source, output)) for source in sources]
    _check(targets)
    if output is not None:
        _make_folder(output)
    return targets


def _sources(given: str) -> list[Path | int]:
    path = Path(given)
    if given.isdecimal() and not path.exists():
        return [int(given)]
    if _is_video(path):
        if not path.is_file():
            raise UserError(f"{given}: there is no such video.")
        return [path]
    photos = find_photos([given])
    present = {(photo.parent, photo.stem) for photo in photos}
    earlier = [p for p in photos if p.stem.endswith(_MARK) and (p.parent, p.stem.removesuffix(_MARK)) in present]
    return [photo for photo in photos if photo not in earlier]


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _is_single(given: str) -> bool:
    """Whether it stands for one thing by itself, not for what a folder or a pattern happens to hold."""
    return given.isdecimal() or Path(given).is_file()


def _named(source: Path | int, folder: Path | None) -> Path:
    if isinstance(source, int):
        return (folder or Path()) / f"camera{source}{_MARK}{_VIDEO}"
    known, usual = (FORMATS, _VIDEO) if _is_video(source) else (PHOTO_SUFFIXES, _PHOTO)
    suffix = source.suffix if source.suffix.lower() in known else usual
    return (folder or source.parent) / f"{source.stem}{_MARK}{suffix}"


def _check(targets: Sequence[Target]) -> None:
    inputs = {target.source.resolve() for target in targets if isinstance(target.source, Path)}
    made: dict[Path, Path | int] = {}
    for target in targets:
        place = target.output.resolve()
        if place in inputs:
            raise UserError(f"{target.output} is one of the inputs, which are never overwritten; name another -o.")
        if place in made:
            raise UserError(
                f"{target.output} would be made from both {made[place]} and {target.source}; run them apart."
            )
        made[place] = target.source
        if not target.is_photo:
            check_format(target.output)
        elif target.output.suffix.lower() not in PHOTO_SUFFIXES:
            ending = target.output.suffix or "a bare name"
            raise UserError(f"{target.output}: photos end in {', '.join(sorted(PHOTO_SUFFIXES))}, not in {ending}.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made a folder: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder} cannot be written to.")
