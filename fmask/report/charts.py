"""Convert Matplotlib figures to inline SVG in the font and the colours of the page, light or dark."""

import io
import re
from collections.abc import Mapping

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from fmask.evaluation import figures
from fmask.visualization.palette import ACCENT_COLOUR

PIXELS_PER_POINT = 1.25
MIN_WIDTH = 0.8
"""Smallest width of a figure, as a share of its full width; in a narrower window it scrolls."""
_THEMED = {"#000000": "currentColor", "#bfbfbf": "var(--line-strong)"}
"""Colours in Matplotlib's SVG, and the colours of the page that replace them."""


def as_svg(figure: Figure, name: str, description: str) -> Markup:
    """Convert a figure to an `svg` element.

    Args:
        figure: the figure.
        name: prefix of the ids in the element, unique in the page; letters only.
        description: the text for screen readers.
    """
    text = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    for colour, themed in _THEMED.items():
        svg = svg.replace(colour, themed)
    svg = _prefix_ids(svg, name)
    size = re.search(r'viewBox="0 0 ([\d.]+)', svg)
    assert size is not None
    width = PIXELS_PER_POINT * float(size[1])
    style = f"max-width:{width:.0f}px;min-width:{MIN_WIDTH * width:.0f}px"
    label = Markup('<svg class="chart" role="img" aria-label="{}" style="{}"').format(description, style)
    return label + Markup(re.sub(r'^<svg| width="[\d.]+pt"| height="[\d.]+pt"', "", svg, count=3))


def ap_by_epoch(history: Mapping[str, Mapping[int, float]]) -> Figure:
    """Plot the validation AP50 of masks and boxes, in [0, 1], over the epochs.

    Args:
        history: values of each metric by epoch; `val/mask_ap50` and `val/box_ap50` are used.
    """
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    axes = figure.subplots()
    for kind, style, colour in (("mask", "o-", "black"), ("box", "s--", ACCENT_COLOUR)):
        points = history.get(f"val/{kind}_ap50", {})
        axes.plot(list(points), list(points.values()), style, color=colour, markersize=3.5, label=kind)
    axes.set(ylim=(0, 1.02), xlabel="epoch", ylabel="AP50")
    axes.set_title("val photos, all confidences", fontsize=11)
    figures.whole_numbers(axes)
    figures.simplify(axes)
    figures.legend_below(figure, axes)
    return figure


def _prefix_ids(svg: str, name: str) -> str:
    """Prefix ids that are referenced with the name of the figure, and remove the other ids."""
    used = set(re.findall(r"(?:url\(#|href=\"#)([\w.-]+)", svg))

    def prefixed(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    svg = re.sub(r' id="([^"]*)"', prefixed, svg)
    return re.sub(r"(url\(#|href=\"#)", rf"\g<1>{name}-", svg)
