"""Paths and names with any characters are accepted as they are typed."""

import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from fmask.cli.hydra_arguments import read_arguments
from fmask.config.compose import compose_config, conf_folder
from fmask.config.overrides import resumed_run
from fmask.config.quoting import as_hydra
from fmask.sweeping.check import check as check_sweep
from tests.helpers.refusals import refusal

NAMES = ["photos", "Ördner", "写真", "photos (2)", "it's", 'a"b', "a=b", "x#1", "back\\slash", "end\\", "2024_01",
         "1e3", "true", "a b"]  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that is also the home folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FMASK_PHOTOS", raising=False)
    monkeypatch.setattr(sys, "argv", ["fmask"])
    return tmp_path


def values(override: str) -> list[object]:
    """Return the values that Hydra reads in an override: one, or those of a sweep."""
    parsed = OverridesParser.create().parse_override(override)
    if not parsed.is_sweep_override():
        return [parsed.value()]
    return [getattr(each, "text", each) for each in parsed.sweep_iterator()]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_and_a_study_may_have_any_name(name: str, home: Path) -> None:
    (home / name).mkdir()
    config = compose_config([f"data.root={name}", f"study={name}"])
    assert (config.data.root, config.study) == (name, name)
    assert read_arguments("fmask train", [f"study={name}"], "").overrides == sys.argv[1:] == [as_hydra(f"study={name}")]


def test_the_home_folder_is_expanded(home: Path) -> None:
    (home / "photos").mkdir()
    assert compose_config(["data.root=~/photos"]).data.root == str(home / "photos")
    assert as_hydra("weights=~/x.h5,none") == f"weights={home}/x.h5,none"
    assert values(as_hydra("study=~/photos")) == ["~/photos"]  # a name, not a path
    assert resumed_run(["resume=~/outputs/1"]) == f"{home}/outputs/1"


@pytest.mark.parametrize(
    "override",
    ["steps=1,2", "study=glob(*)", "study=choice(a,b)", "study='ä'", "data.root=null", "weights=coco", "aug=blur",
     "study=${oc.env:HOME}", "lr=tag(log,interval(1e-4,1e-2))", "hydra.run.dir=x", "study=glob(", "~lr"],
)  # fmt: skip
def test_what_hydra_reads_is_not_changed(override: str) -> None:
    assert as_hydra(override) == override


def test_a_sweep_over_names_with_any_characters(home: Path) -> None:
    assert values(as_hydra("data.root=größe,it's,b")) == ["größe", "it's", "b"]
    for name in ("größe", "photos (2)"):
        (home / name).mkdir()
    check_sweep(conf_folder(), "sweep", [as_hydra("data.root=größe,photos (2)"), "seed=1,2"])


@pytest.mark.parametrize("program", ["fmask train", "fmask sweep"])
def test_a_path_with_a_comma_must_be_quoted_and_the_message_says_how(program: str, home: Path) -> None:
    (home / "a,b").mkdir()
    message = refusal(lambda: read_arguments(program, ["data.root=a,b"], ""))
    assert message.endswith(f"but a,b is one path; type {program} 'data.root=\"a,b\"' for it.")
    assert read_arguments(program, ['data.root="a,b"'], "").overrides == ['data.root="a,b"']
    assert compose_config(['data.root="a,b"']).data.root == "a,b"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config-name", "smoke"], "--config-name smoke: fmask has no option --config-name; choose a file of "
         "conf/experiment/ with experiment=smoke."),
        (["--config-dir", "x"], "--config-dir x: fmask has no option --config-dir; the files are in"),
        (["--steps", "50"], "there is no option --steps; settings are written without hyphens, as steps=VALUE."),
        (["--batch-size=4"], "there is no option --batch-size; settings are written without hyphens, as batch_size=4."),
        (["--cfg", "nothing"], "--help lists the options and settings."),
    ],
)  # fmt: skip
def test_options_that_fmask_does_not_have(arguments: list[str], message: str) -> None:
    assert message in refusal(lambda: read_arguments("fmask train", arguments, ""))
