"""The inputs of a colour splash, and the output file of each."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from fmask.apps.video.sources import VIDEO_SUFFIXES, Camera, camera_name, find_camera, is_video
from fmask.apps.video.writing import FORMATS, check_format
from fmask.data.paths import PHOTO_SUFFIXES
from fmask.inference.inputs import find_photos, is_photo
from fmask.utils.errors import UserError
from fmask.utils.files import check_folder

_SPLASH = "_splash"
_DEFAULT_PHOTO, _DEFAULT_VIDEO = ".jpg", ".mp4"
"""Suffixes of outputs when the format of the input cannot be written."""


@dataclass(frozen=True)
class Target:
    """An input and its output file."""

    source: Path | Camera
    """A photo, a video, or a camera."""
    output: Path

    @property
    def is_photo(self) -> bool:
        """Whether the source is a photo."""
        return isinstance(self.source, Path) and not is_video(self.source)


def find_targets(inputs: Sequence[str], output: Path | None) -> list[Target]:
    """Find the photos, videos and cameras that `inputs` name, and choose their output files.

    A folder stands for the photos and videos directly in it. In folders and patterns, outputs of earlier runs
    (NAME_splash beside NAME) are skipped.

    Args:
        inputs: photos, videos, folders, patterns such as `site/**/*.mp4`, and cameras.
        output: a file, if there is a single input that is neither a folder nor a pattern; otherwise a folder, which is
            created. With None, NAME_splash is written beside each input, and in the working directory for cameras.

    Returns:
        The targets in the order of `inputs`, each source once.

    Raises:
        UserError: an input does not exist, or an output cannot be written, would overwrite an input, or belongs to
            two inputs.
    """
    sources = list(dict.fromkeys(source for given in inputs for source in _sources(given)))
    if output is not None and len(inputs) == 1 and _is_single(inputs[0]) and not output.is_dir():
        targets = [Target(sources[0], output)]
        check_folder(output)
        _check(targets)
        return targets
    targets = [Target(source, _named(source, output)) for source in sources]
    _check(targets)
    if output is not None:
        _make_folder(output)
    return targets


def _sources(given: str) -> list[Path | Camera]:
    camera = find_camera(given)
    if camera is not None:
        return [camera]
    path = Path(given)
    if path.is_dir() or (has_magic(given) and not path.is_file()):
        return _members(given)
    if is_video(path):
        if not path.is_file():
            raise UserError(f"There is no video file {given}.")
        return [path]
    return [*find_photos([given])]


def _members(given: str) -> list[Path | Camera]:
    """Return the photos and videos of a folder or a pattern, sorted by name, without outputs of earlier runs."""
    path = Path(given)
    paths = path.iterdir() if path.is_dir() else map(Path, glob(given, recursive=True))  # noqa: PTH207 - see inputs
    found = sorted(each for each in paths if is_photo(each) or (is_video(each) and each.is_file()))
    if not found:
        where = "the folder has" if path.is_dir() else "the pattern matches"
        endings = ", ".join(sorted({*PHOTO_SUFFIXES, *VIDEO_SUFFIXES}))
        raise UserError(f"{given}: {where} no photos or videos; they end in {endings}.")
    present = {(each.parent, each.stem) for each in found}
    return [
        each
        for each in found
        if not (each.stem.endswith(_SPLASH) and (each.parent, each.stem.removesuffix(_SPLASH)) in present)
    ]


def _is_single(given: str) -> bool:
    """Return whether the input is a single file or camera, not a folder or a pattern."""
    return find_camera(given) is not None or Path(given).is_file()


def _named(source: Path | Camera, folder: Path | None) -> Path:
    if not isinstance(source, Path):
        return (folder or Path()) / f"{camera_name(source)}{_SPLASH}{_DEFAULT_VIDEO}"
    known, default = (FORMATS, _DEFAULT_VIDEO) if is_video(source) else (PHOTO_SUFFIXES, _DEFAULT_PHOTO)
    suffix = source.suffix if source.suffix.lower() in known else default
    return (folder or source.parent) / f"{source.stem}{_SPLASH}{suffix}"


def _check(targets: Sequence[Target]) -> None:
    inputs = {target.source.resolve() for target in targets if isinstance(target.source, Path)}
    sources: dict[Path, Path | Camera] = {}
    for target in targets:
        output = target.output.resolve()
        if output in inputs:
            raise UserError(f"{target.output} is an input and is not overwritten; choose another output with -o.")
        if output in sources:
            raise UserError(
                f"{target.output} would be the output of both {sources[output]} and {target.source}; "
                "process them in separate runs."
            )
        sources[output] = target.source
        if not target.is_photo:
            check_format(target.output)
        elif target.output.suffix.lower() not in PHOTO_SUFFIXES:
            known = ", ".join(sorted(PHOTO_SUFFIXES))
            raise UserError(f"The name of an output photo must end in one of {known}, not {target.output}.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be created: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"The folder {folder} is not writable.")
