"""`fmask new` makes a folder of photos with any classes a data set."""

import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml
from typer.testing import CliRunner, Result

from fmask import cli, tracking
from fmask.config.compose import compose_config
from fmask.utils.errors import UserError
from tests.helpers.own_data import write_own
from tests.helpers.via import region, write_via

pytestmark = pytest.mark.usefixtures("eagerly")
SMOKE = ("experiment=smoke", "onnx=false", "min_confidence=0", "epochs=1", "steps=1", "val_steps=0")


def fmask(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


def ran(*arguments: str) -> str:
    result = fmask(*arguments)
    assert result.exit_code == 0, result.exception or result.output
    return result.output


def test_the_file_has_what_is_needed_and_is_found(store: Path) -> None:
    write_own(Path("site"), ["no", "1", "口罩"], attribute="type")
    ran("new", "site", "--name", "mine", "--map", "{no: yes}")
    written = yaml.safe_load(Path("conf/data/mine.yaml").read_text())
    assert written == {
        "name": "mine",
        "root": str(Path("site").resolve()),
        "classes": ["1", "yes", "口罩"],
        "attribute": "type",
        "map": {"no": "yes"},
    }
    config = compose_config(["data=mine", "recipe=scratch"])
    assert (config.data.classes, config.data.map) == (["1", "yes", "口罩"], {"no": "yes"})
    with pytest.raises(UserError, match=r"data must be one of mine, photos, rendered\.$"):
        compose_config(["data=other"])
    assert "conf/data/mine.yaml already exists; --overwrite" in str(fmask("new", "site", "--name", "mine").exception)
    ran("new", "site", "--name", "mine", "--overwrite")
    assert "data=photos belongs to fmask" in str(fmask("new", "site", "--name", "photos").exception)
    assert "cannot be chosen by data=NAME" in str(fmask("new", "site", "--name", "a b").exception)


def test_faults_few_objects_and_missing_splits_are_reported(store: Path) -> None:
    Path("site/train").mkdir(parents=True)
    write_via(Path("site/train"), {"a.png": [region(kind="cap"), region(kind="")], "b.png": [region(kind="vest")]})
    shown = " ".join(ran("new", "site").split())
    assert "Faults: blank label 1; `fmask check` lists them." in shown
    assert "Note: classes with few objects: cap (1 in train); vest (1 in train)." in shown
    assert "fmask train data=site fold=1 # there is no val" in shown


def test_annotations_of_other_classes_than_the_networks_are_refused_or_mapped(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fmask.training.train import train

    write_own(Path("site"), ["helmet", "vest"])
    write_own(Path("other"), ["vest", "cap"])
    Path("site/people.csv").write_text("photo,group\ntest/0.png,a\ntest/1.png,a\ntrain/0.png,b\n")
    settings = ("data=rendered", "data.root=site", "data.classes=null", "data.attribute=null", "data.groups=people.csv")
    run = train([*SMOKE, *settings])
    assert tracking.read_json(tracking.find_run(run.run_id), "groups.json") == {"0.png": "a", "1.png": "a"}
    refusal = str(fmask("evaluate", run.run_id, "other").exception)
    assert refusal.endswith(
        "other/test/via_region_data.json has objects of classes that the network lacks: cap 3; use a network that "
        "knows them, or map each to one of the network's classes helmet, vest, as in "
        '--map "{cap: helmet}", or leave it out by --map "{cap: null}".'
    )
    assert "--map: cap must be one of helmet, vest, or null to leave it out, not hat." in str(
        fmask("evaluate", run.run_id, "other", "--map", "{cap: hat}").exception
    )
    for label in ("helmet", "null"):
        shown = ran("evaluate", run.run_id, "other", "--map", f"{{cap: {label}}}")
        assert ("regions left out by the map: cap 3" in shown) == (label == "null")
    monkeypatch.setattr("fmask.training.train.fit", Mock(side_effect=KeyboardInterrupt))
    others = ("data=rendered", "data.root=other", "data.classes=null", "data.attribute=null")
    with pytest.raises(KeyboardInterrupt):
        train([*SMOKE, *others, f"weights=runs:/{run.run_id}"])
    start = tracking.read_json(tracking.find_runs("fmask")[0], "weights/start.json")
    assert start is not None
    assert (start["classes"], start["new_classes"]) == (["vest"], ["cap"])


def test_a_training_without_test_photos_is_scored_on_val(store: Path) -> None:
    from fmask.training.train import train

    write_own(Path("site"), ["helmet"])
    shutil.rmtree(Path("site/test"))
    assert "data=site fold=1" not in ran("new", "site")
    run = train([*SMOKE, "data=site", "study=own"])
    assert list(run.scores) == ["val"]
    assert "val/accuracy" in run.metrics
    assert not any(name.startswith("test/") for name in run.metrics)
    ran("report", run.run_id, "-o", "page.html")
    page = Path("page.html").read_text()
    assert "Scores on the validation photos" in page
    assert "has no pictures" not in page
    assert "has no finished run with test scores" in str(fmask("table", "own").exception)
