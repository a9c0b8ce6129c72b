"""A sweep on a local Ray cluster; skipped if Hydra's Ray plugin is not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from fmask import tracking
from tests.helpers import toys


def test_a_grid_on_ray(store: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="hydra-ray-launcher is not installed")
    command = ["x=1,2", "study=ray", "hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"]
    done = subprocess.run([sys.executable, toys.__file__, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (parent,) = tracking.find_runs("ray")
    table = (toys.artifacts(parent) / "table.csv").read_text()
    assert [line.split(",")[:4] for line in table.splitlines()[1:]] == [
        ["0", "1", "finished", "-4"],
        ["1", "2", "finished", "-1"],
    ]
