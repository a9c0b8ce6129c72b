"""Grids of toy jobs: all jobs run under one parent, also if some of them fail."""

import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import mlflow
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from fmask import tracking
from fmask.sweeping.grid import combinations
from fmask.utils.errors import UserError
from fmask.utils.processors import processors
from tests.helpers.toys import artifacts, lines

Swept = Callable[..., tuple[int, str]]


def parsed(*overrides: str) -> list[list[str]]:
    return combinations(OverridesParser.create().parse_overrides(list(overrides)))


def test_combinations_are_the_product_of_lists_and_ranges() -> None:
    assert parsed("aug=none,blur", "seed=range(1,3)", "lr=0.1") == [
        ["aug=none", "seed=1", "lr=0.1"],
        ["aug=none", "seed=2", "lr=0.1"],
        ["aug=blur", "seed=1", "lr=0.1"],
        ["aug=blur", "seed=2", "lr=0.1"],
    ]
    with pytest.raises(UserError, match="a grid cannot use an interval"):
        parsed("lr=interval(0,1)")
    with pytest.raises(UserError, match="seed is given more than once, as seed=1,2 and seed=3"):
        parsed("seed=1,2", "lr=0.1", "seed=3")


def test_rows_are_crossed_with_the_other_values() -> None:
    overrides = OverridesParser.create().parse_overrides(["seed=1,2", "lr=0.1"])
    assert combinations(overrides, [["aug=none"], ["aug=blur", "lr=0.5"]]) == [
        ["seed=1", "lr=0.1", "aug=none"],
        ["seed=2", "lr=0.1", "aug=none"],
        ["seed=1", "aug=blur", "lr=0.5"],
        ["seed=2", "aug=blur", "lr=0.5"],
    ]
    for wrong in ("aug=none", ["aug"], [3]):
        with pytest.raises(UserError, match=r"hydra\.sweeper\.rows must be lists of overrides, such as"):
            combinations(overrides, [wrong])  # type: ignore[list-item]


def test_a_grid_of_rows(swept: Swept, store: Path) -> None:
    code, output = swept("study=rows", "hydra.sweeper.rows=[['x=1'],['x=2','pause=0.1']]", "kind=plain")
    assert code == 0, output
    (parent,) = tracking.find_runs("rows")
    logged = artifacts(parent)
    assert (logged / "table.csv").read_text().splitlines()[0].startswith("job,x,pause,status,")
    assert (logged / "overrides.txt").read_text().splitlines()[-2:] == ["x=1", "x=2 pause=0.1"]
    assert len(lines(store / "done.txt")) == 2


def test_a_job_that_fails_or_dies_does_not_stop_the_others(swept: Swept, store: Path) -> None:
    code, output = swept("kind=broken,killed,plain", "x=3", "study=grid", "hydra.launcher.jobs=2")
    assert code == 1
    assert "toys.py: 2 of 3 jobs failed:" in output
    assert "job 0 (kind=broken): ValueError: the job is broken" in output
    assert "job 1 (kind=killed): its process was killed by SIGKILL" in output
    assert len(lines(store / "done.txt")) == 1
    (parent,) = tracking.find_runs("grid")
    assert parent.status == "FAILED"
    assert parent.params == {}
    logged = artifacts(parent)
    assert (logged / "overrides.txt").read_text() == "kind=broken,killed,plain\nx=3\nstudy=grid\n"
    assert (logged / "figures/comparison.png").exists()
    threads = max(1, processors() // 2)
    last = (logged / "table.csv").read_text().splitlines()[-1]
    assert last == f"2,plain,finished,0,3,{threads},"


def test_eight_children_start_at_once_on_a_fresh_store(swept: Swept, store: Path) -> None:
    (store / "mlflow.db").unlink()
    code, output = swept("kind=tracked", "x=range(0,8)", "study=fresh", "hydra.launcher.jobs=8")
    assert code == 0, output
    *children, parent = tracking.find_runs("fresh")
    assert parent.tags["sweep"] == "grid"
    assert {run.tags["mlflow.parentRunId"] for run in children} == {parent.id}
    assert sorted(float(run.params["x"]) for run in children) == list(range(8))
    assert [(run.status, run.metrics["loss"]) for run in children] == [("FINISHED", 4.0)] * 8
    assert all("FMASK_PARENT_RUN" not in run.params for run in children)


def test_resuming_runs_missing_jobs_and_lists_all(swept: Swept, store: Path) -> None:
    resume = ("kind=tracked", "study=resumed", "hydra.sweeper.resume=true")
    code, output = swept("x=1,2", *resume)
    assert code == 0, output
    assert "0 of 2 jobs are already finished" in output
    code, output = swept("x=1,2,4", "threads=1", *resume)  # the number of threads does not make it a different job
    assert code == 0, output
    assert "2 of 3 jobs are already finished" in output
    newest, _ = parents = [run for run in tracking.find_runs("resumed") if run.tags.get("sweep") == "grid"]
    children = [run for run in tracking.find_runs("resumed") if run not in parents]
    assert sorted(float(run.params["x"]) for run in children) == [1, 2, 4]
    table = (artifacts(newest) / "table.csv").read_text().splitlines()
    assert table == ["job,x,status,value", "-,1,finished,1", "-,2,finished,2", "0,4,finished,4"]
    code, output = swept("x=1,2,4", "pause=0.1", *resume)
    assert "0 of 3 jobs are already finished" in output, "a different configuration is a different job"


def test_resuming_finds_finished_jobs_in_every_study_of_the_grid(swept: Swept, store: Path) -> None:
    resume = ("kind=tracked", "x=1", "hydra.sweeper.resume=true")
    assert "0 of 1 jobs are already finished" in swept("study=a", *resume)[1]
    assert "1 of 2 jobs are already finished" in swept("study=b,a", *resume)[1], "one study is new"
    code, output = swept("study=a,b", *resume)
    assert code == 0, output
    assert "2 of 2 jobs are already finished" in output
    assert [len(tracking.find_runs(study)) for study in ("a", "b")] == [2, 2], "each has a job, and a sweep's own run"
    assert [run.status for study in ("a", "b") for run in tracking.find_runs(study)] == ["FINISHED"] * 4


def test_a_killed_grid_continues_under_the_same_run(
    start: Callable[..., BaseProcess], swept: Swept, store: Path
) -> None:
    command = ("kind=plain", "x=1,2,3", "pause=0.5", "study=killed", "hydra.sweeper.resume=true")
    process = start(*command)
    while len(lines(store / "began.txt")) < 2:
        assert process.is_alive()
        time.sleep(0.05)
    refused, output = swept(*command)
    (parent,) = tracking.find_runs("killed")
    assert (refused, parent.status) == (2, "RUNNING")
    assert f"the run {parent.id} of the same grid is still running; wait for its end." in output
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert tracking.find_run(parent.id).status == "RUNNING"
    with tracking.start_run({}, "killed", tags={"mlflow.parentRunId": parent.id}) as child:
        pass
    mlflow.MlflowClient(tracking.tracking_uri()).update_run(child.id, "RUNNING")  # of a machine that was switched off

    code, output = swept(*command)
    assert code == 0, output
    runs = tracking.find_runs("killed")
    assert sorted((run.id, run.status) for run in runs) == sorted([(parent.id, "FINISHED"), (child.id, "KILLED")])
    assert len((artifacts(parent) / "table.csv").read_text().splitlines()) == 4


def test_the_run_of_another_killed_grid_is_ended(start: Callable[..., BaseProcess], swept: Swept, store: Path) -> None:
    process = start("kind=plain", "x=1,2", "pause=60", "study=killed")
    while not lines(store / "began.txt"):
        assert process.is_alive()
        time.sleep(0.05)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    code, output = swept("kind=plain", "x=3,4", "study=killed", "hydra.sweeper.resume=true")
    assert code == 0, output
    newest, killed = tracking.find_runs("killed")
    assert (newest.status, killed.status, killed.tags["failure"]) == ("FINISHED", "KILLED", "its process died")


def test_a_complete_grid_gets_no_further_run(swept: Swept, store: Path) -> None:
    command = ("kind=tracked", "study=complete", "hydra.sweeper.resume=true")
    assert swept("x=1,2", *command)[0] == 0
    before = {run.id for run in tracking.find_runs("complete")}
    for x in ("x=2,1", "x=1"):  # the same jobs, and some of them
        code, output = swept(x, *command)
        assert code == 0, output
        assert "finished" in output
    assert {run.id for run in tracking.find_runs("complete")} == before


def test_the_run_of_a_grid_over_studies_is_in_one_of_them(swept: Swept, store: Path) -> None:
    code, output = swept("study=a,b", "kind=tracked")
    assert code == 0, output
    assert "The sweep's own run is in the study a." in output
    assert [len(tracking.find_runs(study)) for study in ("a", "b")] == [2, 1]
    assert tracking.find_runs("toy", missing_ok=True) == []
