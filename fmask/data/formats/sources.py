"""Read annotation files of every format, without their photos."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from reprlib import repr as shortly
from typing import Any
from xml.etree.ElementTree import Element

from fmask.data.config import ReadOptions
from fmask.data.formats import (
    coco,
    cvat,
    foreign,
    label_studio,
    labelme,
    mask_files,
    via,
    via3,
    via_csv,
    voc,
    yolo,
)
from fmask.data.formats.labels import AnnotationFile
from fmask.data.formats.limits import MAX_BYTES
from fmask.data.formats.translation import Translation
from fmask.data.formats.xml_files import parse_xml
from fmask.utils.errors import UserError


def read_annotations(source: Path, folder: Path, options: ReadOptions | None = None) -> AnnotationFile:
    """Read annotations without their photos.

    Args:
        source: a file or a folder, as found by `find_annotations`.
        folder: the folder that photo names are relative to.
        options: how they are read; None for the defaults.

    Raises:
        NoSuchCategory: `options` map a category or value that the annotations do not have.
        UserError: there is no such folder; or the source is in no known format, or does not have the attribute that
            `options` expect.
    """
    options = options or ReadOptions()
    source, folder = Path(source), Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one with photos.")
    if source.is_dir():
        return _translated(_read_folder(source, folder), source, folder, options)
    if source.suffix.lower() == ".xml":
        return _translated(_read_xml(source, folder), source, folder, options)
    text = _read_text(source)
    if via_csv.is_via_csv(text):
        return _via(via_csv.to_json_export(text, source), source, folder, options)
    document = _parse(text, source)
    if coco.is_coco(document):
        return AnnotationFile(source, folder, coco.read_entries(document, source, options.map), options, is_coco=True)
    if label_studio.is_label_studio(document):
        return _translated(label_studio.read(document, source, folder), source, folder, options)
    if labelme.is_labelme(document):
        return _translated(labelme.read([source], folder, lambda _: document), source, folder, options)
    if via3.is_via3(document):
        return _via(via3.to_via2(document, source), source, folder, options)
    if kind := foreign.describe(document):
        raise UserError(f"{source} is {kind}; {foreign.READ}.")
    return _via(document, source, folder, options)


def _read_folder(source: Path, folder: Path) -> Translation:
    """Read a file for each photo."""
    if source == folder / mask_files.FOLDER:
        return mask_files.read(source, folder)
    if source not in (folder, folder / voc.FOLDER):
        return yolo.read(source, folder)
    files = sorted(each for each in source.iterdir() if each.is_file() and not each.name.startswith("."))
    if json_files := [each for each in files if each.suffix == ".json"]:
        return labelme.read(json_files, folder, lambda file: _parse(_read_text(file), file))
    if xml_files := [each for each in files if each.suffix == ".xml"]:
        return voc.read(xml_files, folder, _parse_xml)
    raise UserError(f"{source} has no annotations; {foreign.READ}.")


def _read_xml(source: Path, folder: Path) -> Translation:
    root = _parse_xml(source)
    if cvat.is_cvat(root):
        return cvat.read(root, source, folder)
    if voc.is_voc(root):
        return voc.read([source], folder, lambda _: root)
    raise UserError(f"{source} is neither a file of CVAT for images nor a Pascal VOC file; {foreign.READ}.")


def _translated(translation: Translation, source: Path, folder: Path, options: ReadOptions) -> AnnotationFile:
    return AnnotationFile(source, folder, translation.entries(source, options), options, is_coco=True)


def _via(document: Any, source: Path, folder: Path, options: ReadOptions) -> AnnotationFile:
    attribute, entries = via.read_entries(document, source, options)
    return AnnotationFile(source, folder, entries, replace(options, attribute=attribute), is_coco=False)


def _parse_xml(source: Path) -> Element:
    return parse_xml(_read_text(source), source)


def _read_text(path: Path) -> str:
    """Return the text of a file that is not too large."""
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise UserError(f"{path} has {size} bytes; an annotation file may have at most {MAX_BYTES}.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        where = f"it is not text in UTF-8 (at byte {error.start})"
        raise UserError(f"{path} is not an annotation file: {where}.") from error


def _parse(text: str, path: Path) -> Any:
    """Parse JSON, with fractions as `Decimal` for COCO files and as floats for others."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Return a JSON object as a dictionary, in which a repeated key would replace the earlier value."""
        found = dict(pairs)
        if len(found) < len(pairs):
            key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise UserError(f"{path} has the key {shortly(key)} twice in one object; a JSON key may occur only once.")
        return found

    def load(parse_float: Callable[[str], Any] | None) -> Any:
        return json.loads(text, parse_float=parse_float, object_pairs_hook=unique)

    guess = '"annotations"' in text and text.lstrip()[:1] == "{"  # rarely wrong, so large files are parsed only once
    try:
        document = load(Decimal if guess else None)
        return load(None if guess else Decimal) if coco.is_coco(document) != guess else document
    except ArithmeticError as error:
        raise UserError(f"{path} has a number whose exponent is too large.") from error
    except (ValueError, RecursionError) as error:
        if kind := foreign.describe_text(text):
            raise UserError(f"{path} is {kind}; {foreign.READ}.") from error
        raise UserError(f"{path} is not valid JSON: {error}.") from error
