"""The rendered data set: reproducible, valid, and with outlines that match the painted pixels."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from fmask.data.config import SPLITS
from fmask.data.formats.read import read_split
from fmask.data.images import load_image
from fmask.data.synthetic import dataset
from fmask.data.synthetic.dataset import KINDS, Scene, draw_scene, ensure_rendered, render_dataset
from fmask.data.synthetic.hats import HATS
from fmask.data.synthetic.layers import Item, Layer, Paint, largest_piece, paint, visible
from fmask.data.synthetic.masks import MASKS
from fmask.data.synthetic.people import HEAD
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError

COUNTS = {"train": 12, "val": 3, "test": 6}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered") / "photos"
    render_dataset(folder, seed=3, counts=COUNTS, size=128)
    return folder


@pytest.fixture(scope="module")
def splits(root: Path) -> dict[str, Split]:
    return {split: read_split(root / split) for split in SPLITS}


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_is_read_without_faults(splits: dict[str, Split]) -> None:
    assert {name: len(split.photos) for name, split in splits.items()} == COUNTS
    assert all(split.faults == () for split in splits.values())


def test_photos_have_the_requested_size_and_are_not_uniform(splits: dict[str, Split]) -> None:
    for photo in splits["train"].photos:
        image = load_image(photo.path)
        assert image.shape == (photo.height, photo.width, 3)
        assert max(image.shape) == 128
        assert image.std() > 5


def test_outlines_are_valid_and_inside_the_photo(splits: dict[str, Split]) -> None:
    for split in splits.values():
        for photo in split.photos:
            assert photo.regions
            for region in photo.regions:
                assert shapely.Polygon(region.polygon).is_valid
                assert (region.polygon >= 0).all()
                assert (region.polygon <= (photo.width - 1, photo.height - 1)).all()


def test_a_test_photo_shows_one_mask_and_one_hat(splits: dict[str, Split]) -> None:
    for photo in splits["test"].photos:
        assert sorted(region.label or "" for region in photo.regions) == ["hat", "mask"]


def test_number_and_size_of_masks_and_hats_are_like_in_the_study() -> None:
    shares: dict[str, list[float]] = {"mask": [], "hat": []}
    for index in range(60):
        scene = draw_scene(np.random.default_rng([0, 0, index]), 128, as_test=False)
        pixels = scene.background.shape[0] * scene.background.shape[1]
        for region in scene.regions:
            shares[str(region.label)].append(shapely.Polygon(region.polygon).area / pixels)
    assert all(24 <= len(areas) <= 60 for areas in shares.values())
    assert 0.01 < np.median(shares["mask"]) < 0.04
    assert 0.02 < np.median(shares["hat"]) < 0.08


def test_the_same_seed_gives_the_same_photos_for_any_count(root: Path, tmp_path: Path) -> None:
    render_dataset(tmp_path / "again", 3, COUNTS, 128)
    assert contents(tmp_path / "again") == contents(root)
    render_dataset(tmp_path / "more", 3, COUNTS | {"train": 13}, 128)
    more = contents(tmp_path / "more")
    assert all(more[name] == data for name, data in contents(root).items() if name.endswith(".jpg"))


def test_other_seeds_and_splits_give_other_photos(root: Path, tmp_path: Path) -> None:
    render_dataset(tmp_path / "other", 4, dict.fromkeys(SPLITS, 1), 128)
    photos = [
        data for folder in (root, tmp_path / "other") for name, data in contents(folder).items() if ".jpg" in name
    ]
    assert len(set(photos)) == len(photos)


def painted_in(scene: Scene, item: Item, tone: float) -> np.ndarray:
    """Return one colour plane of the scene without translucent layers, with `item` in a uniform tone."""
    even = Paint((tone, tone, tone), roundness=0, grain=0)
    solid = [layer for layer in scene.layers if layer.hides]
    layers = [replace(layer, paint=even) if layer.item is item else layer for layer in solid]
    return paint(scene.background, layers, scene.light)[..., 0]


@pytest.mark.parametrize("index", range(12))
def test_outline_covers_the_painted_pixels(index: int) -> None:
    scene = draw_scene(np.random.default_rng([7, 2, index]), 256, as_test=True)
    height, width = scene.background.shape[:2]
    items = list(dict.fromkeys(layer.item for layer in scene.layers if layer.item and layer.item.label != HEAD))
    assert [item.label for item in items] == [region.label for region in scene.regions]
    for item, region in zip(items, scene.regions, strict=True):
        painted = painted_in(scene, item, 1000.0) - painted_in(scene, item, 0.0) > 500
        outlined = region.mask(height, width)
        # Pieces of at most 7 % may be left out if a hand or a strap crosses the item.
        assert (painted & outlined).sum() / (painted | outlined).sum() > 0.9
        assert (outlined & ~painted).sum() < 0.03 * outlined.sum()


def test_painted_area_and_position_match_the_shape() -> None:
    """The rasteriser neither enlarges nor shrinks a uniform square."""
    square = Layer(shapely.box(10.3, 12.6, 40.7, 33.1), Paint((1, 1, 1), roundness=0, grain=0))
    painted = paint(np.zeros((50, 60, 3), np.float32), [square], np.array([0.0, 0.0, 1.0]))[..., 0]
    rows, columns = np.mgrid[:50, :60]
    assert painted.sum() == pytest.approx(square.shape.area, rel=0.01)
    assert (painted * columns).sum() / painted.sum() == pytest.approx(square.shape.centroid.x, abs=0.2)
    assert (painted * rows).sum() / painted.sum() == pytest.approx(square.shape.centroid.y, abs=0.2)


def test_opaque_layers_hide_an_item_and_translucent_ones_do_not() -> None:
    item, solid = Item("hat", "cap"), Paint((9, 9, 9))
    hat = Layer(shapely.box(0, 0, 10, 10), solid, item)
    hand = Layer(shapely.box(4, -1, 6, 11), solid)
    button = Layer(shapely.box(4.5, 0, 5.5, 1), solid, item)
    glass = Layer(shapely.box(0, 0, 10, 10), replace(solid, opacity=0.5))
    assert visible([hand, hat, glass], item, 100, 100).area == 100
    assert visible([hat, hand], item, 100, 100).area == 80
    assert visible([hat, hand, button], item, 100, 100).area == 81
    assert visible([hat], item, 6, 100).area == 50
    assert largest_piece(visible([hat, hand], item, 9, 100)).bounds == (0, 0, 4, 10)


def test_an_interrupted_rendering_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: Counter[str] = Counter()

    def stop_at_the_third(*args: object) -> np.ndarray:
        drawn["photos"] += 1
        if drawn["photos"] == 3:
            raise KeyboardInterrupt
        return paint(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(dataset, "paint", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        render_dataset(tmp_path / "photos", 0, COUNTS, 64)
    assert drawn["photos"] == 3
    assert list(tmp_path.iterdir()) == []


def test_ensure_rendered_renders_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = dict.fromkeys(SPLITS, 1)
    folder = ensure_rendered(tmp_path, 1, counts, 64)
    assert ensure_rendered(tmp_path, 2, counts, 64) != folder
    monkeypatch.setattr(dataset, "render_dataset", lambda *_: pytest.fail("drawn again"))
    assert ensure_rendered(tmp_path, 1, counts, 64) == folder
    assert len(read_split(folder / "train").photos) == 1


def test_ensure_rendered_uses_the_result_of_a_faster_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_the_race(folder: Path, *_: object) -> None:
        (folder / "train").mkdir(parents=True)
        raise OSError("Directory not empty")

    monkeypatch.setattr(dataset, "render_dataset", lose_the_race)
    assert (ensure_rendered(tmp_path, 0, COUNTS, 64) / "train").is_dir()


def test_does_not_render_into_a_folder_in_use(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        render_dataset(tmp_path, 0, COUNTS, 64)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


@pytest.mark.parametrize(
    ("seed", "counts", "size", "message"),
    [
        (-1, COUNTS, 64, "seed must be at least 0, not -1"),
        (0, {"train": 1}, 64, "val, test"),
        (0, COUNTS | {"val": 0}, 64, "at least one photo"),
        (0, COUNTS | {"extra": 1}, 64, "extra"),
        (0, COUNTS, 8, "size must be between 64 and 1024 pixels, not 8"),
        (0, COUNTS, 5000, "size must be between 64 and 1024 pixels, not 5000"),
    ],
)
def test_refuses_bad_arguments(tmp_path: Path, seed: int, counts: dict[str, int], size: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        render_dataset(tmp_path / "photos", seed, counts, size)
    assert list(tmp_path.iterdir()) == []


def test_heads_are_annotated_without_what_is_worn_over_them(root: Path, tmp_path: Path) -> None:
    render_dataset(tmp_path / "heads", seed=3, counts=COUNTS, size=128, labels="heads")
    with_heads, without = contents(tmp_path / "heads"), contents(root)
    assert {name: data for name, data in with_heads.items() if name.endswith(".jpg")} == {
        name: data for name, data in without.items() if name.endswith(".jpg")
    }
    for split in SPLITS:
        heads, items = (read_split(each / split) for each in (tmp_path / "heads", root))
        for one, other in zip(heads.photos, items.photos, strict=True):
            bare = [region for region in one.regions if region.label == HEAD]
            worn = [region for region in one.regions if region.label != HEAD]
            assert [each.polygon.tolist() for each in worn] == [each.polygon.tolist() for each in other.regions]
            assert len(bare) >= 1
            masks = one.masks()
            covered = masks[[region.label != HEAD for region in one.regions]].any(axis=0)
            for region in bare:
                mask = region.mask(one.height, one.width)
                assert (mask & covered).sum() < 0.15 * mask.sum()


def test_kinds_are_annotated_on_the_same_photos_as_classes(root: Path, tmp_path: Path) -> None:
    render_dataset(tmp_path / "kinds", seed=3, counts=COUNTS, size=128, labels="kinds")
    fine, coarse = contents(tmp_path / "kinds"), contents(root)
    assert {name for name in fine if fine[name] != coarse[name]} == {
        f"{split}/via_region_data.json" for split in SPLITS
    }
    seen = set()
    for split in SPLITS:
        kinds, classes = (read_split(each / split) for each in (tmp_path / "kinds", root))
        assert (kinds.attribute, classes.attribute) == ("kind", "fmask")
        for one, other in zip(kinds.photos, classes.photos, strict=True):
            for own, whole in zip(one.regions, other.regions, strict=True):
                assert np.array_equal(own.polygon, whole.polygon)
                assert own.label in {"mask": MASKS, "hat": HATS}[str(whole.label)]
                seen.add(own.label)
    assert seen == set(KINDS)
