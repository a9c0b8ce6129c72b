"""Opening the data set of a run, and the checks before training."""

import json
from pathlib import Path

import pytest
from PIL import Image

from fmask.data.config import Data
from fmask.data.open import describe, open_dataset
from fmask.data.synthetic.dataset import render_dataset
from fmask.utils.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    render_dataset(tmp_path / "set", seed=0, counts={"train": 1, "val": 1, "test": 1}, size=64)
    return tmp_path / "set"


def test_a_data_set_is_described_in_one_line(root: Path) -> None:
    described = describe(open_dataset(Data("mine", str(root))))
    assert described.endswith("1 train, 1 val, 1 test photos; 0 of them without objects, 0 others left out")


def test_a_split_without_objects_is_refused(root: Path) -> None:
    Image.new("RGB", (64, 64)).save(root / "val" / "b.png")
    (annotations,) = (root / "val").glob("*.json")
    region = {
        "shape_attributes": {"name": "rect", "x": 3, "y": 3, "width": 9, "height": 9},
        "region_attributes": {"fmask": ""},
    }
    annotations.write_text(
        json.dumps({"b.png1": {"filename": "b.png", "size": 1, "regions": [region], "file_attributes": {}}})
    )
    with pytest.raises(
        UserError, match=r"val has photos but no annotated object .*`fmask check .*set` lists the faults"
    ):
        open_dataset(Data("mine", str(root)))
