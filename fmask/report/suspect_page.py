"""One HTML page with pictures of suspects: the annotation beside the proposal of the networks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fmask.data.images import load_image
from fmask.evaluation.suspects import Suspect
from fmask.report.pictures import as_jpeg
from fmask.report.render import render
from fmask.report.suspects import describe
from fmask.report.tested import TestedPhotos
from fmask.structures.annotations import Photo
from fmask.structures.run_length import RunLengths, bounding_box, decode_mask
from fmask.visualization.boxes import Mark, draw_marks
from fmask.visualization.outlines import draw_outlines
from fmask.visualization.palette import ACCENT_COLOUR, IGNORED_COLOUR, class_colour

PANEL = 400
"""Side of each of the two square panels in pixels."""
MARGIN = 0.6
"""Margin around the suspect, as a share of its longer side."""
MIN_VIEW = 0.25
"""Smallest side of the part of the photo that is shown, as a share of the photo's longer side."""


@dataclass(frozen=True)
class _Figure:
    """A suspect as the page shows it."""

    title: str
    photo: str
    details: str
    panels: tuple[str, str]
    """The annotation and the proposal, as JPEG files."""


def suspects_page(tested: TestedPhotos, suspects: Sequence[Suspect], name: str) -> str:
    """Return the HTML page of suspects; the photos are read.

    Args:
        tested: the photos.
        suspects: the suspects to show, in order.
        name: the name of the runs, for the title.
    """
    figures = []
    for each in suspects:
        annotated, proposed = draw(tested, each)
        panels = as_jpeg(annotated, PANEL), as_jpeg(proposed, PANEL)
        figures.append(_Figure(describe(each), tested.photos[each.place].name, _details(each), panels))
    return render("suspects.html", name=name, figures=figures)


def draw(tested: TestedPhotos, suspect: Suspect) -> tuple[Image.Image, Image.Image]:
    """Draw a suspect twice: with all annotated outlines, and with the proposal.

    In the first picture, the suspect's own outline is orange if it is annotated, others have the colours of their
    classes. The second picture has the proposed outline in the colour of its class.
    """
    photo = tested.photos[suspect.place]
    image = load_image(photo.path)
    masks = photo.run_lengths()
    own = suspect.region.run_lengths(photo.height, photo.width) if suspect.region else None
    view = _view(photo, [mask for mask in (own, suspect.mask) if mask])
    annotated = [
        (mask, _colour(region.class_id), str(region.label or "ignored"))
        for region, mask in zip(photo.regions, masks, strict=True)
        if suspect.region is None or region.index != suspect.region.index
    ]
    if own is not None and suspect.region is not None:
        annotated.append((own, ACCENT_COLOUR, str(suspect.region.label)))
    proposed = []
    if suspect.mask and suspect.label:
        colour = class_colour(1 + tested.classes.index(suspect.label))
        proposed = [(suspect.mask, colour, f"{suspect.label} {suspect.score:.2f}")]
    return Image.fromarray(_panel(image, view, annotated)), Image.fromarray(_panel(image, view, proposed))


def _details(suspect: Suspect) -> str:
    parts = [
        f"annotated as {suspect.region.label} (region {suspect.region.index})" if suspect.region else "not annotated",
        f"proposed: {suspect.label}, score {suspect.score:.2f}" if suspect.mask else "no proposal",
        "" if suspect.iou is None else f"IoU {suspect.iou:.2f}",
    ]
    return "; ".join(part for part in parts if part)


def _colour(class_id: int) -> str:
    return class_colour(class_id) if class_id > 0 else IGNORED_COLOUR


def _view(photo: Photo, masks: Sequence[RunLengths]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the square around masks; it exceeds the photo only where it is larger."""
    boxes = np.array([bounding_box(mask) for mask in masks])
    low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
    longer = max(photo.width, photo.height)
    side = min(max((1 + 2 * MARGIN) * (high - low).max(), MIN_VIEW * longer), longer)
    room = np.array([photo.width, photo.height]) - side
    corner = np.where(room > 0, np.clip((low + high - side) / 2, 0, np.maximum(room, 0)), room / 2)
    left, top = np.floor(corner).astype(int).tolist()
    return left, top, left + round(side), top + round(side)


def _panel(
    image: np.ndarray, view: tuple[int, int, int, int], marks: Sequence[tuple[RunLengths, str, str]]
) -> np.ndarray:
    """Return a part of a photo at the size of a panel, uint8 (PANEL, PANEL, 3), with outlines and labels."""
    shown = Image.fromarray(image).crop(view).resize((PANEL, PANEL), Image.Resampling.BICUBIC)
    scale = PANEL / (view[2] - view[0])
    masks, labels = [], []
    for code, colour, text in marks:
        part = Image.fromarray(decode_mask(code)).crop(view).resize((PANEL, PANEL), Image.Resampling.NEAREST)
        masks.append(np.asarray(part, dtype=bool))
        left, top, width, height = bounding_box(code)
        y, x = (top - view[1]) * scale, (left - view[0]) * scale
        labels.append(Mark((y, x, y + height * scale, x + width * scale), colour, text, outlined=False))
    outlined = draw_outlines(np.asarray(shown), np.array(masks), [colour for _, colour, _ in marks])
    visible = [each for each, mask in zip(labels, masks, strict=True) if mask.any()]
    return draw_marks(outlined, visible)
