"""Shares of the training photos: nested, balanced, near-duplicates together, and the same on every machine."""

import json
import shutil
from pathlib import Path

import pytest

from fmask.data.config import Data
from fmask.data.dataset import Dataset
from fmask.data.open import describe, open_dataset
from fmask.data.paths import ANNOTATIONS
from tests.data.test_folds import make, picture, save


def opened(root: Path, share: float, fold: int | None = None, seed: int = 0) -> Dataset:
    return open_dataset(Data(name="mine", root=str(root), share=share, share_seed=seed, folds=fold and 3), fold)


def names(dataset: Dataset, split: str = "train") -> set[str]:
    return {photo.name for photo in dataset.splits[split].photos}


@pytest.mark.parametrize("fold", [None, 1, 2])
def test_shares_are_nested_and_balanced_and_leave_the_other_splits(tmp_path: Path, fold: int | None) -> None:
    make(tmp_path, photos=240)
    whole = opened(tmp_path, 1, fold)
    assert (whole.whole_train, "train_whole" in whole.digests()) == (None, False)
    objects, larger = whole.splits["train"].objects_of(), names(whole)
    for share in (0.5, 0.25):
        part = opened(tmp_path, share, fold)
        assert names(part) < larger
        larger = names(part)
        assert len(larger) == pytest.approx(share * len(names(whole)), abs=1)
        for label, count in part.splits["train"].objects_of().items():
            assert count == pytest.approx(share * objects[label], rel=0.12)
        assert part.digests()["train_whole"] == whole.digests()["train"] != part.digests()["train"]
        for split in ("val", "test"):
            assert part.digests()[split] == whole.digests()[split]
        assert f"share of {len(names(whole))} train photos" in describe(part)


def test_near_duplicates_are_in_a_share_together(tmp_path: Path) -> None:
    make(tmp_path, photos=72)
    same = {f"same{n}.png": (picture(5000).resize((96 + n, 64)), "m") for n in range(4)}
    for n in range(1, 24):
        same[f"{n}.png"] = (picture(n), "m")
    save(tmp_path / "train", same)
    sizes = set()
    for seed in range(12):
        kept = names(opened(tmp_path, 0.5, seed=seed))
        sizes.add(sum(name.startswith("same") for name in kept))
        assert len(kept) == pytest.approx(13.5, abs=2.5)
    assert sizes == {0, 4}


def test_a_share_depends_on_contents_and_its_seed_alone(tmp_path: Path) -> None:
    make(tmp_path / "here", photos=72)
    moved = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "here", moved)
    document = json.loads((moved / "train" / ANNOTATIONS).read_text())
    for name, entry in document.items():
        (moved / "train" / name).rename(moved / "train" / f"x{name}")
        entry["filename"] = f"x{name}"
    (moved / "train" / ANNOTATIONS).write_text(json.dumps(dict(reversed(document.items()))))
    first = opened(tmp_path / "here", 0.5)
    assert opened(moved, 0.5).digests() == first.digests()
    assert opened(moved, 0.5, seed=1).digests()["train"] != first.digests()["train"]
