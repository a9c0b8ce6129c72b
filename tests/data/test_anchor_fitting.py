"""Fitting of anchors to objects."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fmask import cli
from fmask.data.anchor_fitting import coverage, fit_anchors
from fmask.structures.annotations import Photo, Region
from fmask.utils.errors import UserError


def photo(*sizes: tuple[float, float]) -> Photo:
    """Return a photo of 400 x 200 pixels with rectangles of the given widths and heights."""
    corners = [np.array([[0, 0], [w, 0], [w, h], [0, h]], float) + 10 for w, h in sizes]
    return Photo(Path("a.jpg"), 400, 200, tuple(Region("mask", xy, False, i) for i, xy in enumerate(corners)))


def test_fitting_recovers_five_sizes_and_three_shapes() -> None:
    sizes = [(side * np.sqrt(ratio), side / np.sqrt(ratio)) for side in (8, 16, 32, 64, 128) for ratio in (0.5, 1, 2)]
    fitted = fit_anchors([photo(*sizes)], image_size=200)  # the photo's longer side is halved
    np.testing.assert_allclose(fitted.scales, [4, 8, 16, 32, 64], rtol=1e-5)
    np.testing.assert_allclose(fitted.ratios, [0.5, 1, 2], rtol=1e-5)
    assert fitted.coverage == pytest.approx(1, abs=1e-5)
    assert fitted.objects == 15


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
