"""`fmask show-batch` draws the samples of the settings without training, and without loading Keras."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from fmask.cli import app
from fmask.data.synthetic.dataset import render_dataset


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("data") / "rendered"
    render_dataset(folder, seed=0, counts={"train": 4, "val": 1, "test": 1}, size=64)
    return f"data.root={folder}"


def test_overrides_change_the_samples(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = []
    for aug in ("none", "blur"):
        call = ["show-batch", "experiment=smoke", root, f"aug={aug}", "-o", f"{aug}.png"]
        result = CliRunner().invoke(app, call, catch_exceptions=False)
        assert result.exit_code == 0
        assert result.output.splitlines()[-1] == f"{aug}.png shows the first training samples."
        pictures.append(np.asarray(Image.open(f"{aug}.png")))
    assert pictures[0].shape == pictures[1].shape
    assert not np.array_equal(pictures[0], pictures[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blur.png", "none.png"], "nothing was trained"


def test_keras_is_not_loaded(root: str, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from fmask.cli import app\n"
        "try:\n"
        f"    app(['show-batch', 'experiment=smoke', {root!r}])\n"
        "finally:\n"
        "    assert not {'keras', 'tensorflow', 'mlflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
    assert [path.name for path in tmp_path.iterdir()] == ["training_samples.png"]
