"""Files of other programs and versions are refused with a sentence that names them."""

import json
from pathlib import Path
from typing import Any

import pytest

from fmask.data.formats.foreign import READ
from fmask.data.formats.read import read_file, read_split
from fmask.utils.errors import UserError

VIA_3 = {"project": {"pid": "x"}, "config": {}, "attribute": {}, "file": {}, "metadata": {}, "view": {}}
LABELME: dict[str, Any] = {"version": "5.4.1", "flags": {}, "shapes": [], "imagePath": "a.jpg", "imageData": None}
COLUMNS = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
VIA_3_CSV = """# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)
# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata
"1_k","[""a.jpg""]",0,"[]","[2,40,50,60,40]","{}"
"""


NO_ANNOTATIONS = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": []}
RESULTS = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.5}]


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (VIA_3, "a project of VIA 3"),
        (LABELME, "a labelme file"),
        (NO_ANNOTATIONS, "a COCO file without a list of `annotations`"),
        (RESULTS, "a COCO list of results"),
    ],
)
def test_json_of_other_programs_is_refused_by_name(tmp_path: Path, document: Any, kind: str) -> None:
    file = tmp_path / "only.json"
    file.write_text(json.dumps(document))
    with pytest.raises(UserError) as refusal:
        read_split(tmp_path)
    assert str(refusal.value) == f"{file} is {kind}; {READ}."


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"#{COLUMNS}\na.jpg", "a CSV export of VIA"),  # VIA 1
        (f"{COLUMNS}\na.jpg", "a CSV export of VIA"),
        (VIA_3_CSV, "a CSV export of VIA 3"),
    ],
)
def test_csv_files_of_via_are_refused_by_name(tmp_path: Path, text: str, kind: str) -> None:
    (tmp_path / "via.csv").write_text(text, encoding="utf-8-sig")
    with pytest.raises(UserError, match=f"via.csv is {kind}; {READ}"):
        read_file(tmp_path / "via.csv", tmp_path)
    with pytest.raises(UserError, match=f"no other JSON file; via.csv is {kind}, but {READ}"):
        read_split(tmp_path)


def test_a_folder_of_labelme_files_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(LABELME))
    with pytest.raises(UserError, match=r"2 JSON files \(a.json, b.json\); a.json is a labelme file, but fmask reads"):
        read_split(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"filename,size", b""])
def test_files_that_are_not_recognised_keep_their_message(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(UserError, match="no other JSON file; expected one VIA or COCO file"):
        read_split(tmp_path)
    with pytest.raises(UserError, match="is not valid JSON"):
        read_file(tmp_path / "x.csv", tmp_path)
