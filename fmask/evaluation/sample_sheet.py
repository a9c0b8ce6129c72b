"""A sheet of training samples as the network gets them, with boxes and masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path as Outline
from skimage.measure import find_contours

from fmask.data.samples import AugmentedSample
from fmask.visualization.literal import literal
from fmask.visualization.palette import IGNORED_COLOUR, class_colour

COLUMNS = 4
WIDTH = 9.0
"""Width of the figure in inches: at 100 dots per inch, that of the page in which MLflow shows it."""
_CAPTION = 24
"""Number of letters of a photo's name that fit above it."""
_HATCH = "////"


@dataclass(frozen=True)
class SampleGroup:
    """Samples with one augmentation."""

    title: str
    names: Sequence[str]
    """The file name of each sample's photo."""
    samples: Sequence[AugmentedSample]


def sample_sheet(groups: Sequence[SampleGroup], classes: Sequence[str]) -> Figure:
    """Draw samples with their boxes and masks in the colours of the classes; ignored instances are grey and hatched.

    Args:
        groups: at least one group of at least one sample.
        classes: the class names, in the order of their ids.
    """
    rows = [-(-len(group.samples) // COLUMNS) for group in groups]
    panel = WIDTH / COLUMNS
    heights = [0.4 + (panel + 0.16) * count for count in rows]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.4), layout="constrained")
    parts = figure.subfigures(len(groups), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, group, count in zip(parts, groups, rows, strict=True):
        first = "first sample" if len(group.samples) == 1 else f"first {len(group.samples)} samples"
        part.suptitle(f"{group.title}, {first}", fontsize=11)
        places = list(part.subplots(count, COLUMNS, squeeze=False).flat)
        for axes in places:
            axes.set_axis_off()
        for axes, name, sample in zip(places, group.names, group.samples, strict=False):
            axes.set_title(literal(name if len(name) <= _CAPTION else f"{name[: _CAPTION - 1]}…"), fontsize=8.5, pad=3)
            _draw(axes, sample)
    handles = [
        Patch(color=class_colour(class_id), label=literal(name)) for class_id, name in enumerate(classes, start=1)
    ]
    handles.append(Patch(facecolor="white", edgecolor=IGNORED_COLOUR, hatch=_HATCH, label="ignored"))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6), frameon=False, fontsize=9.5)
    return figure


def _draw(axes: Axes, sample: AugmentedSample) -> None:
    side = len(sample.image)
    pixels = np.clip(np.rint(sample.image), 0, 255).astype(np.uint8)
    axes.imshow(pixels, extent=(0, side, side, 0), interpolation="nearest")
    for box, class_id, mask in zip(sample.boxes, sample.class_ids, sample.masks, strict=True):
        ignored = class_id < 1
        colour = IGNORED_COLOUR if ignored else class_colour(int(class_id))
        y1, x1, y2, x2 = box.tolist()
        line = "dotted" if ignored else "solid"
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linestyle=line))
        if mask.any():
            outline = _outline(mask, box)
            if ignored:
                axes.add_patch(PathPatch(outline, fill=False, edgecolor=colour, hatch=_HATCH, linewidth=0.8))
            else:
                axes.add_patch(PathPatch(outline, facecolor=colour, edgecolor="none", alpha=0.25))
                axes.add_patch(PathPatch(outline, fill=False, edgecolor="white", linewidth=2.6, alpha=0.7))
                axes.add_patch(PathPatch(outline, fill=False, edgecolor=colour, linewidth=1.3))
    axes.set(xlim=(0, side), ylim=(side, 0))


def _outline(mask: np.ndarray, box: np.ndarray) -> Outline:
    """Return the borders of a mask (M, M) inside its box, in pixels of the sample, where pixel k covers k to k + 1."""
    y1, x1, y2, x2 = box.astype(float)
    borders = find_contours(np.pad(mask, 1), 0.5)
    scale = np.array([y2 - y1, x2 - x1]) / len(mask)
    points = [(border - 0.5) * scale + (y1, x1) for border in borders]
    return Outline.make_compound_path(*(Outline(each[:, ::-1], closed=True) for each in points))
