"""Each class has a colour of its own."""

import itertools

import numpy as np
from PIL import ImageColor

from fmask.visualization.palette import class_colour, text_colour


def test_the_colours_of_many_classes_are_distinct() -> None:
    assert [class_colour(class_id) for class_id in (1, 2)] == ["#0072B2", "#E69F00"]
    colours = [np.array(ImageColor.getrgb(class_colour(class_id))) for class_id in range(1, 31)]
    distances = [np.linalg.norm(one - other) for one, other in itertools.combinations(colours, 2)]
    assert min(distances) > 25
    assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(colours[:12], 2)) > 55


def test_text_is_legible_on_every_colour() -> None:
    assert [text_colour(class_colour(class_id)) for class_id in (1, 2)] == ["white", "black"]
    assert {text_colour(colour) for colour in ("#000000", "#332288")} == {"white"}
    assert text_colour("#F0E442") == "black"
