"""YOLO segmentation: text files of polygons beside the photos' folders, and data.yaml."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmask.data.check import check
from fmask.data.dataset import read_dataset
from fmask.data.formats.convert import convert
from fmask.data.formats.read import read_split
from fmask.evaluation.evaluate import open_split
from fmask.utils.errors import UserError
from tests.helpers.via import kinds

SQUARE = "0.1 0.25 0.4 0.25 0.4 0.75 0.1 0.75"
"""Columns 2 to 7 and rows 3 to 8 of 20 x 12 pixels."""


def write(folder: Path, labels: dict[str, str], images: str = "images", names: str = "[mask, hat]") -> Path:
    """Write photos, text files beside their folder, and data.yaml."""
    for name, text in labels.items():
        for kind in ("images", "labels"):
            (folder / images.replace("images", kind) / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 12)).save(folder / images / f"{name}.png")
        (folder / images.replace("images", "labels") / f"{name}.txt").write_text(text)
    (folder / "data.yaml").write_text(f"names: {names}\n")
    return folder


@pytest.mark.parametrize("names", ["[mask, hat]", "{0: mask, 1: hat}", "{1: hat, 0: mask, 7: vest}"])
def test_polygons_are_shares_of_the_photo(tmp_path: Path, names: str) -> None:
    split = read_split(write(tmp_path, {"a": f"0 {SQUARE}\n\n1 {SQUARE}\n", "more/b": ""}, names=names))
    assert split.faults == ()
    first, empty = split.photos
    assert [(region.label, region.ignore) for region in first.regions] == [("mask", False), ("hat", False)]
    expected = np.zeros((12, 20), bool)
    expected[3:9, 2:8] = True
    np.testing.assert_array_equal(first.masks()[0], expected)
    assert (empty.name, empty.regions) == ("images/more/b.png", ())


def test_a_photo_without_a_text_file_shows_no_object_and_a_text_file_without_a_photo_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, {"a": f"0 {SQUARE}", "b": f"0 {SQUARE}", "gone": f"0 {SQUARE}"})
    (tmp_path / "labels" / "b.txt").unlink()
    (tmp_path / "images" / "gone.png").unlink()
    (tmp_path / "labels" / "classes.txt").write_text("mask\nhat\n")
    split = read_split(tmp_path)
    assert [len(photo.regions) for photo in split.photos] == [1, 0]
    assert [(fault.kind, fault.file) for fault in split.faults] == [("missing photo", "images/gone")]


def test_a_line_of_four_numbers_is_a_box(tmp_path: Path) -> None:
    split = read_split(write(tmp_path, {"a": "1 0.25 0.5 0.3 0.5"}))
    (region,) = split.photos[0].regions
    assert (kinds(split), region.label, region.box_only) == ([], "hat", True)
    np.testing.assert_allclose(region.polygon + 0.5, [(2, 3), (8, 3), (8, 9), (2, 9)])


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ("0.1 nan 0.4 0.25 0.4 0.75", "bad coordinates"),
        ("0.1 1e400 0.4 0.25 0.4 0.75", "bad coordinates"),
        ("0.1 x 0.4 0.25 0.4 0.75", "bad coordinates"),
        ("0.1 0.2 0.4 0.25 0.4 0.75 0.3", "bad coordinates"),
        ("0.1 0.2 nan 0.25", "bad coordinates"),
        ("0.1 0.2 -1 0.25", "too few points"),
        ("0.1 0.2 0.4", "bad coordinates"),
        ("0.1 0.2", "too few points"),
        ("", "too few points"),
        ("1e5 1e5 1e6 1e5 1e6 1e6", "bad coordinates"),
    ],
)
def test_a_line_without_a_usable_polygon_is_a_fault(tmp_path: Path, numbers: str, kind: str) -> None:
    split = read_split(write(tmp_path, {"a": f"0 {numbers}\n0 {SQUARE}"}))
    assert [region.index for region in split.photos[0].regions] == [1]
    assert [(fault.kind, fault.region) for fault in split.faults if fault.kind == kind] == [(kind, 0)]


def test_polygons_beyond_the_photo_are_clipped_and_reported(tmp_path: Path) -> None:
    split = read_split(write(tmp_path, {"a": "0 -1 0.25 0.4 0.25 0.4 0.75 -1 0.75"}))
    assert kinds(split) == ["outside the photo"]
    assert split.photos[0].masks()[0].sum() == 8 * 6


@pytest.mark.parametrize("index", ["2", "-1", "0.5", "mask", "1" * 5000])
def test_an_unknown_class_is_refused_with_its_line(tmp_path: Path, index: str) -> None:
    write(tmp_path, {"a": f"0 {SQUARE}\n{index} {SQUARE}"})
    with pytest.raises(UserError, match=r"a.txt line 2: .* is not the index of a class; .*data.yaml names .* 0, 1\."):
        read_split(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: 3", "`names` must list the names of the classes"),
        ("names: {a: mask}", "`names` must list the names of the classes"),
        ("[1]", "must map keys such as `names` to values, not be a list"),
        ("names: [", "is not valid YAML"),
        ("\U0000d7fc: [, hat]", r"is not valid YAML: .*\\ud7fc: \[, hat\]"),
        ("!!python/object/apply:os.system [x]", "is not valid YAML"),
        ("[" * 5000, "is not valid YAML"),
        ("kpt_shape: [17, 3]\nnames: [mask]", "describes key points"),
        ("x" * 2**21, "has more than 1048576 bytes"),
    ],
)
def test_a_broken_data_yaml_is_refused(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, {"a": f"0 {SQUARE}"})
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_split(tmp_path)


def test_text_files_need_data_yaml(tmp_path: Path) -> None:
    (write(tmp_path / "a" / "b" / "c", {"a": f"0 {SQUARE}"}) / "data.yaml").unlink()
    with pytest.raises(UserError, match=r"labels needs a data.yaml with the names of the classes"):
        read_split(tmp_path / "a" / "b" / "c")


@pytest.mark.parametrize("images", ["images/{}", "{}/images"])
@pytest.mark.parametrize("path", ["", "path: .\n", "path: /home/someone/data\n", "path: ../datasets/x\n"])
def test_data_yaml_names_the_splits(tmp_path: Path, images: str, path: str) -> None:
    for split, folder in {"train": "train", "val": "valid", "test": "test"}.items():
        write(tmp_path, {split: f"0 {SQUARE}"}, images.format(folder))
    up = "../" if images.endswith("images") else ""  # as Roboflow writes them
    folders = "".join(
        f"{split}: {up}{images.format('valid' if split == 'val' else split)}\n" for split in ("val", "train")
    )
    (tmp_path / "data.yaml").write_text(f"{path}{folders}names: [mask, hat]\n")
    dataset = read_dataset(tmp_path, "x")
    assert [(name, split.name, split.objects) for name, split in dataset.splits.items()] == [
        ("train", "train", 1),
        ("val", "val", 1),
    ]
    assert [split.name for split in check(tmp_path).splits] == ["train", "val"]
    assert [photo.path.stem for photo in open_split(tmp_path, "val", None).photos] == ["val"]
    with pytest.raises(UserError, match="has no split test; it has train, val"):
        open_split(tmp_path, None, None)


@pytest.mark.parametrize("value", ["../outside/images", "/etc", "gone", "[images/a, images/b]", "train.txt", "3"])
def test_a_split_must_be_a_folder_below_the_data_set(tmp_path: Path, value: str) -> None:
    write(tmp_path / "outside", {"a": f"0 {SQUARE}"})
    root = write(tmp_path / "root", {"a": f"0 {SQUARE}"})
    (root / "train.txt").write_text("images/a.png")
    (root / "data.yaml").write_text(f"train: {value}\nnames: [mask, hat]\n")
    with pytest.raises(
        UserError, match=r"data.yaml: `train` must be a folder of photos below .*, such as images/train"
    ):
        read_dataset(root, "x")


def test_conversion_to_yolo_and_back_keeps_objects_holes_and_splits(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for split in ("train", "valid"):
        (source / split / "masks").mkdir(parents=True)
        pixels = np.zeros((40, 50), np.uint8)
        pixels[5:30, 5:30] = 2
        pixels[12:20, 12:20] = 0
        pixels[33:38, 33:45] = 1
        Image.fromarray(pixels).save(source / split / "masks" / "a.png")
        Image.new("RGB", (50, 40)).save(source / split / "a.jpg")
        (source / split / "classes.txt").write_text("mask\nhat\n")
        convert(source / split, tmp_path / "yolo", to="yolo")
    (source / "valid").rename(source / "val")
    before, after = read_dataset(source, "x"), read_dataset(tmp_path / "yolo", "x")
    assert list(after.splits) == ["train", "val"]
    for split in before.splits:
        (old,), (new,) = before.splits[split].photos, after.splits[split].photos
        assert [region.label for region in new.regions] == [region.label for region in old.regions]
        np.testing.assert_array_equal(new.masks(), old.masks())
    text = (tmp_path / "yolo" / "data.yaml").read_text()
    assert text == "train: images/train\nval: images/val\nnames:\n  0: hat\n  1: mask\n"


def test_yolo_files_are_not_replaced_by_accident_and_names_must_differ(tmp_path: Path) -> None:
    source = write(tmp_path / "source", {"a": f"0 {SQUARE}"})
    convert(source, tmp_path / "yolo", to="yolo")
    with pytest.raises(UserError, match=r"labels/train already exists; --overwrite replaces its files"):
        convert(source, tmp_path / "yolo", to="yolo", overwrite=False)
    Image.new("RGB", (20, 12)).save(source / "images" / "a.jpg")
    with pytest.raises(UserError, match="another photo has the same name and another suffix"):
        convert(source, tmp_path / "yolo", to="yolo")
