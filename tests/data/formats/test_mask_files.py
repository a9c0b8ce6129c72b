"""PNG masks of classes and objects."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmask.data.formats import mask_files
from fmask.data.formats.limits import MAX_REGIONS
from fmask.data.formats.read import read_split
from fmask.utils.errors import UserError
from tests.helpers.via import kinds


def write(folder: Path, pixels: np.ndarray, mode: str | None = None, classes: str = "mask\nhat\n") -> Path:
    (folder / "masks").mkdir(exist_ok=True)
    height, width = pixels.shape
    Image.new("RGB", (width, height)).save(folder / "a.jpg")
    image = Image.fromarray(pixels)
    if mode == "P":
        image.putpalette([value for value in range(256) for _ in range(3)])
    (image.convert(mode) if mode not in (None, "P") else image).save(folder / "masks" / "a.png")
    (folder / "classes.txt").write_text(classes)
    return folder


@pytest.mark.parametrize("mode", [None, "P"])
def test_each_connected_part_of_a_class_is_an_object(tmp_path: Path, mode: str | None) -> None:
    pixels = np.zeros((12, 20), np.uint8)
    pixels[1:4, 1:4] = 2
    pixels[4, 4] = 2  # connected by a corner
    pixels[8:10, 8:10] = 2
    pixels[8:10, 10:12] = 1
    split = read_split(write(tmp_path, pixels, mode))
    assert split.faults == ()
    assert [each.label for each in split.photos[0].regions] == ["mask", "hat", "hat"]
    masks = split.photos[0].masks()
    np.testing.assert_array_equal(masks[0], pixels == 1)
    np.testing.assert_array_equal(masks[1] | masks[2], pixels == 2)
    assert masks[1].sum() == 10


def test_values_from_1000_on_are_objects_that_may_touch_and_have_parts(tmp_path: Path) -> None:
    pixels = np.zeros((12, 20), np.uint16)
    pixels[1:4, 1:4] = 1001
    pixels[1:4, 4:8] = 1002
    pixels[8:10, 8:10] = 1001
    pixels[8:10, 15:18] = 2000
    pixels[5, 5] = 2  # without a number: each connected part
    split = read_split(write(tmp_path, pixels))
    assert split.faults == ()
    values = [2, 1001, 1002, 2000]
    assert [each.label for each in split.photos[0].regions] == ["hat", "mask", "mask", "hat"]
    np.testing.assert_array_equal(split.photos[0].masks(), [pixels == value for value in values])


def test_255_is_ignored_for_all_classes(tmp_path: Path) -> None:
    pixels = np.zeros((12, 20), np.uint8)
    pixels[1:4, 1:4] = 1
    pixels[6:9, 1:4] = 2
    pixels[6:9, 6:9] = 255
    split = read_split(write(tmp_path, pixels))
    assert split.faults == ()
    ignored = split.photos[0].regions[-1]
    assert (ignored.label, ignored.ignore, ignored.coco and ignored.coco.crowd_of) == (None, True, ("mask", "hat"))


def test_a_mask_without_objects_and_photos_without_masks(tmp_path: Path) -> None:
    write(tmp_path, np.zeros((12, 20), np.uint8))
    Image.new("RGB", (20, 12)).save(tmp_path / "b.jpg")
    Image.new("L", (20, 12)).save(tmp_path / "masks" / "gone.png")
    split = read_split(tmp_path)
    assert [(photo.name, photo.regions) for photo in split.photos] == [("a.jpg", ())]
    assert [(each.kind, each.file) for each in split.faults] == [
        ("missing photo", "gone.jpg"),
        ("unlisted photo", "b.jpg"),
    ]


def test_classes_may_be_listed_in_the_folder_above(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    write(folder, np.ones((12, 20), np.uint8))
    (folder / "classes.txt").rename(tmp_path / "classes.txt")
    assert read_split(folder).classes == ("mask",)
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(UserError, match=r"masks needs .*train/classes.txt with the names of the classes, one a line"):
        read_split(folder)


@pytest.mark.parametrize("classes", ["", "\n\n", "mask\n\nhat\n"])
def test_each_class_needs_a_name(tmp_path: Path, classes: str) -> None:
    with pytest.raises(UserError, match=r"classes.txt must have the name of a class in each line"):
        read_split(write(tmp_path, np.ones((12, 20), np.uint8), classes=classes))


@pytest.mark.parametrize("value", [3, 254, 3001])
def test_a_class_without_a_name_is_refused(tmp_path: Path, value: int) -> None:
    pixels = np.full((12, 20), value, np.uint16)
    with pytest.raises(UserError, match=rf"a.png has the value {value}, but .*classes.txt names 2 classes"):
        read_split(write(tmp_path, pixels))


def test_files_that_are_not_masks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, np.ones((12, 20), np.uint8), "RGB")
    with pytest.raises(UserError, match=r"a.png is not a readable mask: it has colours \(Pillow mode RGB\)"):
        read_split(tmp_path)
    (tmp_path / "masks" / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match=r"a.png is not a readable mask"):
        read_split(tmp_path)
    write(tmp_path, np.ones((12, 20), np.uint8))
    monkeypatch.setattr(mask_files, "MAX_PIXELS", 200)
    with pytest.raises(UserError, match=r"a.png is not a readable mask: 20 x 12 pixels, more than"):
        read_split(tmp_path)


def test_a_mask_of_another_size_leaves_its_photo_out(tmp_path: Path) -> None:
    write(tmp_path, np.ones((12, 20), np.uint8))
    Image.new("RGB", (12, 20)).save(tmp_path / "a.jpg")
    assert kinds(read_split(tmp_path)) == ["other size"]


@pytest.mark.parametrize("shared", [False, True])
def test_noise_leaves_its_photo_out(tmp_path: Path, shared: bool) -> None:
    pixels = np.zeros((200, 200), np.uint8)
    pixels[::2, ::2] = 1
    if shared:
        pixels[::2, 1::8] = 2
    split = read_split(write(tmp_path, pixels))
    assert kinds(split) == ["too many regions"]
    assert split.faults[0].detail.startswith(str(MAX_REGIONS + 1))
