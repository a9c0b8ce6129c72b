"""Sheets of photos show the outcome of every detection."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from PIL import Image

from fmask.evaluation.sheets import PHOTOS_PER_SHEET, contact_sheet, splash_sheet
from fmask.structures.annotations import Photo
from tests.helpers.scenes import HEIGHT, WIDTH, encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))
RED = (200, 30, 30)


def saved(scene: Photo, folder: Path, name: str = "red.png") -> Photo:
    """Return the scene with a red photo of its size on disk."""
    Image.new("RGB", (scene.width, scene.height), RED).save(folder / name)
    return replace(scene, path=folder / name)


def texts(axes: Axes) -> set[str]:
    return {text.get_text() for text in axes.texts}


def test_contact_sheet_marks_every_outcome(tmp_path: Path) -> None:
    scene = saved(photo(MASK, HAT, ("hat", (40, 60, 50, 70)), ("hat", (40, 0, 60, 10)), ignored=(3,)), tmp_path)
    found = encoded(
        (*MASK, 0.99),
        ("mask", HAT[1], 0.98),
        ("hat", (40, 0, 60, 10), 0.97),  # on the ignored hat
        ("mask", (50, 30, 60, 40), 0.96),  # on nothing
        ("hat", (40, 60, 50, 70), 0.5),  # not confident enough to be shown
    )
    (figure,) = contact_sheet([scene], [found], "test", min_confidence=0.9)
    annotated, detected = figure.axes
    assert annotated.get_title() == "red.png: annotated"
    assert sorted(text.get_text() for text in annotated.texts) == ["hat", "hat", "ignored", "mask"]
    assert texts(detected) == {
        "mask 0.99 found",
        "mask 0.98 found wrongly",
        "hat 0.97 ignored",
        "mask 0.96 spurious",
        "hat missed",
    }


def test_names_of_photos_are_no_formulas(tmp_path: Path) -> None:
    (figure,) = contact_sheet([saved(photo(MASK), tmp_path, "$_{$.png")], [encoded((*MASK, 0.9))], "$_{$", 0.5)
    FigureCanvasAgg(figure).draw()
    assert figure.axes[0].get_title().replace("\\", "") == "$_{$.png: annotated"


def test_labels_of_detections_on_one_object_do_not_hide_each_other(tmp_path: Path) -> None:
    found = encoded((*MASK, 0.99), (*MASK, 0.98), ("hat", MASK[1], 0.97), (*MASK, 0.96))
    (figure,) = contact_sheet([saved(photo(MASK), tmp_path)], [found], "test", min_confidence=0.9)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in figure.axes[1].texts]
    assert len(boxes) == 4
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_empty_masks_and_photos_without_regions_are_drawn(tmp_path: Path) -> None:
    (figure,) = contact_sheet([saved(photo(), tmp_path)], [encoded(("mask", (5, 5, 5, 5), 0.99))], "test", 0.9)
    FigureCanvasAgg(figure).draw()
    assert len(figure.axes) == 2


@pytest.mark.parametrize("sheet", [contact_sheet, splash_sheet])
def test_sheets_are_paged(sheet: object, tmp_path: Path) -> None:
    assert callable(sheet)
    scenes = [saved(photo(MASK), tmp_path)] * (PHOTOS_PER_SHEET + 1)
    figures = list(sheet(scenes, [encoded()] * len(scenes), "test", 0.9))
    shown = [[axes for axes in figure.axes if axes.images] for figure in figures]
    per_photo = 2 if sheet is contact_sheet else 1
    assert [len(axes) for axes in shown] == [PHOTOS_PER_SHEET * per_photo, per_photo]
    titles = [figure.get_suptitle() for figure in figures]
    assert [title.split(",")[0] for title in titles] == ["test photos 1 to 12 of 13", "test photos 13 to 13 of 13"]
    assert list(sheet([], [], "test", 0.9)) == []


def test_splash_sheet_colours_confident_detections(tmp_path: Path) -> None:
    (figure,) = splash_sheet([saved(photo(MASK, HAT), tmp_path)], [encoded((*MASK, 0.95), (*HAT, 0.5))], "test", 0.9)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert shown.shape == (HEIGHT, WIDTH, 3)
    assert tuple(shown[30, 20]) == RED
    assert len(set(shown[10, 50].tolist())) == 1
    (outline,) = figure.axes[0].patches  # of the mask alone: the hat is below the confidence
    assert to_hex(outline.get_edgecolor()).upper() == "#0072B2"
    assert figure.legends


def test_large_photos_are_shrunk_and_drawn_in_their_own_pixels(tmp_path: Path) -> None:
    scene = saved(replace(photo(), width=2000, height=1000), tmp_path)
    empty = replace(encoded(), height=1000, width=2000)
    (figure,) = splash_sheet([scene], [empty], "test", 0.9)
    (image,) = figure.axes[0].images
    assert max(np.asarray(image.get_array()).shape) < 1000
    assert image.get_extent() == [-0.5, 1999.5, 999.5, -0.5]
