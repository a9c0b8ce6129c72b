"""The labels in annotation files, and the classes that they mean."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shortly

from fmask.data.config import ReadOptions
from fmask.data.formats.names import how_to_map, in_map, quoted
from fmask.structures.annotations import PhotoEntry
from fmask.structures.classes import BACKGROUND, MAX_CLASSES, by_key, key_of, most_common_spellings
from fmask.utils.errors import UserError, printable

_SHOWN = 10
"""Largest number of labels that a message lists."""


@dataclass(frozen=True)
class AnnotationFile:
    """The contents of an annotation file, not yet checked against its photos."""

    file: Path
    folder: Path
    """The folder that photo names are relative to."""
    entries: list[PhotoEntry]
    options: ReadOptions
    """How it was read; for a VIA file, with the attribute that holds the class."""
    is_coco: bool

    def labels(self) -> Counter[str]:
        """Return the number of regions of each label, after mapping; without blank labels and regions left out."""
        regions = (region for entry in self.entries for region in entry.regions if not region.left_out)
        return Counter(
            region.label.strip() for region in regions if isinstance(region.label, str) and region.label.strip()
        )

    def mapped_out(self) -> Counter[str]:
        """Return the number of regions of each name that the map leaves out."""
        return Counter(str(region.label) for entry in self.entries for region in entry.regions if region.left_out)

    def unknown_labels(self, classes: Iterable[str]) -> dict[str, int]:
        """Return the number of regions of each label that is neither one of `classes` nor a parent of them."""
        known = by_key((*classes, *self.options.hierarchy))
        return {label: count for label, count in self.labels().items() if key_of(label) not in known}


def classes_of(files: Iterable[AnnotationFile]) -> tuple[str, ...]:
    """Return the classes of files whose options name none: their labels in alphabetical order, without parents.

    Raises:
        UserError: a label is the name of the background, or it is not printable; or there are too many labels.
    """
    counts: Counter[str] = Counter()
    for each in files:
        counts.update(labels := each.labels())
        for label in labels:
            if key_of(label) == BACKGROUND:
                raise UserError(
                    f"{each.file} has objects with the label {label!r}, which is the name of class 0; leave them out "
                    f'by "data.map={{{label}: null}}" in training and --map "{{{label}: null}}" in other commands.'
                )
            if not label.isprintable():
                raise UserError(
                    f"{each.file} has objects with the label {shortly(label)}, which is not printable text."
                )
    parents = by_key(each.options.hierarchy)
    classes = tuple(name for name in most_common_spellings(counts) if key_of(name) not in parents)
    if len(classes) > MAX_CLASSES:
        raise UserError(
            f"{each.file} and the other splits have {len(classes)} different labels, and there may be {MAX_CLASSES} "
            f"classes: is {each.options.attribute or 'the category'} the class?"
        )
    return classes


def refuse_unknown(found: AnnotationFile, classes: tuple[str, ...]) -> None:
    """Refuse a file with labels that are none of the classes, if these are all of its labels or if it is a COCO file.

    Single unknown labels of a VIA file may be typing errors, and are faults of their regions.

    Raises:
        UserError: the file is refused.
    """
    unknown = found.unknown_labels(classes)
    if unknown and (found.is_coco or len(unknown) == len(found.labels())):
        raise UserError(
            f"{found.file} has objects that are none of the classes {quoted(classes, sort=False)}: {counted(unknown)}; "
            f"map each of them, {how_to_map(min(unknown), classes[0])}; in training, use "
            f'"data.map={{{in_map(min(unknown))}: {in_map(classes[0])}}}", or data.classes=null for the classes in the '
            "annotations."
        )


def counted(counts: Mapping[str, int]) -> str:
    """Return labels with their counts, the most frequent first, as in "helmet 3, vest 1"."""
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    shown = ", ".join(f"{printable(label)[:60] or 'blank'} {count}" for label, count in ranked[:_SHOWN])
    return f"{shown} and {len(ranked) - _SHOWN} more" if len(ranked) > _SHOWN else shown
