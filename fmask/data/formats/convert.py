"""Convert annotation files from VIA to COCO and back."""

import json
from pathlib import Path

from fmask.data.config import ReadOptions
from fmask.data.formats import coco, via
from fmask.data.formats.read import find_annotations, read_file
from fmask.data.paths import relative_name
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError
from fmask.utils.files import write_text


def convert(source: Path, target: Path, photos: Path | None = None, options: ReadOptions | None = None) -> Split:
    """Convert a VIA file to a COCO file, or a COCO file to a VIA 2.x export.

    Polygons, labels, ignore marks and photos without objects are preserved exactly, except for what reading clips or
    leaves out, which is recorded in the faults of the result. Photos keep their names, which are relative to the
    folder `photos`.

    Args:
        source: an annotation file, or a folder with one (see `find_annotations`).
        target: the file to write.
        photos: the folder that the source's photo names are relative to; by default, the folder of the source.
        options: how the source is read; None for the defaults.

    Returns:
        The annotations that were written.

    Raises:
        UserError: the source cannot be read or lists no usable photo, or the target cannot be written.
    """
    file = find_annotations(source) if source.is_dir() else source
    folder = photos or file.parent
    split = read_file(file, folder, options)
    if not split.photos:
        fault = next(iter(split.faults), None)
        example = f"; {fault.file}: {fault.kind}, {fault.detail}" if fault else ""
        raise UserError(f"{file} lists no usable photo in {folder}{example}.")
    if split.is_coco:
        text = json.dumps(via.export(folder, split.photos))
    else:
        text = coco.dataset_text((relative_name(folder, photo.path), photo) for photo in split.photos)
    write_text(text, target)
    return split
