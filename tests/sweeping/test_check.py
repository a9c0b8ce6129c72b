"""Checks of a sweep before its first job starts."""

import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fmask.config.compose import register
from fmask.sweeping import check
from fmask.sweeping.check import _check_ray
from fmask.utils.errors import UserError

ROOT = Path(__file__).parents[2]
OPTUNA = "hydra/sweeper=optuna"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["aug=none,sharpe"], "aug must be one of"),
        (["stpes=1,2"], "did you mean steps"),
        (["crop_size=64,96", "lr=1,20"], "lr must be between 1e-09 and 10, not 20."),
        (["lr=interval(0.1,0.2)"], "a grid cannot use an interval"),
        ([OPTUNA, "lr=interval(0.1,20)"], "lr must be between 1e-09 and 10, not 20."),
        ([OPTUNA, "aug=choice(none,sharpe)"], "aug must be one of"),
        ([OPTUNA, "lr=interval(0.1,1)", "hydra.sweeper.trails=3"], "trails"),
        ([OPTUNA, "lr=interval(0.1,1)", "hydra.sweeper.trials=many"], "many"),
        (["hydra/sweeper=optna", "seed=1,2"], "optna"),
        (
            [OPTUNA, "lr=interval(0.1,1)", "hydra.sweeper.maximize=[val/map50]"],
            "did you mean val/mask_ap50",
        ),
        ([OPTUNA, "lr=interval(0.1,1)", "hydra.sweeper.minimize=[cpu_seconds]"], "is now called train/cpu_seconds"),
        (
            [OPTUNA, "lr=interval(0.1,1)", "hydra.sweeper.watch=val/accuracy"],
            "not logged by epoch; it must be one",
        ),
        (["seed=1,2", "hydra.sweeper.metrics=[acuracy]"], "hydra.sweeper.metrics: runs have no metric acuracy"),
        (["hydra/launcher=slurm", "seed=1,2"], "uv pip install hydra-submitit-launcher"),
        (["hydra/launcher=ray_cluster", "seed=1,2"], "uv pip install --no-deps hydra-ray-launcher"),
    ],
)
def test_a_wrong_sweep_is_refused_in_one_sentence(overrides: list[str], message: str) -> None:
    register()
    with pytest.raises(UserError, match=message) as caught:
        check(ROOT / "conf", "sweep", overrides)
    assert "\n" not in str(caught.value)


def test_valid_sweeps_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    check(ROOT / "conf", "sweep", ["aug=glob(*)", "seed=1,2", "experiment=smoke"])
    check(ROOT / "conf", "sweep", [OPTUNA, "aug=choice(none,blur)", "lr=tag(log,interval(1e-4,1e-2))"])
    objectives = "hydra.sweeper.maximize=[one/test/found,val/mask_ap50]"
    check(ROOT / "conf", "sweep", [OPTUNA, "lr=interval(0.1,1)", objectives, "hydra.sweeper.watch=null"])
    monkeypatch.setenv("PASSWORD", "hunter2")
    monkeypatch.setenv("DATABASE", "postgresql://me:hunter2@host/studies")
    for storage in ("${oc.env:DATABASE}", "postgresql://me:${oc.env:PASSWORD}@host/studies", "postgresql://me@host/x"):
        check(ROOT / "conf", "sweep", [OPTUNA, "lr=interval(0.1,1)", f"hydra.sweeper.storage='{storage}'"])


@pytest.mark.parametrize(
    ("choice", "module"), [("slurm", "hydra_submitit_launcher"), ("ray_cluster", "hydra_ray_launcher")]
)
def test_cluster_launchers_compose_if_they_are_installed(choice: str, module: str) -> None:
    pytest.importorskip(f"hydra_plugins.{module}", reason=f"{module} is not installed")
    register()
    check(ROOT / "conf", "sweep", [f"hydra/launcher={choice}", "seed=1,2"])


def test_ray_jobs_ask_for_processors_that_exist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    register()
    settings = OmegaConf.load(ROOT / "conf/hydra/launcher/ray_cluster.yaml").ray
    # Ray refuses a size if a cluster is running, and the plugin sets one unless the key exists.
    assert settings.init.setdefault("object_store_memory", 78643200) is None
    for count in (2, 64):
        monkeypatch.setattr("fmask.config.compose.processors", lambda count=count: count)
        monkeypatch.setattr(sys.modules[_check_ray.__module__], "processors", lambda count=count: count)
        assert settings.remote.num_cpus == min(4, count)
        _check_ray(settings, only_shown=False)
    assert capsys.readouterr().out == ""
    own = OmegaConf.merge(settings, {"remote": {"num_cpus": 65}})
    with pytest.raises(UserError, match=r"num_cpus=65: Ray on this machine has 64 processors.* at most 64"):
        _check_ray(own, only_shown=False)
    on_cluster = OmegaConf.merge(settings, {"init": {"address": "auto"}})
    monkeypatch.setattr("fmask.config.compose.processors", lambda: 2)
    _check_ray(on_cluster, only_shown=False)
    assert "cluster auto with 4 free processors" in capsys.readouterr().out
    _check_ray(None, only_shown=False)


def test_sweep_py_refuses_without_importing_tensorflow(tmp_path: Path) -> None:
    program = (
        "import sys, runpy; sys.argv = ['sweep.py', 'aug=none,sharpe']\n"
        f"try: runpy.run_path({str(ROOT / 'sweep.py')!r}, run_name='__main__')\n"
        "finally: print(sorted({'tensorflow', 'keras', 'mlflow', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == "[]\n"
    assert done.stderr.startswith("sweep.py: aug=sharpe: unknown choice")
    assert list(tmp_path.iterdir()) == []
