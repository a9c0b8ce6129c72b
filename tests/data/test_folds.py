"""Folds: near-duplicates stay together, classes are balanced, and the deal is the same on every machine."""

import json
import os
import shutil
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fmask.config.compose import compose_config
from fmask.data import duplicates
from fmask.data.config import Data
from fmask.data.dataset import Dataset, read_dataset
from fmask.data.duplicates import chains, hashes, near_pairs
from fmask.data.folds import deal, fold_dataset
from fmask.data.images import open_image
from fmask.data.open import describe, open_dataset
from fmask.data.paths import ANNOTATIONS
from fmask.structures.annotations import Photo
from fmask.utils.errors import UserError

SHARED = os.environ.get("FMASK_PHOTOS")


def picture(seed: int) -> Image.Image:
    """Return soft blobs that differ between seeds as much as two photos do."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC)


def save(folder: Path, pictures: dict[str, tuple[Image.Image, str]]) -> None:
    """Write photos with an object for each letter of a word: m is a mask, h is a hat."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for name, (image, letters) in pictures.items():
        image.save(folder / name)
        regions = [
            {
                "shape_attributes": {"name": "rect", "x": 10 * n, "y": 20, "width": 8, "height": 30},
                "region_attributes": {"fmask": {"m": "mask", "h": "hat"}[letter]},
            }
            for n, letter in enumerate(letters)
        ]
        entries[name] = {"filename": name, "size": -1, "regions": regions}
    (folder / ANNOTATIONS).write_text(json.dumps(entries))


def make(root: Path, photos: int = 24) -> Dataset:
    """Return a data set in which 0.png of each split is the mirror image of 0.png of the split before."""
    words = ("m", "h", "mh", "mmh")
    for nth, split in enumerate(("train", "val", "test")):
        own = {f"{n}.png": (picture(100 * nth + n), words[n % 4]) for n in range(1, photos // 3)}
        same = picture(7000)
        save(root / split, {"0.png": (ImageOps.mirror(same) if nth % 2 else same, "m"), **own})
    return read_dataset(root, "mine")


def folds_of(dataset: Dataset, folds: int, seed: int = 0, splits: tuple[str, ...] = ("train", "val", "test")) -> Data:
    return Data(name="mine", root=str(dataset.root), folds=folds, fold_seed=seed, fold_splits=list(splits))


def names(dataset: Dataset, split: str) -> set[str]:
    return {photo.name for photo in dataset.splits[split].photos}


def test_each_photo_is_tested_once_and_near_duplicates_are_in_one_half(tmp_path: Path) -> None:
    dataset = make(tmp_path)
    data, every = (
        folds_of(dataset, 4),
        {f"{name}/{photo.name}" for name, s in dataset.splits.items() for photo in s.photos},
    )
    runs = [fold_dataset(dataset, data, fold) for fold in (1, 2, 3, 4)]
    assert Counter(name for run in runs for name in names(run, "test")) == Counter(every)
    for number, run in enumerate(runs):
        parts = [names(run, split) for split in ("train", "val", "test")]
        assert sum(map(len, parts)) == len(set.union(*parts)) == len(every)
        assert parts[1] < names(runs[(number + 1) % 4], "test"), "validation photos are of the next fold"
        assert 0 < len(parts[1]) < len(parts[2])
        copies = [part & {"train/0.png", "val/0.png", "test/0.png"} for part in parts]
        assert sorted(map(len, copies)) == [0, 0, 3], "copies are in one part"
    assert describe(runs[1]).startswith(f"data=mine ({tmp_path}): fold 2 of 4, ")


def test_classes_and_photos_are_balanced(tmp_path: Path) -> None:
    dataset = make(tmp_path, photos=120)
    dealt = fold_dataset(dataset, folds_of(dataset, 5), 1).deal
    assert dealt is not None
    listed = dealt.to_json()["folds"]
    total = Counter(
        region.label for split in dataset.splits.values() for photo in split.photos for region in photo.regions
    )
    for fold in listed:
        assert fold["photos"] == pytest.approx(24, abs=2)
        for label in ("mask", "hat"):
            assert fold["objects"][label] == pytest.approx(total[label] / 5, rel=0.1)
        assert [len(half) for half in fold["halves"]] == pytest.approx([12, 12], abs=1)


def test_a_folder_without_splits_is_divided(tmp_path: Path) -> None:
    words = ("m", "h", "mh", "mmh")
    save(tmp_path, {f"{n}.png": (picture(n), words[n % 4]) for n in range(40)})
    settings = Data("mine", root=str(tmp_path), folds=5)
    dataset = open_dataset(settings, fold=1)
    assert {name: len(split.photos) for name, split in dataset.splits.items()} == {"train": 28, "val": 4, "test": 8}
    assert len({photo.name for split in dataset.splits.values() for photo in split.photos}) == 40
    with pytest.raises(UserError, match="training needs the splits train and val, or fold=1, which makes them"):
        open_dataset(settings)


def test_the_deal_depends_on_contents_and_seed_alone(tmp_path: Path) -> None:
    dataset = make(tmp_path / "here")
    digest = fold_dataset(dataset, folds_of(dataset, 3), 1).digests()
    moved = tmp_path / "elsewhere"
    for split in ("train", "val", "test"):
        document = json.loads((tmp_path / "here" / split / ANNOTATIONS).read_text())
        (moved / split).mkdir(parents=True)
        entries = {}
        for name, entry in reversed(document.items()):
            shutil.copy(tmp_path / "here" / split / name, moved / split / f"x{name}")
            entries[name] = {**entry, "filename": f"x{name}"}
        (moved / split / ANNOTATIONS).write_text(json.dumps(entries))
    again = read_dataset(moved, "mine")
    assert fold_dataset(again, folds_of(again, 3), 1).digests() == digest
    assert fold_dataset(dataset, folds_of(dataset, 3, seed=1), 1).digests()["folds"] != digest["folds"]
    assert fold_dataset(dataset, folds_of(dataset, 4), 1).digests()["folds"] != digest["folds"]
    order = [photo.name for photo in fold_dataset(again, folds_of(again, 3), 1).splits["train"].photos]
    assert [name.replace("/x", "/") for name in order] == [
        photo.name for photo in fold_dataset(dataset, folds_of(dataset, 3), 1).splits["train"].photos
    ]


def test_test_photos_can_be_left_out(tmp_path: Path) -> None:
    dataset = make(tmp_path)
    run = fold_dataset(dataset, folds_of(dataset, 2, splits=("train", "val")), 1)
    assert {name.partition("/")[0] for split in run.splits for name in names(run, split)} == {"train", "val"}
    shutil.rmtree(tmp_path / "val")
    smaller = read_dataset(tmp_path, "mine")
    with pytest.raises(UserError, match=r"data.fold_splits: .* has no split val; it has train, test."):
        fold_dataset(smaller, folds_of(smaller, 2, splits=("train", "val")), 1)
    assert fold_dataset(smaller, folds_of(smaller, 2), 1).splits.keys() == {"train", "val", "test"}


def test_too_few_photos_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "train", {f"{n}.png": (picture(n // 2), "m") for n in range(8)})
    dataset = read_dataset(tmp_path, "mine")
    fold_dataset(dataset, folds_of(dataset, 2), 1)
    with pytest.raises(
        UserError, match=r"data.folds=3 needs at least 6 different photos, and .* \(train\) has 4; near"
    ):
        fold_dataset(dataset, folds_of(dataset, 3), 1)


def test_chains_connect_photos_that_are_no_pair() -> None:
    assert chains(6, [(0, 2), (2, 5), (3, 4)]) == [[0, 2, 5], [1], [3, 4]]


def test_settings_of_folds() -> None:
    assert compose_config(["data=rendered", "fold=3"]).data.folds == 5
    plain = compose_config(["data=rendered"])
    assert (plain.fold, plain.data.folds) == (None, None)
    assert plain.random_seed() == plain.seed
    seeds = {
        compose_config(["data=rendered", f"fold={fold}", f"seed={seed}"]).random_seed()
        for fold in (1, 2)
        for seed in (1, 2)
    }
    assert len(seeds) == 4
    for typed, message in {
        "fold=6": "fold must be between 1 and data.folds=5, not 6",
        "data.folds=5": r"data.folds=5 needs the fold to test on, such as fold=1; fold=1,2,3,4,5 in a sweep",
        "data.fold_splits=[train,dev]": r"must be some of train, val, test, each once, not \[train, dev\]",
        "data.fold_splits=[]": r"data.fold_splits must be some of",
    }.items():
        with pytest.raises(UserError, match=message):
            compose_config(["data=rendered", typed])


def test_the_published_rows_keep_the_published_split() -> None:
    assert compose_config(["data=rendered", "experiment=report/1", "recipe=scratch"]).fold is None


@pytest.mark.skipif(not SHARED, reason="needs the photographs")
def test_the_photographs_in_five_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """No near-duplicates across folds; each class within 10 % of a fifth; the deal that every machine must have."""
    of_path = cache(lambda path: hashes(open_image(path)))  # each photo is hashed once, not three times
    monkeypatch.setattr(duplicates, "open_image", lambda path: path)
    monkeypatch.setattr(duplicates, "hashes", of_path)
    config = compose_config(["data=photos", "fold=1"])
    dealt = open_dataset(replace(config.data, root=SHARED), 1).deal
    assert dealt is not None
    of_fold = {photo.name: index // 2 for index, half in enumerate(dealt.halves) for photo in half}
    photos: list[Photo] = [photo for half in dealt.halves for photo in half]
    assert len(photos) == 463
    pairs = list(near_pairs(np.array([of_path(photo.path) for photo in photos])))
    assert len(pairs) >= 3
    assert all(of_fold[photos[pair.earlier].name] == of_fold[photos[pair.later].name] for pair in pairs)
    objects = [fold["objects"] for fold in dealt.to_json()["folds"]]
    for label in ("mask", "hat"):
        fifth = sum(each[label] for each in objects) / 5
        assert all(each[label] == pytest.approx(fifth, rel=0.1) for each in objects)
    assert sum(sum(each.values()) for each in objects) == 577
    assert dealt.digest()[:16] == "0ca8766eaa0a6cbc"
    assert deal(photos[::-1], 5, 0, "").digest() == dealt.digest()
