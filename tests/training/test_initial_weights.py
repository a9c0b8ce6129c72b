"""Initial weights are found before training and identified by their content."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from fmask import tracking
from fmask.data.open import open_dataset
from fmask.data.synthetic.dataset import render_dataset
from fmask.training import provenance_diff
from fmask.training.initial_weights import (
    INITIAL_WEIGHTS_ARTIFACT,
    InitialWeights,
    find_initial_weights,
    refuse_other_fold,
)
from fmask.training.train import train
from fmask.utils.errors import UserError
from tests.helpers.composing import smoke

CONTENT = b"\x89HDF\r\n\x1a\n weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def trained(folder: Path, content: bytes, ap50: float) -> str:
    """Return the id of a finished training with these last weights."""
    file = folder / "last.h5"
    file.unlink(missing_ok=True)  # a file of a run is replaced, never changed: the store may have a link to it
    file.write_bytes(content)
    with tracking.start_run({"epochs": 1}, "trained", output_dir=folder) as run:
        run.log_file(file, "weights")
        run.log_scores({"mask_ap50": ap50}, prefix="val")
    return run.id


def test_initial_weights_are_identified_by_run_and_content(store: Path) -> None:
    good = trained(store, CONTENT, 0.7)
    trained(store, b"others", 0.4)
    assert find_initial_weights(smoke("data=rendered")) is None
    weights = find_initial_weights(smoke("data=rendered", "weights=runs:/best"))
    assert weights
    assert (weights.weights, weights.run, weights.sha256) == ("runs:/best", good, SHA256)
    assert str(weights) == f"runs:/{good} {SHA256[:16]}"
    (store / "mine.h5").write_bytes(CONTENT)
    weights = find_initial_weights(smoke("data=rendered", "weights=mine.h5"))
    assert weights == InitialWeights("mine.h5", "mine.h5", None, SHA256)


def test_missing_weights_open_no_run(store: Path, tmp_path: Path) -> None:
    root = tmp_path / "rendered"
    render_dataset(root, seed=0, counts={"train": 1, "val": 1, "test": 1}, size=64)
    with pytest.raises(UserError, match="has no run 'typo'"):
        train(smoke("data=rendered", "weights=runs:/typo", f"data.root={root}"), tmp_path)
    assert tracking.find_runs("fmask", missing_ok=True) == []


def test_other_initial_weights_differ_in_provenance(store: Path, tmp_path: Path) -> None:
    root = tmp_path / "rendered"
    render_dataset(root, seed=0, counts={"train": 1, "val": 1, "test": 1}, size=64)
    trained(store, CONTENT, 0.7)
    config = smoke("data=rendered", "weights=runs:/best", f"data.root={root}")
    with tracking.start_run(asdict(config), "fmask", output_dir=store) as run:
        weights = find_initial_weights(config)
        assert weights
        run.log_json(asdict(weights), INITIAL_WEIGHTS_ARTIFACT)

    def row() -> provenance_diff.ProvenanceItem:
        info = tracking.find_run(run.id)
        rows = provenance_diff.compare_provenance(info, *provenance_diff.read_config(info), open_dataset(config.data))
        (found,) = (each for each in rows if each.name == "initial weights")
        return found

    assert not row().differs
    better = trained(store, CONTENT + b"others", 0.8)
    assert row().differs
    assert (row().then, row().now.split()[0]) == (str(weights), f"runs:/{better}")


def test_weights_of_another_fold_are_refused(store: Path, tmp_path: Path) -> None:
    root = tmp_path / "rendered"
    render_dataset(root, seed=0, counts={"train": 2, "val": 1, "test": 1}, size=64)
    config = smoke("data=rendered", "weights=runs:/best", f"data.root={root}", "fold=1", "data.folds=2")
    dataset = open_dataset(config.data, 1)

    def weights_of(deal: str) -> InitialWeights:
        (store / "last.h5").write_bytes(CONTENT)
        with tracking.start_run({"fold": 2}, "folds", output_dir=store) as run:
            run.log_dataset("folds", "rendered", root, deal, 4, {})
        return InitialWeights("runs:/best", "last.h5", run.id, SHA256)

    seen = weights_of(dataset.digests()["folds"])
    with pytest.raises(UserError, match="was trained with fold=2, and so on the test photos of fold=1; choose a run"):
        refuse_other_fold(seen, config, dataset)
    refuse_other_fold(seen, replace(config, fold=2), dataset)
    refuse_other_fold(weights_of("another".ljust(64, "0")), config, dataset)
