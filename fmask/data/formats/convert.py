"""Convert annotations of any format that is read to VIA, COCO, YOLO or LabelMe files."""

import json
from collections import Counter
from pathlib import Path

from fmask.data.config import ReadOptions
from fmask.data.formats import coco, labelme, via, yolo_writing
from fmask.data.formats.read import find_annotations, read_file
from fmask.data.paths import relative_name
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError
from fmask.utils.files import os_reason, write_text

FORMATS = ("coco", "via", "yolo", "labelme")
"""The formats that are written."""
FOLDER_FORMATS = ("yolo", "labelme")
"""Those with a file for each photo."""


def convert(
    source: Path,
    target: Path,
    photos: Path | None = None,
    options: ReadOptions | None = None,
    to: str | None = None,
    overwrite: bool = True,
) -> Split:
    """Convert annotations to another format.

    In COCO and VIA files, polygons, labels, ignore marks and photos without objects are preserved exactly, except for
    what reading clips or leaves out, which is recorded in the faults of the result. Masks become outlines, in VIA files
    of one polygon whose parts are joined by bridges without width. Photos keep their names, which are relative to the
    folder `photos`.

    Args:
        source: an annotation file, or a folder with annotations (see `find_annotations`).
        target: the file to write; for `yolo`, the folder of the data set, and for `labelme`, the folder of the files.
        photos: the folder that the source's photo names are relative to; by default, the folder of the source.
        options: how the source is read; None for the defaults.
        to: one of `FORMATS`; None for `coco` if the source is a VIA file, and for `via` otherwise.
        overwrite: whether existing files of `FOLDER_FORMATS` are replaced; other files always are.

    Returns:
        The annotations that were written.

    Raises:
        UserError: the source cannot be read or lists no usable photo, or the target cannot be written.
    """
    file = find_annotations(source) if source.is_dir() else source
    folder = photos or (source if source.is_dir() else file.parent)
    split = read_file(file, folder, options)
    if not split.photos:
        fault = next(iter(split.faults), None)
        example = f"; {fault.file}: {fault.kind}, {fault.detail}" if fault else ""
        raise UserError(f"{file} lists no usable photo in {folder}{example}.")
    match to or ("via" if split.is_coco else "coco"):
        case "via":
            write_text(json.dumps(via.export(folder, split.photos)), target)
        case "coco":
            named = ((relative_name(folder, photo.path), photo) for photo in split.photos)
            write_text(coco.dataset_text(named, split.classes), target)
        case "yolo":
            yolo_writing.write_split(split, folder, target, overwrite)
        case "labelme":
            _write_labelme(split, folder, target, overwrite)
    return split


def _write_labelme(split: Split, folder: Path, target: Path, overwrite: bool) -> None:
    """Write a LabelMe file for each photo."""
    names = [Path(relative_name(folder, photo.path)).with_suffix(".json") for photo in split.photos]
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise UserError(f"Two photos would have the LabelMe file {twice}: their names differ only in the suffix.")
    for file, photo in zip([target / name for name in names], split.photos, strict=True):
        if file.exists() and not overwrite:
            raise UserError(f"{file} already exists; --overwrite replaces it.")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{file} cannot be written: {os_reason(error)}.") from error
        write_text(json.dumps(labelme.document_of(photo, file)), file)
