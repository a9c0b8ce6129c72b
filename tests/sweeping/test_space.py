"""Search spaces in Hydra's syntax, and the mistakes that are refused."""

import re
from typing import Any
from unittest.mock import Mock

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from fmask.sweeping import space
from fmask.utils.errors import UserError


def split(overrides: list[str], entries: dict[str, Any] | None = None) -> tuple[list[space.Parameter], list[str]]:
    loader = Mock()
    loader.get_group_options.return_value = ["blur", "none", "sharpen"]
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(overrides)
    return space.split(parsed, entries or {}, loader)


def distributions(parameters: list[space.Parameter]) -> dict[str, Any]:
    trial = optuna.create_study().ask()
    space.suggest(parameters, trial)
    return trial.distributions


def test_hydras_sweeps_become_distributions() -> None:
    parameters, fixed = split(
        ["aug=choice(none,blur)", "lr=tag(log,interval(1e-4,1e-2))", "n=range(4,17,4)", "w=int(interval(0,9))",
         "recipe=glob(*,exclude=none)", "epochs=3", "d=interval(0,1)"]
    )  # fmt: skip
    assert fixed == ["epochs=3"]
    found = distributions(parameters)
    assert found["aug"].choices == ("none", "blur")
    assert (found["lr"].low, found["lr"].high, found["lr"].log) == (1e-4, 1e-2, True)
    assert (found["n"].low, found["n"].high, found["n"].step) == (4, 16, 4)
    assert isinstance(found["w"], optuna.distributions.IntDistribution)
    assert found["recipe"].choices == ("blur", "sharpen")
    assert not found["d"].log


def test_a_repeated_choice_is_one_choice() -> None:
    (parameter,), _ = split(["aug=choice(none,blur,none)"])
    assert parameter.choices == ("none", "blur")


def test_steps_of_a_range_have_no_rounding_errors() -> None:
    (parameter,), _ = split(["lr=range(0.1,0.5,0.1)"])
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert {parameter.suggest(study.ask()) for _ in range(50)} == {"0.1", "0.2", "0.3", "0.4"}


@pytest.mark.parametrize("twice", [["lr=1e-3,1e-4", "lr=1e-2"], ["lr=1e-2", "lr=interval(0,1)"]])
def test_a_key_with_several_values_is_given_once(twice: list[str]) -> None:
    with pytest.raises(
        UserError, match=r"lr is given more than once, as lr=.* and lr=.*; give all its values together"
    ):
        split(twice)
    assert split(["seed=1,2", "lr=1", "lr=2"])[1] == ["lr=1", "lr=2"]  # the last value counts, as in Hydra


def test_a_value_survives_its_conversion_to_text() -> None:
    trial = optuna.create_study().ask()
    (parameter,), _ = split(["lr=tag(log,interval(1e-4,1e-2))"])
    assert float(parameter.suggest(trial)) == trial.params["lr"]


def test_a_condition_decides_whether_a_parameter_exists() -> None:
    entries = {
        "optim": "choice(sgd,adamw)",
        "decay": {"values": "interval(0,1)", "when": "optim=adamw"},
    }
    parameters, _ = split([], entries)
    for optim, keys in (("sgd", {"optim"}), ("adamw", {"optim", "decay"})):
        study = optuna.create_study()
        study.enqueue_trial({"optim": optim})
        assert set(space.suggest(parameters, study.ask())) == keys
    jobs = space.probes(parameters, ["epochs=3"])
    assert ["epochs=3", "optim=adamw", "decay=1.0"] in jobs
    assert ["epochs=3", "optim=sgd"] in jobs


def test_the_command_line_overrides_yaml() -> None:
    entries = {"lr": "interval(0,1)", "n": "range(1,3)"}
    parameters, fixed = split(["lr=0.5", "n=range(1,9)"], entries)
    assert fixed == ["lr=0.5"]
    assert [parameter.text for parameter in parameters] == ["range(1,9)"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"lr": "0.1"}, "lr=0.1 must be choice(...), range("),
        ({"lr": "tag(log,interval(0,1))"}, "two positive ends"),
        ({"lr": "interval(1"}, "'lr=interval(1' is not a valid override"),
        ({"lr": {"when": "a=b"}}, "lr must have values and may have when, not {'when': 'a=b'}"),
        ({"lr": {"values": "interval(0,1)", "when": "optim=sgd"}}, "must be a parameter above it"),
        ({"aug": "glob(x*)"}, "aug=glob(x*) has no values"),
    ],
)
def test_an_invalid_space_is_refused(entries: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        split([], entries)
