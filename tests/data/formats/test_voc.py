"""Pascal VOC files: boxes without outlines."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmask.data.formats.read import read_split
from fmask.utils.errors import UserError
from tests.helpers.via import kinds

BOX = "<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>8</xmax><ymax>9</ymax></bndbox>"


def text(box: str = BOX, name: str = "<name>hat</name>", file: str = "a.png", width: str = "20") -> str:
    size = f"<size><width>{width}</width><height>12</height><depth>3</depth></size>"
    return f"<annotation><filename>{file}</filename>{size}<object>{name}{box}</object></annotation>"


@pytest.mark.parametrize(("files", "photos"), [(".", "."), ("Annotations", "JPEGImages"), ("Annotations", ".")])
def test_objects_have_boxes_and_no_outlines(tmp_path: Path, files: str, photos: str) -> None:
    for number in range(2):
        for folder in (files, photos):
            (tmp_path / folder).mkdir(exist_ok=True)
        Image.new("RGB", (20, 12)).save(tmp_path / photos / f"{number}.png")
        (tmp_path / files / f"{number}.xml").write_text(text(file=f"{number}.jpg" if number else "0.png"))
    split = read_split(tmp_path)
    assert [photo.path for photo in split.photos] == [tmp_path / photos / f"{number}.png" for number in range(2)]
    assert (kinds(split), split.box_only) == ([], 2)
    expected = np.zeros((12, 20), bool)
    expected[3:9, 2:8] = True  # pixels are counted from 1, and the last ones belong to the box
    np.testing.assert_array_equal(split.photos[0].masks()[0], expected)
    assert [(each.label, each.box_only) for each in split.photos[0].regions] == [("hat", True)]


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ("", "bad coordinates"),
        ("<bndbox/>", "bad coordinates"),
        (BOX.replace("8", "nan"), "bad coordinates"),
        (BOX.replace("8", "1"), "too few points"),
    ],
)
def test_a_bad_box_is_a_fault(tmp_path: Path, box: str, kind: str) -> None:
    Image.new("RGB", (20, 12)).save(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(text(box))
    assert kinds(read_split(tmp_path)) == [kind, "no regions"]


def test_other_files_and_objects_without_a_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(text(name=""))
    with pytest.raises(UserError, match=r"a.xml: object 0 has no <name>"):
        read_split(tmp_path)
    (tmp_path / "a.xml").write_text(text())
    (tmp_path / "b.xml").write_text("<annotations/>")
    with pytest.raises(UserError, match=r"b.xml is not a Pascal VOC file, but others in its folder are"):
        read_split(tmp_path)


def test_a_photo_with_another_size_or_outside_the_folder_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    for place in (tmp_path / "secret.png", folder / "a.png"):
        Image.new("RGB", (20, 12)).save(place)
    (folder / "a.xml").write_text(text(width="21"))
    assert kinds(read_split(folder)) == ["other size"]
    (folder / "b.xml").write_text(text(file="../secret.png"))
    assert kinds(read_split(folder))[-1] == "missing photo"
