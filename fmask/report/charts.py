"""Matplotlib figures as SVG that stands in a page: in its font, in its text colour, light or dark."""

import io
import re
from collections.abc import Mapping

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fmask.visualization.palette import ACCENT_COLOUR

PIXELS_A_POINT = 1.25
LEAST = 0.6
"""Of a figure's full width; where there is less room it is scrolled, not shrunk."""
_UNTHEMED = {"#000000": "currentColor", "#bfbfbf": "var(--line-strong)"}
"""Colours of Matplotlib's SVG that change with the page's."""


def as_svg(figure: Figure, name: str, description: str) -> Markup:
    """The figure as an `svg` element.

    Args:
        name: told apart by it are the element's ids from those of other figures in the page; letters only.
        description: what it shows, for those who do not see it.
    """
    text = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    for colour, themed in _UNTHEMED.items():
        svg = svg.replace(colour, themed)
    svg = _with_own_ids(svg, name)
    size = re.search(r'viewBox="0 0 ([\d.]+)', svg)
    assert size is not None
    width = PIXELS_A_POINT * float(size[1])
    style = f"max-width:{width:.0f}px;min-width:{LEAST * width:.0f}px"
    label = Markup('<svg class="chart" role="img" aria-label="{}" style="{}"').format(description, style)
    return label + Markup(re.sub(r'^<svg| width="[\d.]+pt"| height="[\d.]+pt"', "", svg, count=3))


def ap_by_epoch(history: Mapping[str, Mapping[int, float]]) -> Figure:
    """Validation AP50 of masks and boxes in [0, 1] over the epochs in which it was scored.

    history: metric to its value by epoch, among them `val_mask_ap50` and `val_box_ap50`.
    """
    figure = Figure(figsize=(4.8, 3.4), layout="constrained")
    axes = figure.subplots()
    for kind, style, colour in (("mask", "o-", "black"), ("box", "s--", ACCENT_COLOUR)):
        points = history.get(f"val_{kind}_ap50", {})
        axes.plot(list(points), list(points.values()), style, color=colour, markersize=3.5, label=kind)
    axes.set(ylim=(0, 1.02), xlabel="epoch", ylabel="AP50", title="Validation photos")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="lower right")
    return figure


def _with_own_ids(svg: str, name: str) -> str:
    """Ids that something refers to begin with the figure's name, the others are gone."""
    used = set(re.findall(r"(?:url\(#|href=\"#)([\w.-]+)", svg))

    def own(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    svg = re.sub(r' id="([^"]*)"', own, svg)
    return re.sub(r"(url\(#|href=\"#)", rf"\g<1>{name}-", svg)
