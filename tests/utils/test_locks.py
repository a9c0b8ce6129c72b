"""One process at a time is at a run's output."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from fmask.config.compose import register
from fmask.training import checkpoint
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


def test_a_lock_is_another_processes_until_that_dies(tmp_path: Path) -> None:
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


def test_what_fails_in_a_locked_folder_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock_folder(tmp_path, "mine"):
        _ = 1 / 0
    with (
        pytest.raises(UserError, match=r"none/.lock cannot be locked: unable to open"),
        lock_folder(tmp_path / "none", ""),
    ):
        pass


def test_two_trainings_share_no_folder(tmp_path: Path) -> None:
    said = f"{tmp_path}: another run is being trained in this folder now"
    with lock_folder(tmp_path, ""), pytest.raises(UserError, match=re.escape(said)):
        train(smoke("data=rendered"), tmp_path)


def test_a_run_that_is_being_trained_is_not_resumed(tmp_path: Path) -> None:
    (tmp_path / checkpoint.NAME).write_bytes(b"being replaced")
    with lock_folder(tmp_path, ""), pytest.raises(UserError, match=rf"resume={tmp_path}: the run is being trained now"):
        resume(str(tmp_path))


def test_runs_that_start_in_the_same_second_have_folders_of_their_own() -> None:
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", return_hydra_config=True)
    assert re.search(r"/\d\d\d\d-\d\d-\d\d/\d\d-\d\d-\d\d-\d{6}$", config.hydra.run.dir)
