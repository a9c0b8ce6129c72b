"""The sheet of training samples shows boxes and masks in the places where the network is trained on them."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

from fmask.data.samples import MASK_SIDE, AugmentedSample
from fmask.evaluation.sample_sheet import SampleGroup, sample_sheet
from fmask.visualization.palette import CLASS_COLOURS, IGNORED_COLOUR
from tests.helpers.classes import CLASSES

SIDE = 64
HAT, IGNORED = (8.0, 16.0, 40.0, 48.0), (40.0, 0.0, 64.0, 12.0)


def sample(*objects: tuple[tuple[float, float, float, float], int]) -> AugmentedSample:
    """Return a grey sample of full masks from boxes (y1, x1, y2, x2) and class ids."""
    return AugmentedSample(
        image=np.full((SIDE, SIDE, 3), 128.4, np.float32),
        boxes=np.array([box for box, _ in objects], np.float32).reshape(-1, 4),
        class_ids=np.array([class_id for _, class_id in objects], np.int32),
        masks=np.ones((len(objects), MASK_SIDE, MASK_SIDE), np.float32),
    )


def drawn(*samples: AugmentedSample) -> Figure:
    figure = sample_sheet([SampleGroup("aug=blur", [f"{n}.jpg" for n in range(len(samples))], samples)], CLASSES)
    FigureCanvasAgg(figure).draw()
    return figure


def test_boxes_and_masks_lie_on_their_objects_in_the_colours_of_the_classes() -> None:
    axes = drawn(sample((HAT, 2), (IGNORED, -1))).axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [[float(value) for value in box.get_bbox().extents] for box in boxes] == [[16, 8, 48, 40], [0, 40, 12, 64]]
    assert [box.get_edgecolor() for box in boxes] == [to_rgba(CLASS_COLOURS[1]), to_rgba(IGNORED_COLOUR)]
    outlines = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    hatched = [outline for outline in outlines if outline.get_hatch()]
    assert len(hatched) == 1
    np.testing.assert_allclose(hatched[0].get_path().get_extents().extents, [0, 40, 12, 64], atol=0.3)
    np.testing.assert_allclose(outlines[0].get_path().get_extents().extents, [16, 8, 48, 40], atol=0.3)


def test_every_sample_has_a_panel_with_the_name_of_its_photo() -> None:
    figure = drawn(*[sample()] * 5)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == [f"{n}.jpg" for n in range(5)]
    assert figure.subfigs[0].get_suptitle() == "aug=blur, first 5 samples"
    assert figure.get_figwidth() <= 9, "a wider figure is shrunk by MLflow's page"


def test_groups_have_titles_of_their_own() -> None:
    groups = [SampleGroup(name, ["a.jpg"], [sample((HAT, 1))]) for name in ("part one: aug=blur", "part two: aug=none")]
    figure = sample_sheet(groups, CLASSES)
    assert [each.get_suptitle() for each in figure.subfigs] == [f"{group.title}, first sample" for group in groups]
