"""Files of other programs are refused with a sentence that names them, and so are folders with several formats."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fmask.data.formats.find import find_annotations
from fmask.data.formats.foreign import READ
from fmask.data.formats.read import read_file, read_split
from fmask.utils.errors import UserError

LABELME: dict[str, Any] = {"version": "5.4.1", "flags": {}, "shapes": [], "imagePath": "a.jpg", "imageData": None}
VIA_3_CSV = """# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)
# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata
"1_k","[""a.jpg""]",0,"[]","[2,40,50,60,40]","{}"
"""
NO_ANNOTATIONS = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": []}
RESULTS = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.5}]
JSON_MIN = [{"id": 1, "image": "/data/upload/1/a.jpg", "annotation_id": 5, "label": []}]


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (NO_ANNOTATIONS, "a COCO file without a list of `annotations`"),
        (RESULTS, "a COCO list of results"),
        (JSON_MIN, "a JSON-MIN export of Label Studio, which lacks masks"),
    ],
)
def test_json_of_other_programs_is_refused_by_name(tmp_path: Path, document: Any, kind: str) -> None:
    file = tmp_path / "only.json"
    file.write_text(json.dumps(document))
    with pytest.raises(UserError) as refusal:
        read_split(tmp_path)
    assert str(refusal.value) == f"{file} is {kind}; {READ}."


def test_csv_files_of_via_3_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "via.csv").write_text(VIA_3_CSV, encoding="utf-8-sig")
    for read in (read_split, lambda folder: read_file(folder / "via.csv", folder)):
        with pytest.raises(UserError) as refusal:
            read(tmp_path)
        kind = "a CSV export of VIA 3, which lacks the names of the attributes"
        assert str(refusal.value) == f"{tmp_path / 'via.csv'} is {kind}; {READ}."


@pytest.mark.parametrize("content", [b"\xff\xfe", b"filename,size", b""])
def test_files_that_are_not_recognised_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.csv is not (valid JSON|an annotation file: it is not text in UTF-8)"):
        read_split(tmp_path)


def test_a_folder_without_annotations_is_refused_with_the_formats(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refusal:
        find_annotations(tmp_path)
    assert str(refusal.value) == f"{tmp_path} has no via_region_data.json and no other annotations; {READ}."


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["via_region_data.json", "b.json", "x.csv"], "via_region_data.json"),
        (["b.json", "x.csv", "labels/a.txt", "images/a.png"], "b.json"),
        (["a.json", "b.json"], "."),
        (["x.csv", ".hidden.csv"], "x.csv"),
        (["a.xml"], "a.xml"),
        (["a.xml", "b.xml"], "."),
        (["Annotations/a.xml"], "Annotations"),
        (["masks/a.png"], "masks"),
        (["labels/a.txt", "images/a.png"], "labels"),
    ],
)
def test_annotations_are_found_in_their_usual_places(tmp_path: Path, files: list[str], found: str) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(json.dumps(LABELME))
    assert find_annotations(tmp_path) == tmp_path / found


def test_the_labels_of_a_yolo_split_are_beside_its_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("images", "labels"):
        (tmp_path / "images" / "x" / kind / "train").mkdir(parents=True)
    split = tmp_path / "images" / "x" / "images" / "train"
    assert find_annotations(split) == tmp_path / "images" / "x" / "labels" / "train"
    monkeypatch.chdir(split)
    assert find_annotations(Path()) == tmp_path / "images" / "x" / "labels" / "train"


def test_several_kinds_of_annotations_are_refused_with_their_names(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "masks" / "a.png")
    for name in ("x.csv", "a.xml", "b.xml"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"several kinds of annotations \(x.csv, XML files, masks\); move all but one"):
        read_split(tmp_path)
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match=r"2 JSON files \(a.json, b.json\); expected one, or only LabelMe files"):
        read_split(tmp_path)
