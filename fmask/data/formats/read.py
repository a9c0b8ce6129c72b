"""Read annotations and the headers of their photos to a `Split`.

Nothing is repaired silently: whatever is changed or left out is recorded as a fault of the split.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from reprlib import repr as shortly

import numpy as np

from fmask.data import images
from fmask.data.config import ReadOptions
from fmask.data.formats.find import find_annotations
from fmask.data.formats.labels import AnnotationFile, classes_of, refuse_unknown
from fmask.data.formats.limits import MAX_REGIONS
from fmask.data.formats.sources import read_annotations
from fmask.data.paths import PHOTO_SUFFIXES, is_inside, spelled_as_file
from fmask.data.polygons import clip, covers_pixel, rectangle_around
from fmask.structures.annotations import Fault, ParentOnly, Photo, PhotoEntry, Region, RegionEntry, Split, Unusable
from fmask.structures.classes import by_key, key_of
from fmask.structures.hierarchy import Hierarchy, read_hierarchy
from fmask.utils.errors import printable


def read_split(folder: Path, options: ReadOptions | None = None) -> Split:
    """Read the photos of a folder and their regions; only the headers of the photos are read.

    The annotations are those of `find_annotations`. Faults of single photos and regions are collected in the result.

    Annotation files are untrusted: photo names are relative to the folder and cannot leave it. Entries of the folder
    itself may be links to other places, though, as many users keep their photos elsewhere. Links are made by the owner
    of the folder, not by the annotations, and only pictures are read through them.

    Args:
        folder: the folder.
        options: how the file is read; None for the defaults.

    Raises:
        NoSuchCategory: `options` map a category or value that the file does not have.
        UserError: there is no such folder; it does not have exactly one annotation file or one folder of them; or they
            are in no known format, or do not have the classes that `options` expect.
    """
    return read_file(find_annotations(folder), folder, options)


def read_file(file: Path, folder: Path, options: ReadOptions | None = None) -> Split:
    """Read the photos that an annotation file lists; otherwise like `read_split`.

    Args:
        file: an annotation file, or a folder with one for each photo; see `find_annotations`.
        folder: the folder that the file's photo names are relative to.
        options: how the file is read; None for the defaults.

    Raises:
        NoSuchCategory: `options` map a category or value that the file does not have.
        UserError: there is no such folder; or the file is in no known format, or does not have the classes that
            `options` expect.
    """
    found = read_annotations(file, folder, options)
    return check_photos(found, found.options.classes or classes_of([found]))


def check_photos(found: AnnotationFile, classes: tuple[str, ...]) -> Split:
    """Check the entries of an annotation file against its photos, of which only the headers are read.

    Args:
        found: the result of `read_annotations`.
        classes: the class names of the data set.

    Raises:
        UserError: the file has other classes (see `refuse_unknown`), or the hierarchy has a leaf that is no class.
    """
    refuse_unknown(found, classes)
    hierarchy = read_hierarchy(found.options.hierarchy, classes)
    found = replace(found, options=replace(found.options, hierarchy=hierarchy))
    folder = found.folder
    faults: list[Fault] = []
    photos: list[Photo] = []
    listed: set[str] = set()
    for entry in found.entries:
        entry = replace(entry, name=spelled_as_file(folder, entry.name))
        name = Path(entry.name).as_posix()  # the same for ./a.jpg and a.jpg
        if name in listed:
            faults.append(Fault("listed twice", printable(name), None, "a second entry for the same file"))
            continue
        listed.add(name)
        try:
            photos.append(_read_photo(found, entry, classes, faults))
        except Unusable as unusable:
            faults.append(Fault(unusable.kind, printable(name), None, unusable.detail))
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.name not in listed:
            faults.append(
                Fault("unlisted photo", printable(path.name), None, "in the folder, but not in the annotations")
            )
    attribute = None if found.is_coco else found.options.attribute
    name = folder.resolve().name
    return Split(
        name,
        folder,
        classes,
        tuple(photos),
        tuple(faults),
        found.is_coco,
        attribute,
        hierarchy,
        found.mapped_out(),
    )


def _read_photo(found: AnnotationFile, entry: PhotoEntry, classes: tuple[str, ...], faults: list[Fault]) -> Photo:
    """Check a photo's entry against its file; append the faults of regions and of the file to `faults`."""
    name, path = printable(entry.name), found.folder / entry.name
    if not is_inside(entry.name):
        raise Unusable("unsafe file name", "leads out of the folder")
    try:
        if not path.is_file():
            raise Unusable("missing photo", "listed, but not in the folder")
    except (OSError, ValueError) as error:  # for example, the name is too long
        raise Unusable("missing photo", "no file can have this name") from error
    try:
        header = images.read_header(path)
    except ValueError as error:
        raise Unusable("unreadable photo", str(error)) from error
    width, height = header.width, header.height
    if entry.size is not None and entry.size != (width, height):
        raise Unusable("other size", _other_size(entry.size, header))
    faults.extend(Fault(kind, name, None, detail) for kind, detail in entry.notes)
    if header.mode != "RGB":
        faults.append(Fault("colour conversion", name, None, f"the pixels have Pillow mode {header.mode}"))
    if header.orientation > 1:
        faults.append(Fault("EXIF rotation", name, None, f"stored with orientation {header.orientation}"))
    if len(entry.regions) > MAX_REGIONS:
        raise Unusable("too many regions", f"{len(entry.regions)}; at most {MAX_REGIONS} are allowed")
    present = [index for index, region in enumerate(entry.regions) if not region.left_out]
    _check_empty(entry, len(present), found.options, faults)
    regions = []
    for index in present:
        try:
            regions.append(_read_region(found, entry, index, classes, (width, height), faults))
        except Unusable as unusable:
            faults.append(Fault(unusable.kind, name, index, unusable.detail))
    if present and not regions:
        raise Unusable("no regions", f"none of its {len(present)} regions is usable")
    return Photo(path, width, height, tuple(regions), Path(entry.name).as_posix(), entry.image_id)


def _other_size(annotated: tuple[int, int], header: images.Header) -> str:
    """Return what is wrong with the annotated width and height of a photo."""
    sizes = f"annotated as {annotated[0]} x {annotated[1]}, but it is {header.width} x {header.height}"
    if header.orientation < 5 or annotated != (header.height, header.width):
        return sizes
    return f"{sizes} after its EXIF rotation: annotate it upright, or remove the orientation from the photo"


def _check_empty(entry: PhotoEntry, count: int, options: ReadOptions, faults: list[Fault]) -> None:
    """Check that a photo has regions or counts as a photo without objects; append a wrong mark to `faults`.

    Args:
        entry: the photo.
        count: the number of its regions, without those left out by their class.
        options: what photos without regions are.
        faults: the list to append to.

    Raises:
        Unusable: it has no regions and may be a photo that nobody has looked at.
    """
    unclear = f"its `empty` is {entry.empty}, neither true nor false" if isinstance(entry.empty, str) else ""
    if count and entry.empty:
        detail = unclear or f"its `empty` is true, but it has {count} region{'' if count == 1 else 's'}"
        faults.append(Fault("marked as empty", printable(entry.name), None, detail))
    if count or entry.empty is True or options.empty_photos == "negative":
        return
    if entry.regions:
        raise Unusable("no regions", "all its regions are of classes that are left out")
    hint = "if it shows no object, mark it as `empty` (in VIA a file attribute, in CVAT a tag)"
    raise Unusable("no regions", f"listed without regions; {unclear or hint}")


def _read_region(
    found: AnnotationFile,
    photo: PhotoEntry,
    index: int,
    classes: tuple[str, ...],
    size: tuple[int, int],
    faults: list[Fault],
) -> Region:
    """Clip a region to its photo of `size` (width, height) and resolve its label; append its faults to `faults`."""
    entry, (width, height) = photo.regions[index], size
    polygon = entry.outline(width, height)
    if entry.box_only and len(polygon):
        polygon = rectangle_around(polygon)
    if len(polygon) < 3:
        raise Unusable("too few points", f"{len(polygon)}; a polygon needs at least 3")
    if entry.fault:
        kind, detail = entry.fault
        faults.append(Fault(kind, printable(photo.name), index, detail))
    near, far = -polygon.min(), (polygon.max(axis=0) - (width - 1, height - 1)).max()
    overshoot = max(near, far)
    if overshoot > photo.edge:
        kind = "outside the photo" if near > photo.edge or far > photo.far_edge else "drawn to the edge"
        detail = f"{overshoot:.3g} px beyond the outermost pixels of {width} x {height}"
        faults.append(Fault(kind, printable(photo.name), index, detail))
    whole = polygon
    if overshoot > 0:
        polygon = clip(polygon, width, height)
    coco = entry.coco(width, height) if entry.coco else None
    if not (has_pixel := covers_pixel(polygon, width, height)):
        if coco is None:
            raise Unusable("no area", "covers no pixel of the photo")
        faults.append(Fault("no pixel", printable(photo.name), index, "its outline covers no pixel's centre"))
        polygon = np.clip(whole, 0, (width - 1, height - 1))
    hierarchy = found.options.hierarchy
    label, parent = _meaning(entry, classes, hierarchy)
    if coco and (crowd_of := coco.crowd_of or (parent.leaves if parent else ())):
        coco = replace(coco, crowd_of=_classes_named(crowd_of, classes, hierarchy))
    if label is None and not (entry.label is None and coco):  # a crowd of every class is nameless on purpose
        blank = entry.label is None or str(entry.label).strip() == ""
        name = found.options.attribute
        empty = f"`{name}` is empty" if name and not found.is_coco else "it has no label"
        expected = ", ".join((*classes, *hierarchy))
        detail = empty if blank else f"{shortly(entry.label)}; expected one of {expected}"
        faults.append(Fault("blank label" if blank else "unknown label", printable(photo.name), index, detail))
    ignore = entry.ignore or label is None or parent is not None
    return Region(label, polygon, ignore, index, classes, coco, has_pixel, entry.box_only, parent)


def _meaning(entry: RegionEntry, classes: Sequence[str], hierarchy: Hierarchy) -> tuple[str | None, ParentOnly | None]:
    """Return the class or the parent that a label names, or None, and what is known of an object of that parent."""
    if not isinstance(entry.label, str):
        return None, None
    label = by_key((*classes, *hierarchy)).get(key_of(entry.label))
    if label is None or entry.ignore or label not in hierarchy:
        return label, None
    return label, ParentOnly(1 + len(classes) + list(hierarchy).index(label), hierarchy[label])


def _classes_named(names: Iterable[str], classes: Sequence[str], hierarchy: Hierarchy) -> tuple[str, ...]:
    """Return the classes that names mean, for parents their leaves; without unknown names."""
    known = {key_of(name): (name,) for name in classes} | {key_of(name): own for name, own in hierarchy.items()}
    return tuple(dict.fromkeys(each for name in names for each in known.get(key_of(name), ())))
