"""Find the annotations of a folder of photos."""

from pathlib import Path

from fmask.data.formats import foreign, mask_files, voc, yolo
from fmask.data.paths import ANNOTATIONS
from fmask.utils.errors import UserError


def find_annotations(folder: Path) -> Path:
    """Return a folder's annotations: a file, or a folder with a file for each photo.

    They are `via_region_data.json`; or else the only JSON file, or all JSON files if they are LabelMe's; or else the
    only one of: a CSV file, a CVAT file, YOLO's folder `labels`, VOC files in the folder or in `Annotations`, and the
    folder `masks`.

    Returns:
        The file; the folder `labels`, `masks` or `Annotations`; or `folder` itself for LabelMe and VOC files.

    Raises:
        UserError: there is no such folder, or there are no annotations or several.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one with photos and their annotations.")
    if (folder / ANNOTATIONS).is_file():
        return folder / ANNOTATIONS
    json_files = _files(folder, "*.json")
    if len(json_files) == 1:
        return json_files[0]
    if json_files:
        if foreign.is_labelme_file(json_files[0]):
            return folder
        names = ", ".join(path.name for path in json_files[:10])
        raise UserError(
            f"{folder} has no {ANNOTATIONS} and {len(json_files)} JSON files ({names}); expected one, or only LabelMe "
            "files."
        )
    found = _others(folder)
    if len(found) > 1:
        names = ", ".join(_shown(path, folder) for path in found)
        raise UserError(f"{folder} has several kinds of annotations ({names}); move all but one elsewhere.")
    if not found:
        raise UserError(f"{folder} has no {ANNOTATIONS} and no other annotations; {foreign.READ}.")
    return found[0]


def _others(folder: Path) -> list[Path]:
    """Return the annotations in a folder without JSON files."""
    found = _files(folder, "*.csv")
    xml_files = _files(folder, "*.xml")
    found += xml_files if len(xml_files) == 1 else [folder] if xml_files else []
    if (labels := yolo.find_labels(folder)) is not None:
        found.append(labels)
    for name, pattern in ((voc.FOLDER, "*.xml"), (mask_files.FOLDER, "*.png")):
        if _files(folder / name, pattern):
            found.append(folder / name)
    return found


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file() and not path.name.startswith("."))


def _shown(path: Path, folder: Path) -> str:
    return "XML files" if path == folder else path.name
