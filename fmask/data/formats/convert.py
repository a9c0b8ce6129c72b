"""From VIA's annotation files to COCO's, and back."""

import json
from collections.abc import Mapping
from pathlib import Path

from fmask.data.formats import coco
from fmask.data.formats.read import find_export, read_file
from fmask.data.formats.via import export
from fmask.data.paths import relative_name
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError
from fmask.utils.files import write_text


def convert(
    source: Path, target: Path, photos: Path | None = None, categories: Mapping[str, str] | None = None
) -> Split:
    """Write what VIA annotated as a COCO file, or what a COCO file holds as a VIA 2.x export.

    Polygons, labels and marks to ignore come through unchanged, but for what reading repairs or leaves out: that is
    told in the result's faults. Photos keep their names, which count from the folder `photos`.

    Args:
        source: an annotation file, or a folder with one (see `find_export`).
        target: the file to write.
        photos: the folder that the source's file names count from, where it is not the source's own.
        categories: that of `fmask.data.formats.coco.read_entries`.

    Raises:
        UserError: the source cannot be read or holds no photo that is there, or the target cannot be written.
    """
    file = find_export(source) if source.is_dir() else source
    folder = photos or file.parent
    split = read_file(file, folder, categories)
    if not split.photos:
        told = f"; {fault.file}: {fault.kind}, {fault.detail}" if (fault := next(iter(split.faults), None)) else ""
        raise UserError(f"{file} lists no annotated photo that is in {folder}{told}.")
    if split.is_coco:
        text = json.dumps(export(folder, split.photos))
    else:
        text = coco.dataset_text((relative_name(folder, photo.path), photo) for photo in split.photos)
    write_text(text, target)
    return split
