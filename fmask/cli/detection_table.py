"""Detections as a table for the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from fmask.structures.detections import Detections


class DetectionTable:
    """A table with a row for each detection; a photo without detections has one row too."""

    def __init__(self) -> None:
        self._table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        self._table.add_column("photo", overflow="fold")
        for column in ("class", "score", "y1", "x1", "y2", "x2", "area"):
            self._table.add_column(column, justify="left" if column == "class" else "right", no_wrap=True)
        self._photos, self._objects = 0, 0

    def add(self, photo: Path, found: "Detections") -> None:
        """Add the detections in a photo."""
        self._photos += 1
        self._objects += len(found)
        name = str(photo)
        for label, score, sides, mask in zip(found.labels, found.scores, found.boxes, found.masks, strict=True):
            cells = [label, f"{score:.2f}", *(f"{side:.0f}" for side in sides), str(int(mask.sum()))]
            self._table.add_row(Text(name), *cells)
            name = ""  # once for each photo
        if not len(found):
            self._table.add_row(Text(name), "none")

    def show(self, model: str, photo: Path) -> None:
        """Print the table, the number of objects, and how to get a picture or a file instead."""
        console = Console(highlight=False)
        console.print(self._table)
        counts = [f"{self._objects} object{'' if self._objects == 1 else 's'}"]
        counts += [f"{self._photos} photo{'' if self._photos == 1 else 's'}"]
        console.print(Text(f"{' in '.join(counts)}; boxes and areas in pixels."))
        console.print(Text(f"As a picture: fmask splash {model} {photo} --boxes --labels"), soft_wrap=True)
        console.print(Text("As a file: -o found.csv, or --format coco -o found.json"), soft_wrap=True)
