"""Plans of studies: their files, their record in the tracking store, amendments, and the runs that are left."""

import json
import os
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from fmask import cli, studies, tracking
from fmask.config.compose import compose_config
from fmask.evaluation.outcomes import Outcome
from fmask.studies.plans.file import parse_plan
from fmask.studies.plans.freeze import freeze, planned_jobs
from fmask.studies.plans.frozen import frozen_plans
from fmask.studies.plans.load import LoadedPlan, load_plan
from fmask.studies.plans.sight import sight_notes
from fmask.studies.runs import Scored
from fmask.studies.runs_file import write_runs
from fmask.utils.errors import UserError
from tests.helpers.own_data import write_own

RUNS = Path(__file__).parents[2] / "experiments/report_table/runs.csv"
VALUES: dict[str, Any] = {
    "study": "planned",
    "question": "Does an augmenter help?",
    "settings": "data=photos data.root=own data.attribute=label recipe=scratch epochs=1",
    "rows": ["aug=none,blur", "aug=blur lr=0.5"],
    "baseline": "aug=none",
    "seeds": [1, 2],
    "score": "accuracy",
    "confidence": 0.5,
    "margin": 0.05,
    "objects": 6,
    "budget": 1,
}


@pytest.fixture
def desk(store: Path) -> Path:
    """A working directory with a store and a data set `own` of three test photos with two objects each."""
    write_own(store / "own", ("mask", "hat"))
    return store


def written(values: dict[str, Any] | str) -> Path:
    text = values if isinstance(values, str) else yaml.safe_dump({k: v for k, v in values.items() if v is not ...})
    Path("plan.yaml").write_text(text)
    return Path("plan.yaml")


def loaded(**values: Any) -> LoadedPlan:
    return load_plan(written({**VALUES, **values}))


def test_rows_are_composed_from_overrides_and_their_values(desk: Path) -> None:
    plan = loaded()
    assert list(plan.rows) == ["aug=none", "aug=blur", "aug=blur lr=0.5"]
    assert plan.content.family == ("aug=blur", "aug=blur lr=0.5")
    assert [(row["aug"], row["lr"]) for row in plan.content.rows.values()][2] == ("blur", "0.5")
    assert not {"seed", "fold", "study", "threads", "precision", "data.root"} & plan.content.rows["aug=none"].keys()
    assert (plan.runs, plan.objects, plan.photos) == (6, 6, 3)
    assert plan.content.data.startswith("photos@")
    assert "precision" in loaded(settings=f"{VALUES['settings']} precision=fp32").content.rows["aug=none"]


def test_data_without_test_photos_needs_folds(desk: Path) -> None:
    shutil.rmtree(desk / "own/test")
    with pytest.raises(
        UserError, match=r"^plan\.yaml: own has no test photos, which a plan needs; `folds: 5` makes some"
    ):
        loaded()


FAULTS: list[tuple[str, dict[str, Any] | str, str]] = [
    ("no mapping", "- a", "plan.yaml must have the keys study, question, settings, rows,"),
    ("no YAML", "study: [", "plan.yaml, line 1: expected the node content"),
    ("key twice", "study: a\nstudy: b", "plan.yaml, line 1: study is given twice."),
    ("unknown key", {"sed": [1]}, "plan.yaml: unknown key 'sed'; did you mean seeds?"),
    (
        "missing key",
        {"margin": ...},
        "plan.yaml: margin is missing; it must be a number: the smallest difference of interest",
    ),
    ("wrong type", {"seeds": 1}, "plan.yaml: seeds must be a list of whole numbers, not 1."),
    ("truth as a number", {"margin": True}, "plan.yaml: margin must be a number, not True."),
    ("empty question", {"question": " "}, "plan.yaml: question is empty."),
    ("no seeds", {"seeds": []}, "plan.yaml: seeds must have at least one entry."),
    ("seed twice", {"seeds": [1, 1]}, "plan.yaml: seeds has 1 twice."),
    ("margin", {"margin": 2}, "plan.yaml: margin must be between 0.001 and 0.999, not 2."),
    (
        "margin that is not a number",
        {"margin": float("nan")},
        "plan.yaml: margin must be between 0.001 and 0.999, not nan.",
    ),
    (
        "score",
        {"score": "test/accuracy"},
        "score must be accuracy, mask_ap, mask_ap50 or mask_ap50_CLASS, not test/acc",
    ),
    ("score of no class", {"score": "mask_ap50_boot"}, "a class with test objects, mask, hat, not boot."),
    ("confidence", {"confidence": 0.7}, "confidence must be 0.5 or 0.9, or the min_confidence of all rows, not 0.7;"),
    ("misspelt override", {"rows": ["aug=none", "agu=blur"]}, "plan.yaml: row agu=blur: agu=blur: unknown key 'agu'"),
    ("unknown choice", {"rows": ["aug=none", "aug=blurr"]}, "plan.yaml: row aug=blurr: aug=blurr: unknown choice;"),
    ("value out of range", {"rows": ["aug=none", "lr=20"]}, "plan.yaml: row lr=20: lr must be between 1e-09 and 10,"),
    ("no override", {"rows": ["aug=none", "blur"]}, "plan.yaml: rows: 'blur' is not a valid override; write KEY=VALUE"),
    ("open quote", {"rows": ["aug='"]}, """plan.yaml: rows: "aug='" cannot be split into overrides: No closing"""),
    ("seed in a row", {"rows": ["aug=none", "seed=2"]}, "seed=2 cannot be a part of a row; the seeds are listed under"),
    ("launcher in a row", {"rows": ["hydra.launcher.jobs=2"]}, "hydra.launcher.jobs=2 cannot be planned; rows are"),
    ("row twice", {"rows": ["aug=none,blur", "aug=blur"]}, "plan.yaml: rows has aug=blur twice."),
    (
        "same settings",
        {"rows": ["aug=none", "epochs=1 aug=none"]},
        "aug=none and epochs=1 aug=none have the same settings",
    ),
    ("one row", {"rows": ["aug=none"]}, "plan.yaml: rows must have a row besides the baseline, aug=none."),
    (
        "baseline",
        {"baseline": "aug=sharpen"},
        "plan.yaml: baseline must be one of the plan's rows (aug=none; aug=blur; aug=bl",
    ),
    ("two baselines", {"baseline": "aug=none,blur"}, "plan.yaml: baseline must be one row, not aug=none,blur."),
    ("empty family", {"family": []}, "plan.yaml: family must have at least one row, or be null for all rows."),
    ("family", {"family": ["aug=none"]}, "plan.yaml: family must not have the baseline, aug=none."),
    ("family twice", {"family": ["aug=blur", "aug=blur"]}, "plan.yaml: family has aug=blur twice."),
    ("settings of a sweep", {"settings": "lr=0.1,0.2"}, "plan.yaml: settings: 'lr=0.1,0.2' has several values; rows"),
    (
        "other folds",
        {"folds": 2, "rows": ["aug=none", "data.fold_seed=3"]},
        "the same test photos; aug=none has photos@",
    ),
    ("missing pilot", {"pilot": "nowhere.csv"}, "nowhere.csv cannot be read as a study's runs: No such file or direct"),
]
"""Name, values that replace those of the plan (or its whole text), and the message."""


@pytest.mark.parametrize(("name", "values", "message"), FAULTS, ids=[name for name, *_ in FAULTS])
def test_faults_of_a_plan_are_one_clear_sentence(
    name: str, values: dict[str, Any] | str, message: str, desk: Path
) -> None:
    file = written({**VALUES, **values} if isinstance(values, dict) else values)
    with pytest.raises(UserError) as refused:
        sight_notes(load_plan(file))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not Path("mlruns").exists()


def test_a_missing_plan_is_refused(desk: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml cannot be read as a plan: No such file"):
        load_plan(Path("nowhere.yaml"))


def test_a_folded_question_is_one_line() -> None:
    text = yaml.safe_dump({**VALUES, "question": "Does it\n  help?\n"})
    assert parse_plan(text, "x").question == "Does it help?"


def test_freezing_again_changes_nothing_and_amendments_are_kept(desk: Path) -> None:
    first = freeze(loaded())
    assert (first.version, first.is_new, first.changed, first.started) == (1, True, [], 0)
    (run,) = tracking.find_runs("planned")
    file = tracking.download(run, "plan.yaml")
    assert file is not None
    assert file.read_text() == Path("plan.yaml").read_text()
    assert run.tags["plan"] == loaded().content.digest
    again = freeze(load_plan(written(yaml.safe_dump(VALUES) + "# a comment\n")))
    assert (again.is_new, again.run, len(tracking.find_runs("planned"))) == (False, first.run, 1)
    second = freeze(loaded(margin=0.1, seeds=[1]))
    assert (second.version, second.changed) == (2, ["seeds: 1, 2 → 1", "margin: 0.05 → 0.1"])
    back = freeze(loaded())
    assert (back.version, back.is_new, back.changed) == (3, True, ["seeds: 1 → 1, 2", "margin: 0.1 → 0.05"])
    plans = frozen_plans(tracking.find_runs("planned"))
    assert [plan.content.margin for plan in plans] == [0.05, 0.1, 0.05]
    assert plans[0].content == loaded().content
    parents = [run.tags.get("mlflow.parentRunId") for run in tracking.find_runs("planned")]
    assert parents == [first.run, first.run, None]
    with pytest.raises(UserError, match="The study 'planned' has a plan but no runs yet; `fmask sweep plan=FILE`"):
        studies.collect("planned")


def test_a_damaged_plan_is_named(desk: Path) -> None:
    first = freeze(loaded())
    (file,) = desk.rglob(f"{first.run}/artifacts/plan.json")
    file.write_text(json.dumps({key: value for key, value in json.loads(file.read_text()).items() if key != "margin"}))
    with pytest.raises(UserError, match=rf"^plan\.json of the MLflow run {first.run} is damaged: .*'margin'"):
        planned_jobs(loaded())


def log_run(seed: int, **values: Any) -> None:
    """Log a finished run of the plan, as a training does, with other settings."""
    overrides = [*VALUES["settings"].split(), "study=planned", f"seed={seed}", *(f"{k}={v}" for k, v in values.items())]
    config = compose_config(overrides)
    with tracking.start_run(asdict(config), "planned", tags={"mlflow.parentRunId": "another"}) as run:
        digest = loaded().content.data.rpartition("@")[2]
        run.log_dataset("test", "photos", Path("own"), digest.ljust(64, "0"), 3, {})


def test_the_planned_jobs_are_those_that_have_not_finished(desk: Path) -> None:
    with pytest.raises(UserError, match=r"plan\.yaml has not been frozen; run `fmask plan plan\.yaml` first\."):
        planned_jobs(loaded())
    first = freeze(loaded())
    jobs, recorded = planned_jobs(loaded())
    assert (len(jobs), recorded) == (6, first.run)
    assert [job[-1] for job in jobs] == ["seed=1"] * 3 + ["seed=2"] * 3
    assert jobs[2][-4:] == ["aug=blur", "lr=0.5", "study=planned", "seed=1"]
    log_run(1, aug="none")
    log_run(2, aug="blur", lr=0.5)
    log_run(1, aug="blur", steps=7)  # not as planned
    left = [(job[-4], job[-1]) for job in planned_jobs(loaded())[0]]
    assert len(left) == 4
    assert [seed for _, seed in left] == ["seed=1", "seed=1", "seed=2", "seed=2"]
    with pytest.raises(UserError, match=re.escape("plan.yaml differs from the plan frozen at ")) as refused:
        planned_jobs(loaded(margin=0.1))
    assert str(refused.value).endswith("(margin: 0.05 → 0.1); run `fmask plan plan.yaml` to record the change.")


def test_runs_of_another_machine_are_not_trained_again(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    freeze(loaded())
    log_run(1, aug="none")
    log_run(2, aug="blur")
    log_run(1, aug="blur", steps=7)  # not as planned
    there = studies.collect("planned")
    scored = {0.5: Scored({("a.jpg", 0): Outcome.FOUND}, 0, {"a.jpg": 1})}
    file = Path("there.csv.gz")
    write_runs(replace(there, runs=tuple(replace(run, scores=scored) for run in there.runs)), file)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///here.db")
    freeze(loaded())
    assert len(planned_jobs(loaded())[0]) == 6
    left = [(job[2], job[-1]) for job in planned_jobs(loaded(), [studies.read_runs(file)])[0]]
    assert len(left) == 4
    assert ("aug=none", "seed=1") not in left
    freeze(loaded(study="other"))
    with pytest.raises(UserError, match="finished=: the runs are of the study planned; they must be of other"):
        planned_jobs(loaded(study="other"), [studies.read_runs(file)])
    shown = CliRunner().invoke(cli.app, ["sweep", "finished=no.csv", "seed=1,2"])
    assert "finished=no.csv leaves out runs of a plan; name the plan too, as plan=FILE." in shown.output
    shown = CliRunner().invoke(cli.app, ["sweep", f"plan={written(VALUES)}", "finished=no.csv"])
    assert (shown.exit_code, "no.csv cannot be read as a study's runs: No such file" in shown.output) == (2, True)


def test_folds_are_planned(desk: Path) -> None:
    plan = loaded(folds=2, objects=18)
    assert (plan.runs, plan.objects) == (12, 18)
    freeze(plan)
    jobs, _ = planned_jobs(plan)
    assert [job[-2:] for job in jobs[:2]] == [["fold=1", "data.folds=2"], ["fold=2", "data.folds=2"]]


def test_what_the_plan_can_find(desk: Path) -> None:
    plan = loaded(pilot=str(RUNS), objects=600, budget=0.1)
    notes = " ".join(sight_notes(plan))
    assert "6 runs: 3 rows, each with 2 seeds." in notes
    assert "The data has 6 test objects now; the plan expects 600." in notes
    assert "in 300 photos" in notes
    assert "which is over the budget" in notes
    found = [float(re.search(r"80 % power is ([\d.]+)", each)[1]) for each in sight_notes(plan) if "power is" in each]  # type: ignore[index]
    more = " ".join(sight_notes(loaded(pilot=str(RUNS), objects=600, seeds=[1, 2, 3, 4, 5, 6])))
    assert float(re.search(r"80 % power is ([\d.]+)", more)[1]) < found[0]  # type: ignore[index]
    alone = " ".join(sight_notes(loaded(pilot=str(RUNS), seeds=[1])))
    assert "No difference can be found: one seed without folds does not show how much seeds differ." in alone
    with pytest.raises(UserError, match="does not show how mask_ap50 varies: not all of its runs logged their matches"):
        sight_notes(loaded(pilot=str(RUNS), score="mask_ap50"))


def test_the_commands_plan_and_sweep(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(VALUES)
    shown = CliRunner().invoke(cli.app, ["plan", str(file)])
    assert shown.exit_code == 0, shown.exception
    assert shown.output.startswith("Frozen: plan of the study planned, digest ")
    assert shown.output.endswith("Next: fmask sweep plan=plan.yaml\n")
    assert "Nothing changed" in CliRunner().invoke(cli.app, ["plan", str(file)]).output
    refused = CliRunner().invoke(cli.app, ["sweep", f"plan={file}", "steps=5"])
    assert refused.exit_code == 2
    assert "the plan has the settings of its runs; only threads, keep_weights, data.root and" in refused.output
    monkeypatch.setattr(os, "environ", dict(os.environ))
    arguments: list[str] = []
    monkeypatch.setattr("fmask.sweeping.main", lambda *_: arguments.extend(__import__("sys").argv))
    assert CliRunner().invoke(cli.app, ["sweep", f"plan={file}", "hydra.launcher.jobs=2"]).exit_code == 0
    assert arguments[1] == "study=planned"
    assert arguments[2].count("[") == 7
    assert arguments[3:] == ["hydra.sweeper.resume=true", "hydra.launcher.jobs=2"]
    for seed in (1, 2):
        for row in ({"aug": "none"}, {"aug": "blur"}, {"aug": "blur", "lr": 0.5}):
            log_run(seed, **row)
    complete = CliRunner().invoke(cli.app, ["sweep", f"plan={file}"])
    assert (complete.exit_code, complete.output) == (0, "6 of 6 planned runs are already finished\n")
