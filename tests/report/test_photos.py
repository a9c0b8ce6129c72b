"""The test photos of a run are found again, read as the run read them."""

import shutil
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from rich.console import Console

from fmask import tracking
from fmask.data.config import Data, ReadOptions
from fmask.data.dataset import digest, read_dataset
from fmask.data.folds import deal, fold_dataset
from fmask.data.formats.read import read_split
from fmask.report.photos import Folded, PhotosUnavailable, find_split, predict_again
from tests.helpers.classes import CLASSES
from tests.helpers.own_data import write_own
from tests.helpers.via import region, write_via

OPTIONS = ReadOptions("label", {"helmet": "hat", "vest": None}, "negative", CLASSES)


def log_run(folder: Path, data: dict[str, Any], **settings: str) -> tracking.RunInfo:
    """Log a run on test photos with helmets and vests, and one without regions."""
    (folder / "test").mkdir(parents=True)
    write_via(folder / "test", {"a.png": [region(label="helmet"), region(label="vest")], "b.png": []})
    split = read_split(folder / "test", OPTIONS)
    with tracking.start_run({"data": {"name": "mine", **data}, **settings}, "mine", output_dir=folder) as run:
        run.log_dataset("test", "mine", folder, digest(split), len(split.photos), {"mask": 0, "hat": 1})
    return tracking.find_run(run.id)


def test_annotations_are_read_with_the_settings_of_the_run(store: Path, tmp_path: Path) -> None:
    classes = {"helmet": "hat", "vest": None, "cap": "hat"}  # no test photo has a cap
    run = log_run(tmp_path / "site", {"attribute": "label", "map": classes, "empty_photos": "negative"})
    assert [len(photo.regions) for photo in find_split(run, "test").photos] == [1, 0]


@pytest.mark.parametrize("other", [{"map": {"helmet": "mask", "vest": None}}, {"empty_photos": "leave_out"}])
def test_photos_that_are_read_otherwise_are_not_those_of_the_run(
    store: Path, tmp_path: Path, other: dict[str, Any]
) -> None:
    settings = {"attribute": "label", "map": {"helmet": "hat", "vest": None}, "empty_photos": "negative"}
    with pytest.raises(PhotosUnavailable, match="differ from those that the run was scored on"):
        find_split(log_run(tmp_path / "site", settings | other), "test")


def test_runs_on_the_same_folds_deal_them_once(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_own(tmp_path / "own", ("mask", "hat"))
    config: dict[str, Any] = {"name": "own", "root": str(root), "attribute": "label", "classes": None, "folds": 2}
    data = Data(**config)
    runs = []
    for fold in (1, 2):
        dataset = fold_dataset(read_dataset(root, "own", ReadOptions("label")), data, fold)
        with tracking.start_run({"data": config, "fold": fold}, "folded", output_dir=tmp_path) as run:
            for name, split in dataset.splits.items():
                run.log_dataset(name, "own", root, digest(split), len(split.photos), {})
            run.log_dataset("folds", "own", root, dataset.digests()["folds"], 9, {})
        runs.append((tracking.find_run(run.id), dataset))
    dealing = Mock(side_effect=deal)
    monkeypatch.setattr("fmask.data.folds.deal", dealing)
    folded = Folded()
    for found, dataset in runs:
        for name, split in dataset.splits.items():
            assert digest(find_split(found, name, folded)) == digest(split)
    dealing.assert_called_once()
    shutil.rmtree(root / "test")
    with pytest.raises(PhotosUnavailable, match=r"^The photos in .*own differ from those .* folds were dealt from\.$"):
        find_split(found, "test")
    shutil.rmtree(root)
    with pytest.raises(PhotosUnavailable, match=r"own has none of the folders train, val, test"):
        find_split(found, "test")


def test_a_run_that_kept_no_weights_says_so(store: Path, tmp_path: Path) -> None:
    settings = {"attribute": "label", "map": {"helmet": "hat", "vest": None}, "empty_photos": "negative"}
    run = log_run(tmp_path / "site", settings, keep_weights="none")
    with pytest.raises(PhotosUnavailable, match=r"kept no weights \(keep_weights=none\)"):
        predict_again(run, Console(quiet=True))
