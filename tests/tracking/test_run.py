"""Runs: what is logged, as read by MLflow's own client, and what is saved on disk when MLflow fails."""

import json
import math
import os
import signal
import sqlite3
from pathlib import Path

import mlflow
import pytest
from matplotlib.figure import Figure
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from fmask import tracking
from fmask.utils.errors import Pruned, UserError
from tests.helpers.mlflow_runs import artifacts, client, refuse

CONFIG = {
    "steps": 50,
    "backbone": {"name": "resnet50", "depth": 50},
    "data": {"name": "photos"},
    "storage": "postgresql://me:hunter2@db/studies",
}


def test_a_run_logs_its_provenance(store: Path) -> None:
    with tracking.start_run(CONFIG, "report", name="first", tags={"study": "aug"}) as run:
        pass
    kept = client().get_run(run.id)
    assert kept.info.status == "FINISHED"
    assert kept.info.run_name == "first"
    assert kept.data.params == {
        "steps": "50",
        "backbone": "resnet50",
        "backbone.depth": "50",
        "data": "photos",
        "storage": "postgresql://me:***@db/studies",
    }
    assert kept.data.tags["study"] == "aug"
    assert kept.data.tags["data"] == "photos"
    assert {"command", "host", "platform", "cpus", "python", "tensorflow", "keras", "numpy"} <= kept.data.tags.keys()
    config = (artifacts(run.id) / "config.yaml").read_text()
    assert "depth: 50" in config
    assert "hunter2" not in config
    assert "mlflow==" in (artifacts(run.id) / "environment.txt").read_text()
    assert f"/#/experiments/{kept.info.experiment_id}/runs/{run.id}?" in run.uri


@pytest.mark.parametrize(("experiment", "folder"), [("aug/hats", "aug_hats"), ("../x", ".._x"), ("..", "_")])
def test_artifacts_are_beside_the_store_by_experiment(store: Path, experiment: str, folder: str) -> None:
    with tracking.start_run({}, experiment) as run:
        pass
    assert artifacts(run.id) == store / "mlruns" / folder / run.id / "artifacts"


def test_metrics_keep_their_epochs(store: Path) -> None:
    with tracking.start_run({}, "report") as run:
        for epoch in (1, 2):
            run.log_epoch(epoch, {"loss": 2 / epoch, "lr": 0.001})
    history = client().get_metric_history(run.id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]


def test_scores_have_plain_or_prefixed_names(store: Path) -> None:
    with tracking.start_run({}, "report") as run:
        run.log_scores({"accuracy": 0.5, "precision": None, "recall": math.nan})
        run.log_scores({"accuracy": 0.25}, prefix="val")
    assert client().get_run(run.id).data.metrics == run.metrics == {"accuracy": 0.5, "val/accuracy": 0.25}


def test_files_figures_and_text_become_artifacts(store: Path, tmp_path: Path) -> None:
    weights = tmp_path / "last.h5"
    weights.write_bytes(b"weights")
    with tracking.start_run({}, "report") as run:
        run.log_json({"größe": [1, 2]}, "scores/test.json")
        run.log_text("hello", "notes.txt")
        run.log_figure(Figure(), "figures/confusion_matrix.png")
        run.log_file(weights, "weights")
    there = artifacts(run.id)
    assert json.loads((there / "scores/test.json").read_text()) == {"größe": [1, 2]}
    assert (there / "notes.txt").read_text() == "hello"
    assert (there / "figures/confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    assert (there / tracking.WEIGHTS_ARTIFACT).read_bytes() == b"weights"


def test_datasets_are_inputs_with_context_and_digest(store: Path) -> None:
    with tracking.start_run({}, "report") as run:
        run.log_dataset("train", "photos", store, "ab" * 32, photos=90, objects={"mask": 60, "hat": 70})
        run.log_dataset("test", "photos", store, "cd" * 32, photos=9, objects={"mask": 9, "hat": 9})
    logged = client().get_run(run.id).inputs
    assert logged is not None
    inputs = {used.tags[0].value: used.dataset for used in logged.dataset_inputs}
    assert inputs.keys() == {"train", "test"}
    assert (inputs["train"].name, inputs["train"].digest) == ("photos", "ab" * 8)
    assert json.loads(inputs["train"].profile or "") == {
        "photos": 90,
        "objects": {"mask": 60, "hat": 70},
        "sha256": "ab" * 32,
    }


def test_system_metrics_are_logged_during_the_run(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
    with tracking.start_run({}, "report") as run:
        for _ in range(100):
            if client().get_metric_history(run.id, "system/cpu_utilization_percentage"):
                break
            signal.sigtimedwait([], 0.1)
        else:
            pytest.fail("no system metrics within 10 seconds")


def test_a_failed_run_logs_the_error_and_raises_it(store: Path) -> None:
    with pytest.raises(ValueError, match="bad anchor"), tracking.start_run({}, "report") as run:
        raise ValueError("bad anchor\nsecond line")
    kept = client().get_run(run.id)
    assert kept.info.status == "FAILED"
    assert kept.data.tags["failure"] == "ValueError: bad anchor"
    assert "Traceback" in (artifacts(run.id) / "failure.txt").read_text()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_killed(store: Path, end: signal.Signals) -> None:
    if end is signal.SIGINT:  # a shell's background job, as tests may be, starts with Ctrl-C ignored
        signal.signal(end, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), tracking.start_run({}, "report") as run:
        signal.raise_signal(end)
    assert client().get_run(run.id).info.status == "KILLED"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_signals_while_a_run_is_closed_are_ignored(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_failure = tracking.Run._log_failure

    def log_failure_during_signals(run: tracking.Run, error: BaseException) -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        log_failure(run, error)

    monkeypatch.setattr(tracking.Run, "_log_failure", log_failure_during_signals)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), tracking.start_run({}, "report") as run:
        signal.raise_signal(signal.SIGTERM)
    kept = client().get_run(run.id)
    assert (kept.info.status, kept.data.tags["failure"]) == ("KILLED", "KeyboardInterrupt")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def killed(store: Path) -> str:
    """Return the id of a run that Ctrl-C ended."""
    with pytest.raises(KeyboardInterrupt), tracking.start_run({}, "report", output_dir=store) as run:
        raise KeyboardInterrupt
    return run.id


def after_exit(run_id: str) -> str:
    """Return a run's status after MLflow's exit handler."""
    mlflow.tracking.fluent._safe_end_run()
    return client().get_run(run_id).info.status


def test_a_run_that_cannot_be_resumed_is_not_finished(store: Path) -> None:
    run_id = killed(store)
    unsent = store / "unsent" / run_id
    unsent.mkdir(parents=True)
    (unsent / "records.jsonl").write_text('{"artifact": "figures/gone.png"}\n')
    with (
        pytest.raises(UserError, match=r"records\.jsonl cannot be read"),
        tracking.start_run({}, "report", output_dir=store, resume=run_id),
    ):
        pass
    assert after_exit(run_id) == "FAILED"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_while_it_is_opened_is_killed(
    store: Path, monkeypatch: pytest.MonkeyPatch, end: signal.Signals
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupted(run: tracking.Run, *_: object) -> None:
        signal.raise_signal(end)

    monkeypatch.setattr(tracking.Run, "__init__", interrupted)
    with pytest.raises(KeyboardInterrupt), tracking.start_run({}, "report"):
        pass
    (run,) = tracking.find_runs("report")
    assert after_exit(run.id) == "KILLED"


def test_a_store_that_fails_while_a_run_is_opened_is_a_user_error(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = killed(store)
    monkeypatch.setattr(SystemMetricsMonitor, "_get_next_logging_step", refuse)
    with (
        pytest.raises(UserError, match=r"cannot be used \(OSError: disk full\)"),
        tracking.start_run({}, "report", output_dir=store, resume=run_id),
    ):
        pass
    assert after_exit(run_id) == "FAILED"
    assert client().get_run(run_id).data.tags["failure"].startswith("UserError: MLflow at")


def test_a_resumed_run_keeps_its_provenance(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provenance = "fmask.tracking.provenance"
    with monkeypatch.context() as then:
        then.setattr(f"{provenance}.code_tags", lambda: {"mlflow.source.git.commit": "first", "git_dirty": "true"})
        then.setattr(f"{provenance}.installed_packages", lambda: "keras==0\n")
        then.setattr("sys.argv", ["fmask train", "aug=blur"])
        with pytest.raises(Pruned), tracking.start_run(CONFIG, "report", output_dir=store) as run:
            raise Pruned("hopeless")
    monkeypatch.setattr(f"{provenance}.code_tags", lambda: {"mlflow.source.git.commit": "second", "git_dirty": "false"})
    monkeypatch.setattr("sys.argv", ["train.py", "resume=abc"])
    with tracking.start_run(
        {**CONFIG, "steps": 9}, "report", output_dir=store, resume=run.id, tags={"output_dir": "moved"}
    ):
        pass
    kept = client().get_run(run.id)
    tags = kept.data.tags
    assert (kept.info.status, kept.data.params["steps"]) == ("FINISHED", "50")
    assert (tags["command"], tags["resumed.command"]) == ("fmask train aug=blur", "train.py resume=abc")
    assert (tags["mlflow.source.git.commit"], tags["git_dirty"]) == ("first", "true")
    assert (tags["resumed.mlflow.source.git.commit"], tags["resumed.git_dirty"]) == ("second", "false")
    assert tags["output_dir"] == "moved"
    there = artifacts(run.id)
    assert (there / "environment.txt").read_text() == "keras==0\n"
    assert "mlflow==" in (there / "resumed/environment.txt").read_text()
    assert "steps: 50" in (there / "config.yaml").read_text()
    assert ("pruned" in tags, tags["resumed.after"]) == (False, "hopeless")


def test_a_resumed_run_has_not_failed(store: Path) -> None:
    with pytest.raises(ValueError, match="bad"), tracking.start_run({}, "report", output_dir=store) as run:
        raise ValueError("bad")
    assert (artifacts(run.id) / "failure.txt").exists()
    with tracking.start_run({}, "report", output_dir=store, resume=run.id):
        pass
    kept = client().get_run(run.id)
    assert (kept.info.status, kept.data.tags["resumed.after"]) == ("FINISHED", "ValueError: bad")
    assert "failure" not in kept.data.tags
    assert not (artifacts(run.id) / "failure.txt").exists()


def test_the_environment_is_restored(store: Path) -> None:
    with tracking.start_run({}, "report"):
        pass
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_store_that_vanishes_does_not_stop_the_run(store: Path) -> None:
    with tracking.start_run({}, "report", output_dir=store) as run:
        with sqlite3.connect("mlflow.db") as database:
            database.execute("ALTER TABLE metrics RENAME TO gone")
        run.log_epoch(1, {"loss": 2.0})
    records = (store / "unsent" / run.id / "records.jsonl").read_text().splitlines()
    assert [json.loads(line).get("metrics") for line in records] == [{"loss": 2.0}, None]
    assert client().search_experiments()


def test_an_unusable_store_is_a_user_error(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "notes.txt").write_text("not a database " * 100)
    for uri in ("nonsense://here", f"sqlite:///{store}/notes.txt", "sqlite:////proc/none/mlflow.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        message = r"cannot be used .*MLFLOW_TRACKING_URI"
        with pytest.raises(UserError, match=message) as caught, tracking.start_run({}, "x"):
            pass
        assert "\n" not in str(caught.value)


def test_a_deleted_experiment_is_named(store: Path) -> None:
    with tracking.start_run({}, "report"):
        pass
    experiment = client().get_experiment_by_name("report")
    assert experiment is not None
    client().delete_experiment(experiment.experiment_id)
    with pytest.raises(UserError, match="'report' was deleted"), tracking.start_run({}, "report"):
        pass


def test_mlflow_prints_nothing(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with tracking.start_run({}, "report") as run:
        run.log_text("a", "a.txt")
    assert capfd.readouterr() == ("", "")
