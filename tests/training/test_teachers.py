"""Teachers are found and checked before a run opens, taught from, recorded, and the same when the run is resumed."""

import re
from dataclasses import asdict, replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from fmask import tracking
from fmask.config.schema import Config
from fmask.data.open import open_dataset
from fmask.data.synthetic.dataset import render_dataset
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.distillation import Teachers
from fmask.report.facts import run_facts
from fmask.studies.runs import settings_of
from fmask.training import provenance_diff
from fmask.training.teachers import TEACHERS_ARTIFACT, find_teachers, recorded_teachers
from fmask.training.train import train
from fmask.utils.errors import UserError
from tests.helpers.composing import smoke
from tests.helpers.networks import tiny

CLASSES = ("mask", "hat")


@pytest.fixture
def root(store: Path) -> Path:
    folder = store / "rendered"
    render_dataset(folder, seed=0, counts={"train": 2, "val": 1, "test": 1}, size=64)
    KerasPredictor(tiny(), 64, True, CLASSES).save(store / "teacher.h5")
    return folder


def taught_by(config: Config, reference: str) -> Config:
    return replace(config, distill=replace(config.distill, teachers=[reference]))


def student(root: Path, *overrides: str) -> Config:
    return smoke("data=rendered", f"data.root={root}", "distill.teachers=[teacher.h5]", *overrides)


def test_a_student_is_taught_and_its_teachers_recorded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = student(root, "epochs=1", "keep_weights=last", "precision=fp32", "val_steps=0")
    mixed = Mock(side_effect=Teachers.mix, autospec=True)
    monkeypatch.setattr(Teachers, "mix", lambda *arguments: mixed(*arguments))
    run = tracking.find_run(train(config, Path("taught")).run_id)
    assert mixed.called
    dataset = open_dataset(config.data)
    (recorded,) = tracking.read_json(run, TEACHERS_ARTIFACT) or []
    (found,) = find_teachers(config, dataset)
    assert recorded == asdict(found)
    assert recorded_teachers(run) == [found]
    assert settings_of(run.params)["distill.teachers"] == '["teacher.h5"]'
    assert dict(run_facts(run).settings)["distill.weight"] == "0.5"
    assert settings_of({"distill.teachers": "[]", "distill.weight": "0.5", "seed": "1"}) == {"seed": "1"}

    def row() -> provenance_diff.ProvenanceItem:
        rows = provenance_diff.compare_provenance(run, *provenance_diff.read_config(run), dataset)
        return next(each for each in rows if each.name == "teachers")

    assert not row().differs
    KerasPredictor(tiny(norm="frozen"), 64, True, CLASSES).save(Path("teacher.h5"))
    assert row().differs
    changed = f"teacher.h5 \\(teacher.h5\\) has other weights than when the run {run.id} was started"
    with pytest.raises(UserError, match=changed):
        recorded_teachers(run)
    Path("teacher.h5").unlink()
    with pytest.raises(UserError, match=changed):
        recorded_teachers(run)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["distill.teachers=[no.h5]"], "no.h5: there is no such weight file"),
        (["distill.teachers=[other.h5]"], "other.h5 has the classes cat, dog; it must have those of"),
        (["distill.teachers=[teacher.onnx]"], "teacher.onnx is an ONNX file; a teacher must be a run or"),
        (["image_size=96"], "teacher.h5 has image_size=64; it must be 96, as here."),
        (["regions.pool_mask=7"], "teacher.h5 has regions.pool_mask=14; it must be 7, as here."),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused_and_opens_no_run(
    root: Path, overrides: list[str], message: str
) -> None:
    KerasPredictor(tiny(), 64, True, ["cat", "dog"]).save(Path("other.h5"))
    Path("teacher.onnx").write_bytes(b"")
    with pytest.raises(UserError, match=re.escape(message)):
        train(student(root, *overrides), Path("taught"))
    assert tracking.find_runs("fmask", missing_ok=True) == []


def saved_by(root: Path, deal: str, **params: object) -> str:
    """Save a network that a run with these params has trained, and return the run's id."""
    with tracking.start_run(params, "taught", output_dir=root) as run:
        run.log_dataset("folds", "rendered", root, deal, 4, {})
        predictor = KerasPredictor(tiny(), 64, True, CLASSES)
        predictor.run = run.id
        Path("last.h5").unlink(missing_ok=True)
        predictor.save(Path("last.h5"))
        run.log_file(Path("last.h5"), "weights")
    return run.id


def test_a_run_stands_for_its_counterpart_on_the_fold(root: Path) -> None:
    config = student(root, "fold=1", "data.folds=2")
    dataset = open_dataset(config.data, 1)
    deal = dataset.digests()["folds"]
    here = saved_by(root, deal, fold=1, seed=1)
    there = saved_by(root, deal, fold=2, seed=1, threads=1)
    alone = saved_by(root, deal, fold=2, seed=2)
    others = saved_by(root, "another".ljust(64, "0"), fold=1, seed=1)
    for reference in (here, there, others, there[:8]):
        (found,) = find_teachers(taught_by(config, reference), dataset)
        assert (found.reference, found.run) == (reference, here)
    with pytest.raises(UserError, match=r"study taught has no finished run with its settings and fold=1"):
        find_teachers(taught_by(config, alone), dataset)


def test_a_file_of_another_fold_is_refused(root: Path) -> None:
    config, whole = student(root, "fold=1", "data.folds=2"), student(root)
    dataset = open_dataset(config.data, 1)
    deal = dataset.digests()["folds"]
    config = taught_by(config, "last.h5")
    saved_by(root, deal, fold=1)
    assert len(find_teachers(config, dataset)) == 1
    with pytest.raises(UserError, match=r"last\.h5 was trained with fold=1, .* it must have fold=null"):
        find_teachers(taught_by(whole, "last.h5"), open_dataset(whole.data))
    for params in ({"fold": 2}, {}):
        saved_by(root, deal, **params)
        with pytest.raises(UserError, match=r"perhaps on test photos of this run; it must have fold=1 of the same"):
            find_teachers(config, dataset)
