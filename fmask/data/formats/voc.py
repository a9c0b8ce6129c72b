"""Pascal VOC files (http://host.robots.ox.ac.uk/pascal/VOC/): one XML file of boxes for each photo.

The objects have boxes without outlines. Pixels are counted from 1, and boxes include their last pixels.
"""

from collections.abc import Callable, Iterable
from pathlib import Path, PureWindowsPath
from xml.etree.ElementTree import Element

from fmask.data.formats.translation import Translation, find_photo, number
from fmask.data.paths import PHOTO_SUFFIXES
from fmask.utils.errors import UserError

FOLDER, PHOTOS = "Annotations", "JPEGImages"
"""The folders of the files and of the photos, in VOC's own layout."""


def is_voc(root: Element) -> bool:
    """Return whether an XML document is a Pascal VOC file."""
    return root.tag == "annotation"


def read(files: Iterable[Path], folder: Path, parse: Callable[[Path], Element]) -> Translation:
    """Read Pascal VOC files.

    Args:
        files: the files.
        folder: the folder of the photos: they lie in it or in its folder `PHOTOS`.
        parse: parses an XML file; it may raise `UserError`.

    Raises:
        UserError: a file is not a Pascal VOC file, or an object has no name.
    """
    translation = Translation()
    for file in files:
        root = parse(file)
        if not is_voc(root):
            raise UserError(f"{file} is not a Pascal VOC file, but others in its folder are; move it elsewhere.")
        size = [_side(root.findtext(f"size/{key}")) for key in ("width", "height")]
        photo = translation.add_photo(_photo_name(file, root, folder), (size[0], size[1]))
        for index, each in enumerate(root.iterfind("object")):
            name = each.findtext("name")
            if name is None:
                raise UserError(f"{file}: object {index} has no <name>.")
            box = each.find("bndbox")
            translation.add_box(photo, name, lambda width, height, box=box: _corners(box))  # type: ignore[misc]
    return translation


def _photo_name(file: Path, root: Element, folder: Path) -> str:
    """Return the name of a file's photo: its `filename`, or that of the file with the suffix of a photo."""
    listed = PureWindowsPath((root.findtext("filename") or "").strip()).name
    names = [each for each in (listed, *(file.stem + suffix for suffix in sorted(PHOTO_SUFFIXES))) if each]
    return find_photo(folder, [name for each in names for name in (each, f"{PHOTOS}/{each}")])


def _side(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _corners(box: Element | None) -> tuple[float, float, float, float]:
    if box is None:
        raise ValueError("it has no <bndbox>")
    left, top, right, bottom = (number(box.findtext(key)) for key in ("xmin", "ymin", "xmax", "ymax"))
    return left - 1, top - 1, right, bottom
