"""Several networks, and several views of a photo, that detect together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmask.inference import load
from fmask.inference.ensemble import VIEWS, Ensemble, look
from fmask.structures.detections import Detections
from fmask.structures.operating_point import Calibration, OperatingPoint
from fmask.utils.errors import UserError
from tests.helpers.films import MASK, ColourPredictor

BOX = (10, 20, 30, 50)


@pytest.fixture
def photo() -> np.ndarray:
    """A grey photo with a blue rectangle at `BOX`, which is not in its middle."""
    image = np.full((60, 90, 3), 128, np.uint8)
    y1, x1, y2, x2 = BOX
    image[y1:y2, x1:x2] = MASK
    return image


class Blind(ColourPredictor):
    """A network that finds nothing."""

    def _find(self, image: np.ndarray) -> Detections:
        return super()._find(np.full_like(image, 128))


def test_networks_that_agree_find_what_each_finds(photo: np.ndarray) -> None:
    alone = ColourPredictor().predict(photo)
    together = Ensemble([ColourPredictor(), ColourPredictor()]).predict(photo)
    assert len(alone) == 1
    np.testing.assert_array_equal(together.boxes, alone.boxes)
    np.testing.assert_array_equal(together.masks, alone.masks)
    np.testing.assert_allclose(together.scores, alone.scores)


def test_what_one_of_two_networks_finds_scores_half(photo: np.ndarray) -> None:
    found = Ensemble([ColourPredictor(score=0.9), Blind()]).predict(photo)
    assert found.scores.tolist() == pytest.approx([0.45])


@pytest.mark.parametrize("view", VIEWS)
def test_detections_in_a_view_are_mapped_to_the_photo(photo: np.ndarray, view: str) -> None:
    """Each view shows the network another photo, in which it finds the same object elsewhere."""
    network = ColourPredictor()
    expected = network.predict(photo)
    (found,) = look(network, view, [photo])
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.masks, expected.masks)
    seen, _ = VIEWS[view](photo)
    assert not np.array_equal(seen, photo)


def test_what_lies_outside_of_the_photo_is_left_out(photo: np.ndarray) -> None:
    class Everything(ColourPredictor):
        def _find(self, image: np.ndarray) -> Detections:
            marked = image.copy()
            marked[:5, :5] = MASK  # in the frame, if there is one
            return super()._find(marked)

    (found,) = look(Everything(), "smaller", [photo])
    assert [tuple(box) for box in found.boxes.tolist()] == [BOX]


def test_photos_of_several_sizes_are_fused_in_order_and_in_batches(photo: np.ndarray) -> None:
    photos = [photo, photo[:50], photo[:, :70], photo[:40, :60], photo]
    ensemble = Ensemble([ColourPredictor(), ColourPredictor(), Blind()], ["mirrored", "smaller"])
    found = list(ensemble.predict_each(iter(photos), batch_size=2))
    assert [each.masks.shape[1:] for each in found] == [each.shape[:2] for each in photos]
    assert [[tuple(box) for box in each.boxes.tolist()] for each in found] == [[BOX]] * len(photos)
    assert [each.scores.tolist() for each in found] == [[pytest.approx(0.6)]] * len(photos)


def test_an_ensemble_has_no_operating_point(photo: np.ndarray) -> None:
    """The thresholds of a network do not fit fused scores."""

    point = OperatingPoint("accuracy", {"mask": 0.6, "hat": 0.7}, Calibration(1.0, 0.0), photos=1, objects=1)

    class Chosen(ColourPredictor):
        def _find(self, image: np.ndarray) -> Detections:
            return replace(super()._find(image), operating_point=point)

    found = Ensemble([Chosen(), Chosen()]).predict(photo)
    assert found.operating_point is None


def test_networks_of_other_classes_are_refused() -> None:
    other = ColourPredictor()
    other.classes = ("helmet", "vest")
    with pytest.raises(UserError, match="same classes in the same order, not mask, hat and helmet, vest"):
        Ensemble([ColourPredictor(), other])


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(UserError, match="no view 'flip'; the views are mirrored, smaller"):
        Ensemble([ColourPredictor()], ["flip"])


def test_a_list_of_references_makes_an_ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_one(reference: str, *_: Any) -> ColourPredictor:
        network = ColourPredictor()
        network.runtime = reference
        return network

    monkeypatch.setattr(load, "_load_one", load_one)
    alone = load.load("a")
    assert isinstance(alone, ColourPredictor)
    both = load.load(["a", "b"])
    assert isinstance(both, Ensemble)
    assert [member.runtime for member in both.members] == ["a", "b"]
    assert both.runtime == "a and b"
    seen_twice = load.load("a", views=["mirrored"])
    assert isinstance(seen_twice, Ensemble)
    assert seen_twice.views == ("mirrored",)


def test_a_missing_file_among_several_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing\.h5: there is no such weight file"):
        load.load([str(tmp_path / "missing.h5"), str(tmp_path / "other.h5")])
