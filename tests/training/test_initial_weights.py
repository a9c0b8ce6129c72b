"""What a training starts from is found before it, and known again by what is in it."""

import hashlib
from dataclasses import asdict
from pathlib import Path

import pytest

from fmask import tracking
from fmask.data.open import open_dataset
from fmask.data.synthetic.dataset import render_dataset
from fmask.training import provenance_diff
from fmask.training.initial_weights import START, Start, find_start
from fmask.training.train import train
from fmask.utils.errors import UserError
from tests.helpers.composing import smoke

CONTENT = b"\x89HDF\r\n\x1a\n weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def trained(folder: Path, content: bytes, ap50: float) -> str:
    """The id of a finished training that left these weights."""
    file = folder / "last.h5"
    file.write_bytes(content)
    with tracking.start({"epochs": 1}, "trained", output_dir=folder) as run:
        run.log_file(file, "weights")
        run.log_scores({"mask_ap50": ap50}, prefix="val")
    return run.id


def test_it_is_known_by_its_run_and_its_content(store: Path) -> None:
    good = trained(store, CONTENT, 0.7)
    trained(store, b"others", 0.4)
    assert find_start(smoke("data=rendered")) is None
    start = find_start(smoke("data=rendered", "weights=runs:/best"))
    assert start
    assert (start.weights, start.run, start.sha256) == ("runs:/best", good, SHA256)
    assert str(start) == f"runs:/{good} {SHA256[:16]}"
    (store / "mine.h5").write_bytes(CONTENT)
    assert find_start(smoke("data=rendered", "weights=mine.h5")) == Start("mine.h5", "mine.h5", None, SHA256)


def test_weights_that_are_not_there_open_no_run(store: Path, tmp_path: Path) -> None:
    root = tmp_path / "rendered"
    render_dataset(root, seed=0, counts={"train": 1, "val": 1, "test": 1}, size=64)
    with pytest.raises(UserError, match="holds no run 'typo'"):
        train(smoke("data=rendered", "weights=runs:/typo", f"data.root={root}"), tmp_path)
    assert tracking.find_runs("fmask", missing_ok=True) == []


def test_other_weights_are_another_circumstance(store: Path, tmp_path: Path) -> None:
    root = tmp_path / "rendered"
    render_dataset(root, seed=0, counts={"train": 1, "val": 1, "test": 1}, size=64)
    trained(store, CONTENT, 0.7)
    config = smoke("data=rendered", "weights=runs:/best", f"data.root={root}")
    with tracking.start(asdict(config), "fmask", output_dir=store) as run:
        start = find_start(config)
        assert start
        run.log_json(asdict(start), START)

    def row() -> provenance_diff.Circumstance:
        info = tracking.find_run(run.id)
        rows = provenance_diff.compare(info, *provenance_diff.read_config(info), open_dataset(config.data))
        (found,) = (each for each in rows if each.what == "weights to start from")
        return found

    assert not row().differs
    better = trained(store, CONTENT + b"others", 0.8)
    assert row().differs
    assert (row().then, row().now.split()[0]) == (str(start), f"runs:/{better}")
