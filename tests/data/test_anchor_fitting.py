"""Fitting of anchors to objects."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from fmask import cli
from fmask.data.anchor_fitting import coverage, fit_anchors, print_anchors
from fmask.structures.annotations import Photo, Region
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES


def photo(*sizes: tuple[float, float]) -> Photo:
    """Return a photo of 400 x 200 pixels with rectangles of the given widths and heights."""
    corners = [np.array([[0, 0], [w, 0], [w, h], [0, h]], float) + 10 for w, h in sizes]
    return Photo(Path("a.jpg"), 400, 200, tuple(Region("mask", xy, False, i, CLASSES) for i, xy in enumerate(corners)))


def test_fitting_recovers_five_sizes_and_three_shapes() -> None:
    sizes = [(side * np.sqrt(ratio), side / np.sqrt(ratio)) for side in (8, 16, 32, 64, 128) for ratio in (0.5, 1, 2)]
    fitted = fit_anchors([photo(*sizes)], image_size=200)  # the photo's longer side is halved
    np.testing.assert_allclose(fitted.scales, [4, 8, 16, 32, 64], rtol=1e-5)
    np.testing.assert_allclose(fitted.ratios, [0.5, 1, 2], rtol=1e-5)
    assert fitted.coverage == pytest.approx(1, abs=1e-5)
    assert fitted.objects == 15


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("sizes", "scales", "ratios"),
    [
        ([(8, 8)] * 6, [2, 4, 8, 16, 32], [0.5, 1, 2]),
        ([(8, 8)] * 6 + [(8.001, 8)] * 2, [2, 4, 8, 16, 32], [0.5, 1, 2]),
        ([(8, 8)] * 3 + [(128, 128)] * 3, [8, 16, 32, 64, 128], [0.5, 1, 2]),
        ([(8, 8), (12, 12)] * 3, [2, 4, 8, 12, 24], [0.5, 1, 2]),
        ([(0.5, 0), (0, 0.1)] * 3, [0.25, 0.5, 1, 2, 4], [0.5, 1, 2]),  # lines
    ],
)
def test_objects_of_few_sizes_get_five_increasing_sides(
    sizes: list[tuple[float, float]], scales: list[float], ratios: list[float]
) -> None:
    fitted = fit_anchors([photo(*sizes)], image_size=400)
    np.testing.assert_allclose(fitted.scales, scales, rtol=1e-3)
    np.testing.assert_allclose(fitted.ratios, ratios, rtol=1e-3)


def test_printed_sides_are_positive_and_increasing() -> None:
    console = Console(file=io.StringIO(), width=40)
    print_anchors(fit_anchors([photo(*[(1, 1)] * 6)], image_size=128), console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[0] == (
        "anchors.scales=[0.1,0.2,0.3,0.6,1.3] anchors.ratios=[0.50,1.00,2.00]"
    )


def test_coverage_is_the_mean_best_overlap() -> None:
    sizes = np.array([[10.0, 10.0], [20.0, 5.0]])
    assert coverage(sizes, [10], [1]) == pytest.approx((1 + 50 / 150) / 2)
    assert coverage(sizes, [10], [1, 4]) == pytest.approx(1)


def test_too_few_objects_are_refused() -> None:
    with pytest.raises(UserError, match="at least 5 annotated objects, not 4"):
        fit_anchors([photo(*[(9, 9)] * 4)], image_size=100)
    for nothing in ([], [photo()]):
        with pytest.raises(UserError, match=r"^Fitting anchors needs at least 5 annotated objects, not 0\.$"):
            fit_anchors(nothing, image_size=100)


def test_the_command_prints_overrides(photos_root: Path) -> None:
    answer = CliRunner().invoke(cli.app, ["anchors", str(photos_root), "--image-size", "192"])
    assert answer.exit_code == 0
    assert answer.stdout.startswith("anchors.scales=[")
    assert "495 objects" in answer.stdout
