"""Teachers are found and checked before a run opens, taught from, recorded, and the same when the run is resumed."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from fmask import tracking
from fmask.config.schema import Config
from fmask.data.open import open_dataset
from fmask.data.synthetic.dataset import render_dataset
from fmask.inference.keras_predictor import KerasPredictor
from fmask.studies.runs import settings_of
from fmask.training import provenance_diff
from fmask.training.teachers import TEACHERS_ARTIFACT, find_teachers, refuse_other_teachers
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


def student(root: Path, *overrides: str) -> Config:
    return smoke("data=rendered", f"data.root={root}", "distill.teachers=[teacher.h5]", *overrides)


def test_a_student_is_trained_and_its_teachers_recorded(root: Path) -> None:
    config = student(root, "epochs=1", "keep_weights=last", "precision=fp32")
    taught = train(config, Path("taught"))
    run = tracking.find_run(taught.run_id)
    (recorded,) = tracking.read_json(run, TEACHERS_ARTIFACT) or []
    dataset = open_dataset(config.data)
    (found,) = find_teachers(config, dataset)
    assert recorded == asdict(found)
    assert settings_of(run.params)["distill.teachers"] == '["teacher.h5"]'
    assert settings_of({"distill.teachers": '["a", "b"]', "fold": "2"})["distill.teachers"] == "2 networks"
    assert settings_of({"distill.teachers": "[]", "distill.weight": "0.5", "seed": "1"}) == {"seed": "1"}

    def row() -> provenance_diff.ProvenanceItem:
        rows = provenance_diff.compare_provenance(run, *provenance_diff.read_config(run), open_dataset(config.data))
        return next(each for each in rows if each.name == "teachers")

    assert not row().differs
    KerasPredictor(tiny(norm="frozen"), 64, True, CLASSES).save(Path("teacher.h5"))
    assert row().differs
    with pytest.raises(UserError, match=f"teacher.h5 has other weights than when the run {run.id} was started"):
        refuse_other_teachers(run, find_teachers(config, dataset))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["distill.teachers=[no.h5]"], "no.h5: there is no such weight file"),
        (["distill.teachers=[other.h5]"], "other.h5 has the classes cat, dog; it must have those of"),
        (["distill.teachers=[teacher.onnx]"], "teacher.onnx is an ONNX file; a teacher must be a run or"),
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


def test_a_teacher_of_another_fold_is_refused(root: Path) -> None:
    config = student(root, "fold=1", "data.folds=2")
    dataset = open_dataset(config.data, 1)

    def saved_by(**params: object) -> None:
        with tracking.start_run(params, "taught", output_dir=root) as run:
            run.log_dataset("folds", "rendered", root, dataset.digests()["folds"], 4, {})
        predictor = KerasPredictor(tiny(), 64, True, CLASSES)
        predictor.run = run.id
        predictor.save(Path("teacher.h5"))

    saved_by(fold=1)
    assert len(find_teachers(config, dataset)) == 1
    whole = student(root)
    with pytest.raises(UserError, match=r"teacher\.h5 was trained with fold=1, .* it must have fold=null"):
        find_teachers(whole, open_dataset(whole.data))
    for params in ({"fold": 2}, {}):
        saved_by(**params)
        with pytest.raises(UserError, match=r"perhaps on test photos of this run; it must have fold=1 of the same"):
            find_teachers(config, dataset)
