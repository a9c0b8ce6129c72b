"""Annotation files in which suspects are marked, to be corrected in an annotation program.

A suspect has the attribute `suspect`: its kind and suspicion, and the proposed class. Outlines that the networks
propose, for missing and sloppy ones, are further regions: their `suspect` begins with "proposed", and they are marked
to be ignored, so that they count as nothing until the mark is removed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fmask.data.formats import coco, via
from fmask.data.paths import ANNOTATIONS, relative_name
from fmask.data.polygons import join, trace
from fmask.evaluation.suspects import Kind, Suspect
from fmask.inference.outputs import SPECK, TOLERANCE
from fmask.report.suspects import describe
from fmask.report.tested import TestedPhotos
from fmask.structures.annotations import Photo, Region
from fmask.structures.run_length import area, decode_mask
from fmask.utils.errors import UserError
from fmask.utils.files import os_reason, write_text

MARK = "suspect"
"""The region attribute, in COCO files the key of an annotation, that marks suspects and proposals."""
PROPOSED = (Kind.MISSING, Kind.SLOPPY)
"""The kinds with a proposed outline."""
NAMES = {"via": ANNOTATIONS, "coco": "coco.json"}
"""The name of the file by its format."""


def write_marked(tested: TestedPhotos, suspects: Sequence[Suspect], folder: Path, format: str) -> list[Path]:
    """Write the annotations of all photos with suspects marked: a file for each folder that the annotations are in.

    Args:
        tested: the photos.
        suspects: the suspects to mark.
        folder: the folder to write to; the files are below it as the folders are below `tested.root`.
        format: via or coco.

    Returns:
        The files.

    Raises:
        UserError: a file cannot be written.
    """
    files = []
    for source in dict.fromkeys(tested.folders):
        places = [place for place, each in enumerate(tested.folders) if each == source]
        marks: dict[Path, list[str]] = {}
        photos = [_marked(tested, place, suspects, marks) for place in places]
        file = folder / source.relative_to(tested.root) / NAMES[format]
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{file.parent} cannot be created: {os_reason(error)}.") from error
        write = _via if format == "via" else _coco
        write_text(json.dumps(write(source, photos, marks, tested.classes)), file)
        files.append(file)
    return files


def _marked(tested: TestedPhotos, place: int, suspects: Sequence[Suspect], marks: dict[Path, list[str]]) -> Photo:
    """Return a photo with its proposed regions, and put the mark of each region, or "", into `marks`."""
    photo = tested.photos[place]
    own = [each for each in suspects if each.place == place]
    of_region = {each.region.index: describe(each) for each in own if each.region}
    found = marks[photo.path] = [of_region.get(region.index, "") for region in photo.regions]
    regions = list(photo.regions)
    for each in own:
        if each.kind in PROPOSED and each.mask and (outlines := _outlines(each)):
            regions.append(Region(each.label, join(outlines), True, len(regions), tested.classes))
            found.append(f"proposed, {describe(each)}")
    return replace(photo, regions=tuple(regions))


def _outlines(suspect: Suspect) -> list[np.ndarray]:
    assert suspect.mask
    return trace(decode_mask(suspect.mask), TOLERANCE * area(suspect.mask) ** 0.5, SPECK)


def _via(
    folder: Path, photos: Sequence[Photo], marks: Mapping[Path, Sequence[str]], classes: Sequence[str]
) -> dict[str, Any]:
    document = via.export(folder, photos)
    for photo, entry in zip(photos, document.values(), strict=True):
        for region, mark in zip(entry["regions"], marks[photo.path], strict=True):
            if mark:
                region["region_attributes"][MARK] = mark
    return document


def _coco(
    folder: Path, photos: Sequence[Photo], marks: Mapping[Path, Sequence[str]], classes: Sequence[str]
) -> dict[str, Any]:
    named = [(relative_name(folder, photo.path), photo) for photo in photos]
    document: dict[str, Any] = json.loads(coco.dataset_text(named, classes))
    annotations = iter(document["annotations"])
    for photo in photos:
        for region, mark in zip(photo.regions, marks[photo.path], strict=True):
            for _ in classes if region.ignore or not region.label else (region.label,):  # crowds of every class
                annotation = next(annotations)
                if mark:
                    annotation[MARK] = mark
    return document
