"""Grids of toy jobs: all jobs run under one parent, also if some of them fail."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from fmask import tracking
from fmask.sweeping.grid import combinations
from fmask.sweeping.launcher import _processors
from fmask.utils.errors import UserError
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
    threads = max(1, _processors() // 2)
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
    newest, *_ = parents = [run for run in tracking.find_runs("resumed") if run.tags.get("sweep") == "grid"]
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
    assert [len(tracking.find_runs(study)) for study in ("a", "b")] == [2, 1], "a also has the first sweep"
