"""The weight files that a finished run keeps."""

from pathlib import Path
from typing import Any

import pytest

from fmask import tracking
from fmask.config.schema import Config
from fmask.training.kept_weights import KEPT, delete_weights, log_weights
from fmask.utils.errors import UserError


class FakeRun:
    def __init__(self) -> None:
        self.logged: list[str] = []

    def log_file(self, file: Path, folder: str) -> None:
        assert file.exists()
        self.logged.append(f"{folder}/{file.name}")

    def log_model(self, network: Path) -> None:
        self.logged.append(f"model of {network.name}")


@pytest.mark.parametrize(
    ("keep", "files", "logged"),
    [
        ("best_and_last", ["best.h5", "last.h5"], ["weights/last.h5", "weights/best.h5", "model of last.h5"]),
        ("last", ["last.h5"], ["weights/last.h5", "model of last.h5"]),
        ("none", [], []),
    ],
)
def test_only_kept_weights_stay(tmp_path: Path, keep: str, files: list[str], logged: list[str]) -> None:
    for name in ("last.h5", "best.h5", "checkpoint.h5"):
        (tmp_path / name).write_text(name)
    run: Any = FakeRun()
    log_weights(run, tmp_path, keep)
    assert run.logged == logged
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*files, "checkpoint.h5"])
    delete_weights(tmp_path, keep)  # of a pruned run, which has no last.h5
    assert sorted(KEPT) == sorted(Config.__dataclass_fields__["keep_weights"].metadata["choices"])


def test_a_run_without_weights_says_why(store: Path) -> None:
    with tracking.start_run({"keep_weights": "none"}, "mine", name="bare") as run:
        run.log_text("x", "a.txt")
    with pytest.raises(UserError, match=r"bare, FINISHED\) has no weights/last\.h5: .* keep_weights=none\.$"):
        tracking.download_weights(run.id)
