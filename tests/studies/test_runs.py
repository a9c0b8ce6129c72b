"""Runs read from MLflow, written to a CSV file and read back from it."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from fmask import tracking
from fmask.evaluation.matches import ClassMatches
from fmask.studies import Study, as_csv, as_markdown, collect, merge, read_runs, tabulate, write_runs
from fmask.studies.runs import Scored
from fmask.utils.errors import UserError
from tests.helpers.fabricated import run, scores_json, study


def log_run(aug: str, seed: int, outcomes: str, tags: Mapping[str, str] | None = None) -> None:
    """Log a finished run whose objects have the given outcomes at confidence 0.9, and are all found at 0.5."""
    config = {
        "aug": {"name": aug, "augmenters": [aug, {"p": 0.5}]},
        "data": {"name": "photos", "root": "/somewhere"},
        "weights": None,
        "min_confidence": 0.9,
        "seed": seed,
        "threads": seed,
        "study": "report",
    }
    with tracking.start_run(config, "report", name=f"{aug}, {seed}", tags=tags) as made:
        made.log_dataset("test", "photos", Path("/somewhere"), "ab" * 32, photos=9, objects={})
        made.log_epoch(1, {"train/cpu_seconds": 100 / 3})
        made.log_scores({"mask_ap50": 0.1 + 0.2}, prefix="val")
        made.log_json(scores_json(outcomes, spurious=seed), "scores/test_at_0.9.json")
        made.log_json(scores_json("f" * len(outcomes), spurious=10), "scores/test_at_0.5.json")


def test_a_study_is_the_same_from_mlflow_and_from_its_file(store: Path) -> None:
    for aug, seed, outcomes in (("none", 1, "ffwm"), ("none", 2, "fffm"), ("blur", 1, "fmmm")):
        log_run(aug, seed, outcomes)
    with pytest.raises(ValueError, match="broken"), tracking.start_run({"aug": {"name": "blur"}}, "report"):
        raise ValueError("broken")
    collected = collect("report")
    (table,) = tabulate(collected)
    assert [(row.settings, row.runs, row.found, row.spurious) for row in table.rows] == [
        (("none",), 2, 5, 3),
        (("blur",), 1, 1, 1),
    ]
    assert (table.columns, table.data, table.left_out) == (("aug",), "photos@" + "ab" * 8, {"failed": 1})
    assert (table.rows[0].val_mask_ap50, table.rows[0].cpu_seconds) == (0.1 + 0.2, 100 / 3)
    assert [row.found for row in tabulate(collected, confidence=0.5)[0].rows] == [8, 4]

    write_runs(collected, store / "runs.csv")
    kept = read_runs(store / "runs.csv")
    assert kept == collected
    assert as_csv(tabulate(kept)) == as_csv([table])
    assert as_markdown(tabulate(kept)) == as_markdown([table])
    assert "/somewhere" not in (store / "runs.csv").read_text()
    assert len((store / "runs.csv").read_text().splitlines()) == 1 + 3 * 4 + 1


def test_the_files_of_a_local_store_are_read_without_asking_mlflow(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_run("none", 1, "ff")
    before = collect("report")
    assert before.runs[0].scores.keys() == {0.5, 0.9}
    monkeypatch.delattr("fmask.tracking.artifacts.list_files")
    monkeypatch.delattr("mlflow.artifacts.download_artifacts")
    assert collect("report") == before


def test_runs_made_in_several_places_are_one_study() -> None:
    first, second, third = (run(number, "ff", aug="none", seed=number) for number in (1, 2, 3))
    merged = merge([study([second, third]), Study("elsewhere", (first, second))])
    assert merged == study([first, second, third])


def test_a_study_without_runs_is_refused(store: Path) -> None:
    with pytest.raises(UserError, match="no MLflow experiment 'reprot'; existing experiments: Default"):
        collect("reprot")
    with pytest.raises(UserError, match="The study 'Default' has no runs yet"):
        collect("Default")


def test_a_sweep_is_not_a_run_of_its_study(store: Path) -> None:
    with tracking.start_run({}, "report", name="sweep") as sweep:
        log_run("none", 1, "ff", tags={"mlflow.parentRunId": sweep.id})
    assert [each.name for each in collect("report").runs] == ["none, 1"]


def test_artifacts_of_a_moved_store_are_reported_with_their_place(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (1, 2):
        log_run("none", seed, "ff")
    before = collect("report")
    moved = store.rename(store.with_name("moved"))
    monkeypatch.chdir(moved)
    message = (
        f"The artifacts of 2 finished runs of the study 'report', with the scores, are not in {store}/mlruns/report, "
        "where MLflow recorded them: move them back"
    )
    with pytest.raises(UserError, match=re.escape(message)):
        tabulate(collect("report"))
    with pytest.raises(UserError, match=re.escape(f"are not in {store}/mlruns/report, where MLflow recorded them")):
        tracking.download_weights(before.runs[0].id)
    with pytest.raises(tracking.MissingArtifactsError, match=before.runs[0].id):
        tracking.download(tracking.find_run(before.runs[0].id), "config.yaml")
    assert merge([before, collect("report")]) == merge([collect("report"), before]) == before, "scores are kept"

    store.symlink_to(moved)
    assert collect("report") == before, "what the message advises mends it"


def test_the_table_names_the_runs_that_have_lost_their_artifacts(store: Path) -> None:
    for seed in (1, 2, 3):
        log_run("none", seed, "ff")
    lost = collect("report").runs[1]
    shutil.rmtree(store / "mlruns/report" / lost.id)
    (table,) = tabulate(collect("report"))
    assert table.rows[0].runs == 2
    ((reason, count),) = table.left_out.items()
    assert count == 1
    assert str(store / "mlruns/report") in reason
    assert lost.id in reason
    assert lost.id in as_markdown([table])


def test_an_unscored_run_of_another_program_has_not_lost_its_artifacts(store: Path) -> None:
    client = MlflowClient(tracking.prepare_store())
    client.set_terminated(client.create_run(client.create_experiment("theirs")).info.run_id)
    with pytest.raises(UserError, match="The study 'theirs' has no finished run with test scores; runs: 1 FINISHED"):
        tabulate(collect("theirs"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("found", "lost", r"runs.csv, lines 2 to 3: 'lost' is not a valid Outcome"),
        ("0.jpg,0", "0.jpg,1", r"lines 2 to 3: run run1 has two lines for the same object"),
        ("2026-01-01", "yesterday", r"lines 2 to 3: Invalid isoformat string"),
        (",found,found,", ",found,", r"run run1 has a line with a different number of fields than the header"),
        (",3,3\n", ",3,0\n", r"run run1 has two values of detections_at_0.9 for the same photo; it must have one"),
        (",0.9,1,", ",high,1,", r"could not convert string to float: 'high'"),
        ("outcome_at_0.9", "outcome", r"not a file of a study's runs: it has no lines with outcome_at_0.9"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "runs.csv"
    write_runs(study([run(1, "ff"), run(2, "fm")]), file)
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        read_runs(file)


def test_a_file_with_fewer_detections_than_found_objects_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    write_runs(study([run(1, "f")]), file)
    file.write_text(file.read_text().replace(",2,2\n", ",2,0\n"))
    message = (
        r"run run1 has detections_at_0.9 0 for 0.jpg; it must be at least 1, the number of objects that are not missed"
    )
    with pytest.raises(UserError, match=message):
        read_runs(file)


def test_photos_without_objects_and_other_confidences_are_kept(tmp_path: Path) -> None:
    outcomes = run(1, "fm").scores[0.9].outcomes
    scores = {0.5: Scored(outcomes, 2, {"0.jpg": 1, "empty.jpg": 2}), 0.7: Scored(outcomes, 0, {"0.jpg": 1})}
    runs = study([replace(run(1, "fm"), scores=scores), run(2, "ff")])
    write_runs(runs, tmp_path / "runs.csv")
    assert read_runs(tmp_path / "runs.csv") == runs


def test_files_of_version_1_have_no_numbers_of_detections(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    write_runs(study([run(1, "ff")]), file)
    header, *lines = file.read_text().splitlines()
    assert header.endswith(",detections_at_0.5,detections_at_0.9")
    file.write_text("\n".join(line.rsplit(",", 2)[0] for line in (header, *lines)) + "\n")
    (kept,) = read_runs(file).runs
    assert kept.scores[0.9] == Scored(run(1, "ff").scores[0.9].outcomes, 1, None)


def test_a_missing_file_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none.csv cannot be read as a study's runs"):
        read_runs(tmp_path / "none.csv")
    with pytest.raises(UserError, match=r"runs.csv cannot be written: No such file"):
        write_runs(study([run(1, "ff")]), tmp_path / "none" / "runs.csv")


def test_matches_are_in_the_file_and_a_compressed_file_is_equal(tmp_path: Path) -> None:
    found = {"0.jpg": {"hat": ClassMatches(1, ((0.5, "1111100000"), (0.25, "-" * 10)))}, "9.jpg": {}}
    whole = study(
        [replace(run(1, "ff"), matches={"0.jpg": found["0.jpg"]}), run(2, "ff"), replace(run(3, "ff"), matches={})]
    )
    for name in ("runs.csv", "runs.csv.gz"):
        write_runs(whole, tmp_path / name)
        assert read_runs(tmp_path / name) == whole
    assert (tmp_path / "runs.csv.gz").stat().st_size < (tmp_path / "runs.csv").stat().st_size
    (tmp_path / "runs.csv.gz").write_bytes((tmp_path / "runs.csv.gz").read_bytes()[:-20])
    with pytest.raises(
        UserError, match=r"runs.csv.gz cannot be read as a study's runs: it is not a complete gzip file"
    ):
        read_runs(tmp_path / "runs.csv.gz")
    text = (tmp_path / "runs.csv").read_text()
    for wrong, message in (('""objects"": 1', '""objects"": -1'), ('{""hat""', '{""hat')):
        (tmp_path / "runs.csv").write_text(text.replace(wrong, message, 1))
        with pytest.raises(UserError, match="matches"):
            read_runs(tmp_path / "runs.csv")
