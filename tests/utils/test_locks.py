"""Only one process at a time works in a run's output folder."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from fmask.config.compose import register
from fmask.training.checkpoint import CHECKPOINT_NAME
from fmask.training.train import resume, train
from fmask.utils.errors import UserError
from fmask.utils.locks import NAME, lock_folder
from tests.helpers.composing import CONF, smoke

HOLDER = """
import sys, time
from pathlib import Path
from fmask.utils.locks import lock_folder
with lock_folder(Path(sys.argv[1]), "held"):
    print("holds it", flush=True)
    time.sleep(600)
"""


def test_a_lock_is_released_when_its_process_ends(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout
    assert other.stdout.readline() == "holds it\n"
    with pytest.raises(UserError, match=r"^mine$"), lock_folder(tmp_path, "mine"):
        pass
    other.kill()
    other.wait()
    with lock_folder(tmp_path, "mine"):
        pass
    assert [each.name for each in tmp_path.iterdir()] == [NAME]


def test_errors_in_a_locked_folder_are_raised(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock_folder(tmp_path, "mine"):
        _ = 1 / 0
    with (
        pytest.raises(UserError, match=r"none/.lock cannot be locked: unable to open"),
        lock_folder(tmp_path / "none", ""),
    ):
        pass


def test_two_trainings_cannot_share_a_folder(tmp_path: Path) -> None:
    message = f"{tmp_path}: another run is being trained in this folder;"
    with lock_folder(tmp_path, ""), pytest.raises(UserError, match=re.escape(message)):
        train(smoke("data=rendered"), tmp_path)


def test_a_run_in_training_is_not_resumed(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT_NAME).write_bytes(b"being replaced")
    with (
        lock_folder(tmp_path, ""),
        pytest.raises(UserError, match=rf"resume={tmp_path}: another process is training the run"),
    ):
        resume(str(tmp_path))


def test_runs_that_start_in_the_same_second_have_different_folders() -> None:
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", return_hydra_config=True)
    assert re.search(r"/\d\d\d\d-\d\d-\d\d/\d\d-\d\d-\d\d-\d{6}$", config.hydra.run.dir)
