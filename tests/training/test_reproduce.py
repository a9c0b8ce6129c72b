"""Reproducing runs, with a fake trainer."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from rich.console import Console
from typer.testing import CliRunner

from fmask import studies, tracking
from fmask.cli import app
from fmask.config.schema import Config
from fmask.data.open import open_dataset
from fmask.data.synthetic.dataset import render_dataset
from fmask.evaluation.report import log_split
from fmask.training import reproduce
from fmask.training.reproduce import Difference, compare_history
from fmask.utils.errors import UserError
from tests.helpers.composing import smoke


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "rendered"
    render_dataset(root, seed=0, counts={"train": 2, "val": 1, "test": 1}, size=64)
    return root


class FakeTrainer:
    """A trainer that always logs the same numbers, except for `noise` from epoch 2 on."""

    def __init__(self, noise: float = 0.0) -> None:
        self.noise = noise

    def __call__(
        self, config: Config, folder: Path | None, console: Any = None, tags: Mapping[str, str] | None = None
    ) -> str:
        output_dir = folder or Path("outputs")
        with tracking.start_run(dataclasses.asdict(config), config.study, "made up", tags, output_dir) as run:
            dataset = open_dataset(config.data)
            for name, split in dataset.splits.items():
                log_split(run, name, dataset.name, dataset.root, split)
            for epoch in (1, 2, 3):
                noise = self.noise if epoch > 1 else 0.0
                run.log_epoch(epoch, {"train/loss": 1 / epoch + noise, "val/loss": 2 / epoch})
                run.log_epoch(epoch, {"train/cpu_seconds": id(run)})
            run.log_scores({"accuracy": 0.5 + self.noise}, prefix="test")
        return run.id

    def result(self, config: Config, folder: Path, console: Console, tags: Mapping[str, str]) -> SimpleNamespace:
        return SimpleNamespace(run_id=self(config, folder, console, tags))


def again(reference: str, train: FakeTrainer) -> tuple[list[Difference], str]:
    console = Console(width=140, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with patch("fmask.training.reproduce.train", train.result):
        return reproduce.reproduce(reference, Path("again"), console), console.export_text()


def test_an_equal_run_is_reported_as_equal(store: Path, rendered: Path) -> None:
    first = FakeTrainer()(smoke(f"data.root={rendered}", "study=mine"), store)
    differences, output = again(first, FakeTrainer())
    assert differences == []
    assert f"equals {first} to the last digit in all losses and scores" in output
    newest, _ = tracking.find_runs("mine")
    assert newest.tags["reproduces"] == first
    rows = {line.split("│")[1].strip(): line for line in output.splitlines() if line.count("│") == 4}
    same = ["python", "backend", "processor", "packages", "train data", "test data", "seed", "settings"]
    assert [name for name in same if "same" not in rows[name]] == []
    assert [run.id for run in studies.collect("mine").runs] == [first], "a repetition is not counted as another seed"


def test_differences_have_an_epoch_and_a_size(store: Path, rendered: Path) -> None:
    FakeTrainer()(smoke(f"data.root={rendered}"), store)
    differences, output = again("latest", FakeTrainer(noise=2**-20))
    assert differences == [Difference("train/loss", 2, 2**-20), Difference("test/accuracy", 0, 2**-20)]
    assert "9.54e-07" in output


def test_a_run_of_an_earlier_version_is_compared_under_the_present_names(store: Path, rendered: Path) -> None:
    class OldTrainer(FakeTrainer):
        """Logs what 0.1.0 logged: a score under two names, and scores that are no metrics any more."""

        def __call__(self, *arguments: Any, **settings: Any) -> str:
            old = {new: name for name, new in tracking.RENAMED.items()}
            log = tracking.Run.log_epoch
            with patch.object(tracking.Run, "log_epoch", lambda run, epoch, metrics: log(
                run, epoch, {old[name]: value for name, value in metrics.items()} | ({} if epoch else {"box_ap75": 0.1})
            )):  # fmt: skip
                return super().__call__(*arguments, **settings)

    first = OldTrainer()(smoke(f"data.root={rendered}", "study=mine"), store)
    assert tracking.find_run(first).metrics["train/loss"] == 1 / 3
    differences, _ = again(first, FakeTrainer(noise=2**-20))
    assert differences == [Difference("train/loss", 2, 2**-20), Difference("test/accuracy", 0, 2**-20)]


def test_changed_provenance_is_listed(store: Path, rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as then:
        packages = tracking.installed_packages().replace("keras==", "keras==0.")
        then.setattr("fmask.tracking.provenance.installed_packages", lambda: packages)
        tags = {"python": "3.10.0", "backend": "tensorflow", "processor": "an older one"}
        then.setattr("fmask.tracking.provenance.machine_tags", lambda: tags)
        then.setattr("fmask.tracking.provenance.code_tags", lambda: {"mlflow.source.git.commit": "0123456789abcdef"})
        first = FakeTrainer()(smoke(f"data.root={rendered}"), store)
    photo = next((rendered / "train").glob("*.jpg"))
    content = photo.read_bytes()
    photo.write_bytes(content + b"changed")
    output = again(first, FakeTrainer())[1]
    photo.write_bytes(content)
    rows = [line for line in output.splitlines() if line.count("│") == 4 and "same" not in line]
    names = [line.split("│")[1].strip() for line in rows]
    assert [name for name in names if name] == [
        "python", "platform", "processor", "processor features", "cpus", "packages", "commit", "train data",
    ]  # fmt: skip
    assert "keras 0." in output
    assert "0123456789ab" in output


def test_changed_provenance_of_a_resumed_run_is_listed(
    store: Path, rendered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = FakeTrainer()(smoke(f"data.root={rendered}"), store)
    machine = tracking.machine_tags() | {"python": "3.10.0"}
    with monkeypatch.context() as then:
        then.setattr("fmask.tracking.provenance.machine_tags", lambda: machine)
        then.setattr("fmask.tracking.provenance.installed_packages", lambda: "keras==0\n")
        then.setattr("fmask.tracking.provenance.code_tags", lambda: {"mlflow.source.git.commit": "0123456789abcdef"})
        with tracking.start_run({}, "mine", output_dir=store, resume=first):
            pass
    output = again(first, FakeTrainer())[1]
    rows = [line.split("│")[1].strip() for line in output.splitlines() if line.count("│") == 4]
    assert [name for name in rows if "resumed" in name] == ["python, resumed", "commit, resumed", "packages, resumed"]


def test_differences_are_exact_and_ordered_by_epoch() -> None:
    then = {"loss": {1: 1.0, 2: math.nan}, "val_loss": {1: 1.0, 2: 0.5}, "accuracy": {0: 0.5}, "gone": {1: 0.0}}
    now = {"loss": {1: 1.0, 2: math.nan}, "val_loss": {1: 1.0, 2: 0.5 + 2**-50}, "accuracy": {0: 0.25}}
    found = compare_history(then, now)
    assert [(each.metric, each.first) for each in found] == [("gone", 1), ("val_loss", 2), ("accuracy", 0)]
    assert math.isnan(found[0].largest)
    assert [each.largest for each in found[1:]] == [2**-50, 0.25]


def test_runs_that_cannot_be_reproduced_are_user_errors(store: Path, rendered: Path) -> None:
    with pytest.raises(UserError, match="has no run 'abc'"):
        again("abc", FakeTrainer())
    with tracking.start_run({}, "sweeps") as parent:
        pass
    with pytest.raises(UserError, match="has no run 'sweeps', but a study of this name; `fmask runs sweeps` lists its"):
        again("sweeps", FakeTrainer())
    with pytest.raises(UserError, match=r"is not a training: no config\.yaml"):
        again(parent.id, FakeTrainer())
    with pytest.raises(ValueError, match="broken"), tracking.start_run({}, "sweeps") as failed:
        raise ValueError("broken")
    with pytest.raises(UserError, match="is FAILED; only finished runs can be reproduced"):
        again(failed.id, FakeTrainer())
    with tracking.start_run(dataclasses.asdict(smoke(f"data.root={rendered}")) | {"sharpness": 3}, "mine") as other:
        pass
    with pytest.raises(UserError, match=r"was configured for another version of fmask: .*sharpness"):
        again(other.id, FakeTrainer())


@pytest.mark.parametrize(("noise", "status"), [(0.0, 0), (0.5, 1)])
def test_the_exit_status_of_the_command(
    store: Path, rendered: Path, monkeypatch: pytest.MonkeyPatch, noise: float, status: int
) -> None:
    FakeTrainer()(smoke(f"data.root={rendered}"), store)
    monkeypatch.setattr("fmask.training.reproduce.train", FakeTrainer(noise).result)
    done = CliRunner().invoke(app, ["reproduce", "latest"], catch_exceptions=False)
    assert done.exit_code == status, done.output
