"""Sheets of photos: annotations beside detections, and colour splashes.

Classes have the same colours as in the other figures. The outcome of a detection is shown by its line style and in its
label.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.transforms import Bbox
from PIL import Image
from skimage.measure import find_contours

from fmask.data.images import load_image
from fmask.evaluation.outcomes import Outcome, count_outcomes
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from fmask.structures.run_length import RunLengths, area, decode_crop
from fmask.visualization.literal import literal
from fmask.visualization.palette import IGNORED_COLOUR, class_colour, text_colour
from fmask.visualization.splash import splash

PHOTOS_PER_SHEET = 12

_WIDTH = 9.0  # inches; at 100 dots per inch, the width in which MLflow shows a figure, so that it is not shrunk
_COLUMNS = 4
_MAX_PANEL = 3.2  # inches, the longer side of a photo on a sheet of few photos
_PANEL_PIXELS = 520  # larger photos are shrunk to this, to keep sheets small
_FONT = 8.0  # points, for the labels in photos
_CAPTION = 18  # letters of a photo's name that fit above it
_SPURIOUS, _IGNORED = "spurious", "ignored"
_LINE_STYLES: dict[str, Literal["solid", "dashed", "dotted", "dashdot"]] = {
    Outcome.FOUND: "solid",
    Outcome.FOUND_WRONGLY: "dashed",
    Outcome.MISSED: "dotted",
    _SPURIOUS: "dashdot",
}


def contact_sheet(
    photos: Sequence[Photo], detections: Sequence[EncodedDetections], split: str, min_confidence: float
) -> Iterator[Figure]:
    """Draw each photo twice: with its annotations, and beside it with its detections.

    Every detection is labelled with class, score and outcome. Missed objects have a dotted outline.

    Args:
        photos: annotated photos.
        detections: the detections in each photo; `detections[i]` belongs to `photos[i]`.
        split: name of the photos, for the title.
        min_confidence: lowest confidence in [0, 1] of the detections that are drawn.

    Yields:
        One figure for every `PHOTOS_PER_SHEET` photos.
    """
    for page, shown in enumerate(_pages(photos, detections, min_confidence)):
        title = _title(split, page, len(photos), f"detections with a confidence of at least {min_confidence:g}")
        figure, places = _sheet([photo for photo, _ in shown for _ in range(2)], title)
        for (photo, found), annotated, detected in zip(shown, places[::2], places[1::2], strict=True):
            image = load_image(photo.path)
            _show(annotated, image, f"{_short(photo.name)}: {'annotated' if photo.regions else 'no object'}")
            _draw(annotated, annotation_marks(photo), photo)
            _show(detected, image, "detected")
            _draw(detected, detection_marks(photo, found), photo)
        _add_legend(figure, detections[0].classes)
        yield figure


def splash_sheet(
    photos: Sequence[Photo], detections: Sequence[EncodedDetections], split: str, min_confidence: float
) -> Iterator[Figure]:
    """Draw each photo in grey with the detected objects in colour; arguments and pages as in `contact_sheet`.

    Objects are outlined in the colours of their classes, so that white ones stand out.
    """
    for page, shown in enumerate(_pages(photos, detections, min_confidence)):
        kept = f"in colour: detections with a confidence of at least {min_confidence:g}"
        title = _title(split, page, len(photos), kept)
        figure, places = _sheet([photo for photo, _ in shown], title)
        for (photo, found), axes in zip(shown, places, strict=True):
            _show(axes, splash(load_image(photo.path), found.union()[None]), _short(photo.name))
            for mask, class_id in zip(found.masks, found.class_ids, strict=True):
                if area(mask):
                    colour = class_colour(class_id)
                    axes.add_patch(PathPatch(_outline(mask), fill=False, edgecolor=colour, linewidth=1.3))
        handles = _class_lines(detections[0].classes)
        figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
        yield figure


@dataclass(frozen=True)
class Mark:
    """An outlined and labelled region in a photo."""

    mask: RunLengths
    text: str
    outcome: str
    """An `Outcome`, `spurious` or `ignored`."""
    class_id: int
    """1..K, or -1 for an ignored region."""
    key: str
    """What it is the outline of: the result of `region_key` or `detection_key`."""

    @property
    def colours(self) -> tuple[str, str]:
        """Colours of the outline and of the text on it."""
        if self.class_id < 1:
            return IGNORED_COLOUR, "white"
        colour = class_colour(self.class_id)
        return colour, text_colour(colour)


def _pages(
    photos: Sequence[Photo], detections: Sequence[EncodedDetections], min_confidence: float
) -> Iterator[list[tuple[Photo, EncodedDetections]]]:
    pairs = list(zip(photos, detections, strict=True))
    for start in range(0, len(pairs), PHOTOS_PER_SHEET):
        yield [(photo, found.at_least(min_confidence)) for photo, found in pairs[start : start + PHOTOS_PER_SHEET]]


def annotation_marks(photo: Photo) -> list[Mark]:
    """Return the annotated regions of a photo, in file order."""
    return [
        Mark(
            mask,
            _IGNORED if region.ignore and not region.parent else str(region.label),
            Outcome.FOUND,
            region.class_id,
            region_key(region.index),
        )
        for region, mask in zip(photo.regions, photo.run_lengths(), strict=True)
    ]


def detection_marks(photo: Photo, found: EncodedDetections) -> list[Mark]:
    """Return the detections in a photo, best score first, with score and outcome; then the missed objects."""
    outcomes = count_outcomes([photo], [found])
    outcome_of: dict[int, str] = {n: record.outcome for record in outcomes.objects for n in record.claims}
    outcome_of |= {record.detection: _SPURIOUS for record in outcomes.spurious}
    marks = []
    for n, (mask, class_id, score) in enumerate(zip(found.masks, found.class_ids, found.scores, strict=True)):
        outcome = outcome_of.get(n, _IGNORED)
        text = f"{found.classes[class_id - 1]} {score:.2f} {outcome}"
        marks.append(Mark(mask, text, outcome, int(class_id), detection_key(n)))
    regions = {region.index: region for region in photo.regions}
    for record in outcomes.objects:
        if record.outcome is Outcome.MISSED:
            mask = regions[record.region].run_lengths(photo.height, photo.width)
            text = f"{found.classes[record.class_id - 1]} missed"
            marks.append(Mark(mask, text, Outcome.MISSED, record.class_id, region_key(record.region)))
    return marks


def region_key(index: int) -> str:
    """Return a name, unique in its photo, of the region at an index in the photo's annotations."""
    return f"region{index}"


def detection_key(index: int) -> str:
    """Return a name, unique in its photo, of the detection at an index in the photo's detections."""
    return f"detection{index}"


def _title(split: str, page: int, photos: int, shown: str) -> str:
    """Return the title of a page, counted from 0, with the numbers of its photos if there are several pages."""
    first, last = page * PHOTOS_PER_SHEET + 1, min((page + 1) * PHOTOS_PER_SHEET, photos)
    return f"{split} photos{f' {first} to {last} of {photos}' if photos > PHOTOS_PER_SHEET else ''}, {shown}"


def _sheet(photos: Sequence[Photo], title: str) -> tuple[Figure, list[Axes]]:
    """Return a figure no wider than `_WIDTH`, with a panel for each photo in rows as high as their highest photo."""
    columns = min(_COLUMNS, len(photos))
    panel = min(_WIDTH / columns, _MAX_PANEL)
    heights = [photo.height / max(photo.height, photo.width) for photo in photos]
    rows = [max(heights[start : start + columns]) for start in range(0, len(heights), columns)]
    inches = [panel * row + 0.25 for row in rows]
    figure = Figure(figsize=(max(panel * columns, 2 * _MAX_PANEL), sum(inches) + 0.9))
    figure.set_layout_engine("constrained", w_pad=0.05, h_pad=0.06)
    figure.suptitle(literal(title), fontsize=11)
    places = list(figure.subplots(len(rows), columns, squeeze=False, height_ratios=inches).flat)
    for axes in places:
        axes.set_axis_off()
        axes.set_anchor("N")  # aligns the titles of a row, whatever the photos' shapes
    return figure, places[: len(photos)]


def _show(axes: Axes, image: np.ndarray, title: str) -> None:
    """Draw an image, shrunk to the panel's resolution, on axes in pixels of the photo."""
    height, width = image.shape[:2]
    small = Image.fromarray(image)
    small.thumbnail((_PANEL_PIXELS, _PANEL_PIXELS))
    axes.imshow(np.asarray(small), extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    axes.set_title(literal(title), fontsize=9)


def _draw(axes: Axes, marks: Sequence[Mark], photo: Photo) -> None:
    marks = [mark for mark in marks if area(mark.mask)]
    outlines = [_outline(mark.mask) for mark in marks]
    objects = [outline.get_extents() for outline in outlines]
    em = _FONT * max(photo.width, photo.height) / (_panel(axes) * 72)  # the font's size in photo pixels
    labels: list[Bbox] = []
    for mark, outline, around in zip(marks, outlines, objects, strict=True):
        colour, text_colour = mark.colours
        if mark.outcome != Outcome.MISSED:
            axes.add_patch(PathPatch(outline, facecolor=colour, edgecolor="none", alpha=0.25))
        style = _LINE_STYLES.get(mark.outcome, "solid")
        halo = [patheffects.withStroke(linewidth=3.2, foreground="white", alpha=0.8)]
        axes.add_patch(
            PathPatch(outline, fill=False, edgecolor=colour, linewidth=1.7, linestyle=style, path_effects=halo)
        )
        label = label_place((0.57 * len(mark.text) + 0.8) * em, 1.7 * em, around, objects, labels, photo)
        labels.append(label)
        axes.text(
            (label.x0 + label.x1) / 2,
            (label.y0 + label.y1) / 2,
            literal(mark.text),
            fontsize=_FONT,
            color=text_colour,
            ha="center",
            va="center",
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.5},
        )


def borders(mask: RunLengths) -> list[np.ndarray]:
    """Return the closed borders of a mask and of its holes, each (n, 2): y, x with pixel centres at whole numbers."""
    part, top, left = decode_crop(mask)
    corner = np.array([top - 1, left - 1])
    return [contour + corner for contour in find_contours(np.pad(part, 1).astype(np.uint8), 0.5)]


def _outline(mask: RunLengths) -> Outline:
    """Return the mask's borders, including holes, as one path in pixels of the photo."""
    return Outline.make_compound_path(*(Outline(border[:, ::-1], closed=True) for border in borders(mask)))


def label_place(
    width: float, height: float, around: Bbox, objects: Sequence[Bbox], labels: Sequence[Bbox], photo: Photo
) -> Bbox:
    """Return the place for a label beside `around` that hides least of the objects and, above all, of other labels.

    The place above `around` is preferred.
    """

    def hidden(place: Bbox) -> float:
        return sum(_overlap(place, box) for box in objects) + 10 * sum(_overlap(place, box) for box in labels)

    middle = ((around.x0 + around.x1 - width) / 2, (around.y0 + around.y1 - height) / 2)
    columns = (middle[0], around.x0, around.x1 - width, around.x1, around.x0 - width)
    beside = (around.y0 - height, around.y1, middle[1], around.y0, around.y1 - height)
    rows = (*beside, around.y0 - 2 * height, around.y1 + height)
    places = []
    for y in rows:
        for x in columns:
            left = max(0, min(x, photo.width - width))
            top = max(0, min(y, photo.height - height))
            places.append(Bbox.from_bounds(left, top, width, height))
    return min(places, key=hidden)


def _overlap(one: Bbox, other: Bbox) -> float:
    """Return the area that two boxes share."""
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else float(shared.width * shared.height)


def _panel(axes: Axes) -> float:
    """Return the width of a panel of the sheet in inches."""
    spec = axes.get_subplotspec()
    assert spec is not None
    return min(_WIDTH / spec.get_gridspec().ncols, _MAX_PANEL)


def _short(name: str) -> str:
    return name if len(name) <= _CAPTION else f"{name[: _CAPTION - 1]}…"


def _class_lines(classes: Sequence[str]) -> list[Line2D]:
    return [
        Line2D([], [], color=class_colour(class_id), linewidth=6, label=literal(name))
        for class_id, name in enumerate(classes, start=1)
    ]


def _add_legend(figure: Figure, classes: Sequence[str]) -> None:
    handles = _class_lines(classes)
    handles.append(Line2D([], [], color=IGNORED_COLOUR, linewidth=6, label="ignored region"))
    handles += [Line2D([], [], color="black", linestyle=s, linewidth=1.7, label=n) for n, s in _LINE_STYLES.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
