"""The diagnosis of a network: tables for the terminal, a figure, and a sheet of the worst photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fmask.evaluation import sheets
from fmask.evaluation.diagnosis import SIZES, Cause, Diagnosis, Lost, diagnose
from fmask.evaluation.diagnosis_figure import lost_ap
from fmask.evaluation.outcomes import Outcome, count_outcomes
from fmask.evaluation.slices import SPURIOUS, Slice, slices
from fmask.evaluation.worst import PhotoErrors, worst_photos
from fmask.report.photos import PredictedPhotos
from fmask.studies.statistics import pooled_rate
from fmask.utils.errors import UserError, printable
from fmask.utils.files import atomic_write, check_folder, os_reason

FIGURE, SHEET = "ap_lost.png", "worst_photos.png"
"""The files that `write` makes."""
_HEADS = ("class", "local.", "both", "dupl.", "backgr.", "missed")
"""Heads of the columns of the causes, so that the table fits 80 columns."""
LISTED = sheets.PHOTOS_PER_SHEET
"""Largest number of photos whose names are printed: those of the sheet."""


@dataclass(frozen=True)
class Diagnosed:
    """The result of `fmask diagnose`."""

    predicted: PredictedPhotos
    split: str
    """Name of the photos."""
    min_confidence: float
    """Lowest score of the detections that count for outcomes; AP counts all."""
    causes: Diagnosis
    slices: Sequence[Slice]
    worst: Sequence[PhotoErrors]

    def figure(self) -> Figure:
        """Draw AP50 lost by cause and class."""
        causes = self.causes
        return lost_ap(causes.lost(), causes.lost_by_class(), causes.classes, self.split, causes.ap50)

    def show(self, console: Console) -> None:
        """Print both tables and the names of the worst photos."""
        console.print(_causes_table(self.causes, self.split, self.predicted.image_size))
        console.print(
            "The gain of AP50 if the errors of one cause were fixed (TIDE): classification, localisation, both, "
            "duplicate, background, missed. Gains do not add up. Rows of classes: of the AP50 of the class. Rows of "
            "sizes: of the AP50 of all objects.\n"
        )
        console.print(_slices_table(self.slices, self.split, self.min_confidence))
        console.print(
            "95 %: the interval for other photos; the photo is the unit of sampling. Sizes of objects: square root of "
            f"the area, in pixels of the network's input, whose side has {self.predicted.image_size}.\n"
        )
        for each in self.worst[:LISTED]:
            words = ("found wrongly", each.wrong), ("missed", each.missed), ("spurious", each.spurious)
            errors = ", ".join(f"{count} {word}" for word, count in words if count)
            name = self.predicted.photos[each.place].name
            console.print(f"{each.weight:5.2f}  {printable(name)}: {errors}", markup=False, soft_wrap=True)

    def write(self, folder: Path) -> None:
        """Write the figure, and the sheet of the worst photos if there are photos with errors.

        Raises:
            UserError: the folder cannot be created, or a file cannot be written.
        """
        check_output_folder(folder)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder} cannot be created: {os_reason(error)}.") from error
        _save(self.figure(), folder / FIGURE)
        (folder / SHEET).unlink(missing_ok=True)  # that of an earlier diagnosis
        if self.worst:
            _save(self._sheet(), folder / SHEET)

    def _sheet(self) -> Figure:
        shown = [each.place for each in self.worst[:LISTED]]
        photos = [self.predicted.photos[place] for place in shown]
        detections = [self.predicted.detections[place] for place in shown]
        return next(sheets.contact_sheet(photos, detections, f"the worst {self.split}", self.min_confidence))


def run_diagnosis(predicted: PredictedPhotos, split: str, min_confidence: float) -> Diagnosed:
    """Diagnose the detections in annotated photos. The photos are read.

    Args:
        predicted: the photos, and detections of any confidence.
        split: name of the photos.
        min_confidence: lowest score in [0, 1] of the detections that count for outcomes.

    Raises:
        UserError: a photo cannot be read.
    """
    photos = predicted.photos
    counted = [found.at_least(min_confidence) for found in predicted.detections]
    outcomes = [count_outcomes([photo], [found]) for photo, found in zip(photos, counted, strict=True)]
    return Diagnosed(
        predicted,
        split,
        min_confidence,
        diagnose(photos, predicted.detections),
        slices(photos, counted, outcomes, predicted.image_size),
        worst_photos(outcomes, counted),
    )


def check_output_folder(folder: Path) -> None:
    """Check, before any work, that an output folder exists or can be created.

    Raises:
        UserError: it is a file, or the folder that it would be in does not exist.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; expected a folder.")
    check_folder(folder)


def _save(figure: Figure, file: Path) -> None:
    with atomic_write(file) as draft:
        figure.savefig(draft, format="png", dpi=150)


def _causes_table(causes: Diagnosis, split: str, image_size: int) -> Table:
    table = _table(f"{split} photos: AP50 of masks lost by cause")
    for head in ("AP50", *_HEADS):
        table.add_column(head, justify="right", no_wrap=True)
    counts = causes.errors()
    table.add_row("all", _number(causes.ap50), *_numbers(causes.lost()))
    table.add_row("errors", "", *(str(counts[cause]) for cause in Cause), end_section=True)
    by_class, ap50 = causes.lost_by_class(), causes.ap50_by_class()
    for n, name in enumerate(by_class, start=1):
        table.add_row(escape(name), _number(ap50[name]), *_numbers(by_class[name]), end_section=n == len(by_class))
    by_size = causes.lost_by_size(image_size)
    for name, (low, high) in SIZES.items():
        text = f"from {low:g} px" if np.isinf(high) else f"below {high:g} px"
        table.add_row(f"{name}, {text}", "", *_numbers(by_size[name]))
    return table


def _slices_table(parts: Sequence[Slice], split: str, min_confidence: float) -> Table:
    table = _table(f"{split} photos: outcomes at a confidence of {min_confidence:g}")
    for head in ("objects", "found", "95 %", "wrongly", "missed", "spurious"):
        table.add_column(head, justify="right", no_wrap=True)
    before = None
    for part in parts:
        if part.property != before:
            table.add_row(f"[bold]{part.property}[/bold]")
            before = part.property
        objects = int(part.objects().sum())
        value, low, high = (float(each) for each in pooled_rate(part.found()[None], part.objects()[None]))
        table.add_row(
            f"  {part.group}",
            str(objects),
            f"{value:.2f}" if objects else "-",
            f"{low:.2f}-{high:.2f}" if objects else "-",
            *(str(part.count(each)) for each in (Outcome.FOUND_WRONGLY, Outcome.MISSED, SPURIOUS)),
        )
    return table


def _table(title: str) -> Table:
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left", show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True, max_width=24)
    return table


def _numbers(lost: Lost) -> list[str]:
    return [_number(lost[cause]) for cause in Cause]


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
