"""The commands `fmask check` and `fmask anchors` on COCO files with other categories."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from fmask import cli
from fmask.data.config import ReadOptions
from fmask.data.dataset import read_dataset
from fmask.data.formats.read import read_split
from fmask.data.paths import ANNOTATIONS
from fmask.utils.errors import UserError


def fmask(*args: str) -> Result:
    return CliRunner().invoke(cli.app, list(args))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of COCO files: train with hard hats and people, val with hard hats; the folder above is current."""
    monkeypatch.chdir(tmp_path)
    squares = [{"image_id": 1, "segmentation": [[2, 3, end, 3, end, end + 1, 2, end + 1]]} for end in range(20, 80, 10)]
    for seed, (split, names) in enumerate({"train": ["hard hat", "person"], "val": ["hard hat"]}.items()):
        folder = tmp_path / "site" / split
        folder.mkdir(parents=True)
        coarse = np.random.default_rng(seed).integers(0, 255, (8, 12, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC).save(folder / "a.png")
        document = {
            "images": [{"id": 1, "file_name": "a.png", "width": 160, "height": 120}],
            "categories": [{"id": key, "name": name} for key, name in enumerate(names)],
            "annotations": [each | {"category_id": key} for key in range(len(names)) for each in squares],
        }
        (folder / "coco.json").write_text(json.dumps(document))
    return Path("site")


OPTIONS = ("--map", "{hard hat: hat, person: null}")
ONLY_HATS = ("--map", "{hard hat: hat}")


def test_categories_are_classes_and_can_be_mapped_in_every_command(site: Path) -> None:
    assert read_dataset(site, "site").classes == ("hard hat", "person")
    for command in ("check", "anchors"):
        assert fmask(command, "site").exit_code == fmask(command, "site", *OPTIONS).exit_code == 0
    for split in ("train", "val"):
        options = OPTIONS if split == "train" else ONLY_HATS
        assert fmask("convert", f"site/{split}", f"site/{split}/{ANNOTATIONS}", *options).exit_code == 0
    for each in read_dataset(site, "site").splits.values():
        assert [region.label for region in each.photos[0].regions] == 6 * ["hat"]


def test_a_category_must_be_in_at_least_one_split(site: Path) -> None:
    misspelt = fmask("check", "site", "--map", "{hard hat: hat, persons: null}")
    assert "has no category 'persons'" in str(misspelt.exception)
    assert fmask("check", "site/val", *ONLY_HATS).exit_code == 0
    with pytest.raises(UserError, match="has no category 'person'; it has 'hard hat'"):
        read_split(site / "val", ReadOptions(map={"hard hat": "hat", "person": None}))


def test_categories_are_those_of_the_coco_files_among_the_splits(site: Path) -> None:
    assert fmask("convert", "site/val", f"site/val/{ANNOTATIONS}", *ONLY_HATS).exit_code == 0
    assert fmask("check", "site", *OPTIONS).exit_code == 0
