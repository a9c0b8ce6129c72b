"""Reading data sets, their digests, and the folder of the installed photos."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from fmask.data import config
from fmask.data import dataset as photos
from fmask.data.check import check
from fmask.data.formats.read import read_split
from fmask.data.paths import ANNOTATIONS
from fmask.utils.errors import UserError
from tests.helpers.classes import OF_STUDY


def save_split(folder: Path, x: float = 8, pixel: int = 200) -> Path:
    folder.mkdir(parents=True)
    entries = {}
    for name in ("a.png", "b.png"):
        Image.new("RGB", (20, 12), (pixel, 0, ord(name[0]))).save(folder / name)
        shape = {"name": "polygon", "all_points_x": [2, x, 8, 2], "all_points_y": [3, 3, 9, 9]}
        region = {"shape_attributes": shape, "region_attributes": {"fmask": "mask"}}
        entries[name] = {"filename": name, "regions": [region]}
    (folder / ANNOTATIONS).write_text(json.dumps(entries))
    return folder


def test_the_digest_depends_on_contents_not_on_the_folder(tmp_path: Path) -> None:
    digest = photos.digest(read_split(save_split(tmp_path / "one")))
    shutil.copytree(tmp_path / "one", tmp_path / "two" / "three")
    (tmp_path / "two" / "three" / "unlisted.png").touch()
    assert photos.digest(read_split(tmp_path / "two" / "three")) == digest
    assert photos.digest(read_split(save_split(tmp_path / "moved", x=8.5))) != digest
    assert photos.digest(read_split(save_split(tmp_path / "repainted", pixel=201))) != digest


def test_the_digest_never_changes(photos_root: Path) -> None:
    expected = "e3661a57926fb3fe0460ed0ba76e62b8b9df59e8b3f90fcc55e6c746bc06e266"
    assert photos.digest(read_split(photos_root / "test", OF_STUDY)) == expected


def test_a_dataset_has_the_splits_that_exist(tmp_path: Path) -> None:
    save_split(tmp_path / "val")
    save_split(tmp_path / "train")
    dataset = photos.read_dataset(tmp_path, "mine")
    assert (dataset.name, dataset.root, list(dataset.splits)) == ("mine", tmp_path, ["train", "val"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"none of the folders train, val, test, and no annotations: .*empty has no "):
        photos.read_dataset(tmp_path / "empty", "mine")


def test_a_folder_without_splits_is_one_split(tmp_path: Path) -> None:
    alone = save_split(tmp_path / "alone")
    dataset = photos.read_dataset(alone, "mine")
    assert list(dataset.splits) == ["train"]
    assert photos.digest(dataset.splits["train"]) == photos.digest(read_split(alone))


@pytest.mark.parametrize("name", ["valid", "validation", "Val", "dev"])
def test_a_split_may_have_the_name_that_other_projects_give_it(tmp_path: Path, name: str) -> None:
    save_split(tmp_path / "train")
    other = save_split(tmp_path / name)
    splits = photos.read_dataset(tmp_path, "mine").splits
    assert {split: each.folder for split, each in splits.items()} == {"train": tmp_path / "train", "val": other}
    assert len(check(tmp_path).splits) == 2
    save_split(tmp_path / "validate").rename(tmp_path / "VALIDATION" if name != "validation" else tmp_path / "dev")
    with pytest.raises(UserError, match=r" and .* could both be the split val; move one of them elsewhere\.$"):
        photos.read_dataset(tmp_path, "mine")


def test_other_files_and_folders_beside_the_splits_are_allowed(tmp_path: Path) -> None:
    save_split(tmp_path / "train")
    save_split(tmp_path / "extra")
    (tmp_path / "valid").touch()
    assert list(photos.read_dataset(tmp_path, "mine").splits) == ["train"]


def test_photos_root_is_the_named_folder_or_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FMASK_PHOTOS", raising=False)
    assert config.photos_root() is None
    train = tmp_path / "data" / "photos" / "train"
    train.mkdir(parents=True)
    (train / "a.jpg").touch()
    assert config.photos_root() is None  # half-installed
    (train / ANNOTATIONS).touch()
    assert config.photos_root() == Path("data", "photos")
    monkeypatch.setenv("FMASK_PHOTOS", str(tmp_path))
    assert config.photos_root() == tmp_path
    monkeypatch.setenv("FMASK_PHOTOS", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="FMASK_PHOTOS"):
        config.photos_root()
