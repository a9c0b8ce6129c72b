"""Reading and writing VIA files: every version, shape and fault."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.draw
from PIL import Image

from fmask.data import images
from fmask.data.dataset import read_dataset
from fmask.data.formats import via
from fmask.data.formats.read import read_split
from fmask.data.paths import ANNOTATIONS, relative_name
from fmask.data.polygons import check_outline, covers_pixel
from fmask.structures.annotations import Region, Split
from fmask.utils.errors import UserError

SQUARE = {"name": "polygon", "all_points_x": [2, 8, 8, 2], "all_points_y": [3, 3, 9, 9]}


def region(shape: dict[str, Any] = SQUARE, **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes or {"fmask": "mask"}}


def write(folder: Path, photos: dict[str, Any], name: str = ANNOTATIONS) -> Path:
    """Write a VIA 2.x export of `photos` (name to regions), and photos of 20 x 12 pixels unless they exist."""
    for file in photos:
        if "/" not in file and not (folder / file).exists():
            Image.new("RGB", (20, 12), "grey").save(folder / file)
    entries = {f"{file}-1": {"filename": file, "size": -1, "regions": regions} for file, regions in photos.items()}
    (folder / name).write_text(json.dumps(entries))
    return folder


def kinds(split: Split) -> list[str]:
    return [fault.kind for fault in split.faults]


def only_region(folder: Path, shape: dict[str, Any], **attributes: Any) -> Region:
    split = read_split(write(folder, {"a.png": [region(shape, **attributes)]}))
    return split.photos[0].regions[0]


def test_reads_an_export_of_via_2(tmp_path: Path) -> None:
    regions = [region(), region(fmask=" Hat "), region(fmask="hat", ignore="true")]
    split = read_split(write(tmp_path, {"a.png": regions}))
    (photo,) = split.photos
    assert (split.name, split.faults) == (tmp_path.name, ())
    assert (photo.name, photo.width, photo.height) == ("a.png", 20, 12)
    assert [(each.label, each.ignore, each.class_id, each.index) for each in photo.regions] == [
        ("mask", False, 1, 0),
        ("hat", False, 2, 1),
        ("hat", True, -1, 2),
    ]
    assert photo.class_ids().tolist() == [1, 2, -1]
    np.testing.assert_array_equal(photo.regions[0].polygon, [(2, 3), (8, 3), (8, 9), (2, 9)])


def test_reads_regions_of_via_1_and_project_files(tmp_path: Path) -> None:
    Image.new("RGB", (20, 12)).save(tmp_path / "a.png")
    entry = {"filename": "a.png", "size": 1, "regions": {"0": region(), "1": region(fmask="hat")}}
    project = {"_via_settings": {}, "_via_img_metadata": {"a.png1": entry}, "_via_attributes": {}}
    (tmp_path / "anything.json").write_text(json.dumps(project), encoding="utf-8-sig")
    split = read_split(tmp_path)
    assert [each.label for each in split.photos[0].regions] == ["mask", "hat"]


def test_masks_have_the_pixels_of_the_reference(tmp_path: Path) -> None:
    x, y = [3, 17, 11, 4], [1, 4, 10, 8]
    (photo,) = read_split(
        write(tmp_path, {"a.png": [region(), region({"name": "polyline", "all_points_x": x, "all_points_y": y})]})
    ).photos
    expected = np.zeros((12, 20), dtype=bool)
    expected[skimage.draw.polygon(y, x)] = True
    masks = photo.masks()
    assert (masks.shape, masks.dtype) == ((2, 12, 20), bool)
    np.testing.assert_array_equal(masks[1], expected)


def test_a_rectangle_has_its_four_corners(tmp_path: Path) -> None:
    polygon = only_region(tmp_path, {"name": "rect", "x": 1, "y": 2, "width": 5, "height": 4}).polygon
    np.testing.assert_array_equal(polygon, [(1, 2), (6, 2), (6, 6), (1, 6)])


def test_a_circle_is_round(tmp_path: Path) -> None:
    polygon = only_region(tmp_path, {"name": "circle", "cx": 9, "cy": 5, "r": 4}).polygon
    np.testing.assert_allclose(np.hypot(*(polygon - (9, 5)).T), 4)
    assert len(polygon) == 64


@pytest.mark.parametrize(("theta", "width", "height"), [(0, 10, 4), (np.pi / 2, 4, 10)])
def test_an_ellipse_turns_by_theta(tmp_path: Path, theta: float, width: float, height: float) -> None:
    ellipse = {"name": "ellipse", "cx": 9, "cy": 5.5, "rx": 5, "ry": 2} | ({"theta": theta} if theta else {})
    polygon = only_region(tmp_path, ellipse).polygon
    np.testing.assert_allclose(np.ptp(polygon, axis=0), (width, height))


def test_an_ellipse_turns_clockwise_on_the_screen(tmp_path: Path) -> None:
    polygon = only_region(tmp_path, {"name": "ellipse", "cx": 9, "cy": 6, "rx": 5, "ry": 1, "theta": 0.5}).polygon
    tip = polygon[np.argmax(polygon[:, 0])]
    assert tip[1] > 6  # y grows downwards: the right-hand tip sinks


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"fmask": ""}, "blank label"),
        ({"fmask": "  "}, "blank label"),
        ({"other": "mask"}, "blank label"),
        ({"fmask": None}, "blank label"),
        ({"fmask": "visor"}, "unknown label"),
        ({"fmask": {"mask": True}}, "unknown label"),
        ({"fmask": ["mask"]}, "unknown label"),
    ],
)
def test_a_region_with_a_blank_or_unknown_label_is_ignored(
    tmp_path: Path, attributes: dict[str, Any], kind: str
) -> None:
    split = read_split(write(tmp_path, {"a.png": [region(), region(**attributes)]}))
    ignored = split.photos[0].regions[1]
    assert (ignored.label, ignored.ignore, ignored.class_id) == (None, True, -1)
    assert [(fault.kind, fault.file, fault.region) for fault in split.faults] == [(kind, "a.png", 1)]


def test_points_outside_the_photo_are_clipped_along_its_edges(tmp_path: Path) -> None:
    # The right half of this triangle lies outside: clamping its tip to x = 19 would bend its sides.
    shape = {"name": "polygon", "all_points_x": [9, 29, 9], "all_points_y": [0, 5, 10]}
    split = read_split(write(tmp_path, {"a.png": [region(shape)]}))
    polygon = split.photos[0].regions[0].polygon
    assert kinds(split) == ["outside the photo"]
    assert "10 px" in split.faults[0].detail
    assert {tuple(point) for point in polygon.tolist()} == {(9, 0), (19, 2.5), (19, 7.5), (9, 10)}


def test_one_pixel_outside_still_has_a_mask(tmp_path: Path) -> None:
    shape = {"name": "rect", "x": 10, "y": 2, "width": 10, "height": 10}
    split = read_split(write(tmp_path, {"a.png": [region(shape)]}))
    assert kinds(split) == ["outside the photo"]
    assert split.photos[0].masks()[0, 2:, 10:].all()


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ({"name": "point", "cx": 1, "cy": 1}, "unknown shape"),
        ({"name": ["polygon"]}, "unknown shape"),
        ({}, "unknown shape"),
        ({"name": "polygon", "all_points_x": [1, 5], "all_points_y": [1, 5]}, "too few points"),
        ({"name": "polygon", "all_points_x": [], "all_points_y": []}, "too few points"),
        ({"name": "polygon", "all_points_x": [1, 5, 9], "all_points_y": [1, 5, 9]}, "no area"),
        ({"name": "rect", "x": 1, "y": 1, "width": 0, "height": 5}, "no area"),
        ({"name": "circle", "cx": 5.5, "cy": 5.5, "r": 0.1}, "no area"),
        ({"name": "polygon", "all_points_x": [1, 5, 9], "all_points_y": [1, 5]}, "bad coordinates"),
        ({"name": "polygon", "all_points_x": [1, 5, float("nan")], "all_points_y": [1, 5, 5]}, "bad coordinates"),
        ({"name": "polygon", "all_points_x": [1, 5, "9"], "all_points_y": [1, 5, 5]}, "bad coordinates"),
        ({"name": "polygon", "all_points_x": [1, 5, True], "all_points_y": [1, 5, 5]}, "bad coordinates"),
        ({"name": "polygon", "all_points_x": [1, 5, 10**400], "all_points_y": [1, 5, 5]}, "bad coordinates"),
        ({"name": "circle", "cx": 5, "cy": 5}, "bad coordinates"),
        ({"name": "ellipse", "cx": 5, "cy": 5, "rx": 2, "ry": 2, "theta": None}, "bad coordinates"),
    ],
)
def test_a_region_without_a_usable_outline_is_left_out(tmp_path: Path, shape: dict[str, Any], kind: str) -> None:
    split = read_split(write(tmp_path, {"a.png": [region(shape), region()]}))
    assert [each.index for each in split.photos[0].regions] == [1]
    assert [(fault.kind, fault.region) for fault in split.faults] == [(kind, 0)]


def test_a_region_completely_outside_is_left_out(tmp_path: Path) -> None:
    far = {"name": "rect", "x": 100, "y": 100, "width": 5, "height": 5}
    split = read_split(write(tmp_path, {"a.png": [region(far)]}))
    assert split.photos == ()
    assert kinds(split) == ["outside the photo", "no area", "no regions"]


def test_missing_and_unlisted_photos_are_faults(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": [region()], "empty.png": [], "gone.png": [region()]})
    (tmp_path / "gone.png").unlink()
    Image.new("RGB", (4, 4)).save(tmp_path / "extra.JPG", "JPEG")
    split = read_split(tmp_path)
    assert [photo.name for photo in split.photos] == ["a.png"]
    assert [(fault.kind, fault.file) for fault in split.faults] == [
        ("no regions", "empty.png"),
        ("missing photo", "gone.png"),
        ("unlisted photo", "extra.JPG"),
    ]


def test_a_photo_with_only_ignored_regions_is_kept(tmp_path: Path) -> None:
    split = read_split(write(tmp_path, {"a.png": [region(fmask="")]}))
    assert split.photos[0].class_ids().tolist() == [-1]


def test_the_first_of_two_entries_is_used(tmp_path: Path) -> None:
    Image.new("RGB", (20, 12)).save(tmp_path / "a.png")
    first, second = ({"filename": "a.png", "regions": [region(fmask=label)]} for label in ("hat", "mask"))
    (tmp_path / ANNOTATIONS).write_text(json.dumps({"a.png1": first, "a.png2": second}))
    split = read_split(tmp_path)
    assert [each.label for photo in split.photos for each in photo.regions] == ["hat"]
    assert kinds(split) == ["listed twice"]


@pytest.mark.parametrize("name", ["../secret.png", "a/../../secret.png", "/etc/passwd", "..\\secret.png", "C:\\x.png"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    Image.new("RGB", (20, 12)).save(tmp_path / "secret.png")
    split = read_split(write(folder, {"a.png": [region()]} | {f"{name}": [region()]}))
    assert [photo.name for photo in split.photos] == ["a.png"]
    assert "unsafe file name" in kinds(split)


def test_photos_and_folders_may_be_links(tmp_path: Path) -> None:
    folder, kept = tmp_path / "train", tmp_path / "store"
    folder.mkdir()
    kept.mkdir()
    for name in ("one.png", "two.png"):
        Image.new("RGB", (20, 12)).save(kept / name)
    (folder / "a.png").symlink_to(kept / "one.png")
    (folder / "more").symlink_to(kept)
    split = read_split(write(folder, {"a.png": [region()], "more/two.png": [region()]}))
    assert [relative_name(folder, photo.path) for photo in split.photos] == ["a.png", "more/two.png"]
    assert split.faults == ()


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "\ud800.png", "", ".", "a.png/b.png", "\x1b[2J.png"])
def test_an_impossible_photo_name_is_reported_in_printable_form(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"a.png": [region()]})
    entries = {"a": {"filename": "a.png", "regions": [region()]}, "b": {"filename": name, "regions": []}}
    (tmp_path / ANNOTATIONS).write_text(json.dumps(entries))
    (fault,) = read_split(tmp_path).faults
    assert fault.kind == "missing photo"
    assert fault.file.isprintable()


def test_two_spellings_of_a_name_are_the_same_photo(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": [region()]})
    entries = {name: {"filename": name, "regions": [region()]} for name in ("a.png", "./a.png")}
    (tmp_path / ANNOTATIONS).write_text(json.dumps(entries))
    split = read_split(tmp_path)
    assert (len(split.photos), kinds(split)) == (1, ["listed twice"])


def test_outlines_with_too_many_crossings_or_points_are_left_out(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).uniform(0, 11, (2, 400)).tolist()
    scribble = {"name": "polygon", "all_points_x": x, "all_points_y": y}
    endless = {"name": "polygon", "all_points_x": [1] * 10_001, "all_points_y": [1] * 10_001}
    split = read_split(write(tmp_path, {"a.png": [region(scribble), region(endless), region()]}))
    assert [fault.detail for fault in split.faults] == [
        "its sides cross each other more than 1000 times",
        "10001 points; at most 10000 are allowed",
    ]


def test_a_comb_with_many_thin_teeth_is_checked(tmp_path: Path) -> None:
    x = np.linspace(0.1, 0.9, 500)[:, None] + [0.0, 0.0, 1e-5, 1e-5]
    y = np.broadcast_to([1.0, 2_000.0, 2_000.0, 1.0], x.shape)
    comb = np.stack([np.r_[x.ravel(), 0.9, 0.1], np.r_[y.ravel(), 0.6, 0.6]], axis=1)
    assert len(check_outline(comb)) == 2_002
    assert not covers_pixel(comb, 2_000, 2_000)
    assert covers_pixel(np.add(comb, [0.9 - 0.5e-5, 0.0]), 2_000, 2_000)


def test_very_high_slivers_are_checked_fast() -> None:
    start = time.process_time()
    for _ in range(10):
        sliver = np.array([(0.2, 0.0), (0.4, 99_999.0), (0.3, 99_999.0)])
        assert not covers_pixel(sliver, 1_000, 100_000)
        assert covers_pixel(np.add(sliver, [0.65, 0.0]), 1_000, 100_000)
        assert not covers_pixel(np.multiply(sliver, [1.0, 1e4]), 1_000, 10**9)  # too many rows to check each one
    assert time.process_time() - start < 2


def test_an_unreadable_photo_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    split = read_split(write(tmp_path, {"a.png": [region()]}))
    assert (split.photos, kinds(split)) == ((), ["unreadable photo"])
    assert str(tmp_path) not in split.faults[0].detail


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 200)
    split = read_split(write(tmp_path, {"a.png": [region()]}))
    assert (split.photos, kinds(split)) == ((), ["unreadable photo"])
    with pytest.raises(UserError, match=r"20 x 12 pixels"):
        images.load_image(tmp_path / "a.png")


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((12, 20, 3), np.uint8)
    pixels[:, :10] = 255  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise: left becomes top
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    split = read_split(write(tmp_path, {"a.png": [region()]}))
    image = images.load_image(tmp_path / "a.png")
    assert (split.photos[0].width, split.photos[0].height) == (12, 20)
    assert image.shape == (20, 12, 3)
    assert image[:10].min() == 255
    assert image[10:].max() == 0
    assert [(fault.kind, fault.is_note) for fault in split.faults] == [("EXIF rotation", True)]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_pixel_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.full((12, 20), 65535, np.uint16))
    else:
        picture = Image.new("RGB", (20, 12), "white").convert(mode)
    file = "a.tif" if mode == "CMYK" else "a.png"
    picture.save(tmp_path / file)
    split = read_split(write(tmp_path, {file: [region()]}))
    image = images.load_image(tmp_path / file)
    assert (image.shape, image.dtype, image.min()) == ((12, 20, 3), np.uint8, 255)
    assert [(fault.kind, fault.is_note) for fault in split.faults] == [("colour conversion", True)]


def test_sixteen_bit_pictures_are_scaled_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 256 * 100, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert images.load_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 100, 255]


def test_a_truncated_photo_is_a_user_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:1500])
    with pytest.raises(UserError, match=r"a\.jpg is not a readable photo"):
        images.load_image(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "found list"),
        ('{"images": [], "categories": []}', "'images' has no `filename`"),
        ('{"a": {"filename": 3}}', "'a' has no `filename`"),
        ('{"a": {"filename": "a.png", "regions": "none"}}', "`regions` of 'a' must be a list, not str"),
        ('{"a": {"filename": "a.png", "regions": [3]}}', "region 0 of 'a'"),
        ('{"a": {"filename": "a.png", "regions": [{"shape_attributes": {}}]}}', "`region_attributes`"),
    ],
)
def test_a_file_that_is_not_via_is_a_user_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / ANNOTATIONS).write_text(text)
    with pytest.raises(UserError, match=r"via_region_data\.json") as raised:
        read_split(tmp_path)
    assert message in str(raised.value)


def test_the_annotation_file_must_be_the_only_candidate(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no other JSON file"):
        read_split(tmp_path)
    write(tmp_path, {"a.png": [region()]}, name="mine.json")
    assert len(read_split(tmp_path).photos) == 1
    write(tmp_path, {"a.png": [region()]}, name="old.json")
    with pytest.raises(UserError, match=r"2 JSON files \(mine\.json, old\.json\)"):
        read_split(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        read_split(tmp_path / "nowhere")


def test_a_written_split_is_read_back_unchanged(tmp_path: Path) -> None:
    circle = {"name": "circle", "cx": 9.3, "cy": 5, "r": 4}
    regions = [region(circle), region(fmask="hat", ignore="true"), region(fmask="")]
    before = read_split(write(tmp_path, {"a.png": regions}))
    assert via.write_split(tmp_path, before.photos) == tmp_path / ANNOTATIONS
    after = read_split(tmp_path)
    for old, new in zip(before.photos[0].regions, after.photos[0].regions, strict=True):
        assert (old.label, old.ignore, old.index) == (new.label, new.ignore, new.index)
        np.testing.assert_array_equal(old.polygon, new.polygon)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UserError, match="lies outside"):
        via.write_split(tmp_path / "elsewhere", before.photos)


def test_counts_and_faults_of_the_studys_photos(photos_root: Path) -> None:
    dataset = read_dataset(photos_root, "photos")
    counts = {
        name: (len(split.photos), *(int(np.sum(class_ids(split) == value)) for value in (1, 2, -1)))
        for name, split in dataset.splits.items()
    }
    assert counts == {"train": (410, 254, 241, 4), "val": (44, 38, 26, 0), "test": (9, 9, 9, 1)}
    assert Counter(kinds(dataset.splits["train"])) == {"unlisted photo": 31, "outside the photo": 6, "blank label": 4}
    assert Counter(kinds(dataset.splits["val"])) == {"unlisted photo": 1, "outside the photo": 1}
    assert kinds(dataset.splits["test"]) == []


def class_ids(split: Split) -> np.ndarray:
    return np.concatenate([photo.class_ids() for photo in split.photos])
