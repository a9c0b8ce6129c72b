"""Plans of studies: the planned size has the planned power in simulated studies, and bad questions are refused."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fmask import cli
from fmask.studies import Question, Study, plan, read_runs
from fmask.studies.power_output import plan_notes
from fmask.studies.spread import spread
from fmask.studies.statistics import Difference, rate_difference
from fmask.studies.variances import Variances
from fmask.utils.errors import UserError

RUNS = Path(__file__).parents[2] / "experiments/report_table/runs.csv"
WORLD = Variances(photos=0.15, seeds=0.002, rest=0.1)


def simulate(seeds: int, photos: int, folds: int | None, shift: float, studies: int = 1500) -> Difference:
    """Draw studies of two settings from WORLD, with normal scores in place of shares of objects."""
    rng = np.random.default_rng(5)
    fold_of = np.zeros(photos, int) if folds is None else np.arange(photos) % folds
    settings = []
    for sign in (-0.5, 0.5):
        suits = rng.normal(0, np.sqrt(WORLD.photos / 2), (studies, 1, photos))
        luck = rng.normal(0, np.sqrt(WORLD.seeds), (studies, seeds, folds or 1))[..., fold_of]
        rest = rng.normal(0, np.sqrt(WORLD.rest), (studies, seeds, photos))
        settings.append(suits + luck + rest + sign * shift)
    return rate_difference(settings[0], settings[1], folds=None if folds is None else fold_of)


@pytest.mark.parametrize(("seeds", "folds", "low", "high"), [(3, None, 0.72, 0.88), (5, 5, 0.76, 0.84), (1, 5, 0.7, 1)])
def test_a_study_of_the_planned_size_has_the_planned_power(
    seeds: int, folds: int | None, low: float, high: float
) -> None:
    question = Question(difference=0.15)
    photos = WORLD.photos_needed(question, seeds, folds)
    assert photos is not None
    power = np.mean(simulate(seeds, photos, folds, 0.15).p() < 0.05)
    assert low <= power <= high
    half = np.mean(simulate(seeds, max(photos // 2, 5), folds, 0.15).p() < 0.05)
    assert half < power - 0.05


def test_variances_are_estimated_without_bias() -> None:
    rng = np.random.default_rng(3)
    seeds, photos, studies = 3, 40, 2000
    deviations = []
    for _ in range(2):
        scores = rng.normal(0, np.sqrt(WORLD.photos / 2), (studies, 1, photos))
        scores = scores + rng.normal(0, np.sqrt(WORLD.seeds), (studies, seeds, 1))
        scores = (scores + rng.normal(0, np.sqrt(WORLD.rest), (studies, seeds, photos))) / photos
        deviations.append(scores - scores.mean(axis=(-2, -1), keepdims=True))
    estimated = spread(deviations, np.ones((studies, photos)))
    expected = WORLD.spread(seeds, np.array(photos), None)
    assert np.mean(estimated.photos) == pytest.approx(expected.photos, rel=0.05)
    assert np.mean(sum(estimated.seeds)) == pytest.approx(sum(expected.seeds), rel=0.05)
    assert np.mean(estimated.rest) == pytest.approx(expected.rest, rel=0.05)
    assert estimated.degrees_of_freedom[1] == expected.degrees_of_freedom[1]


def test_seeds_that_differ_too_much_are_reported() -> None:
    unstable = Variances(photos=0.1, seeds=0.01, rest=0.1)
    assert unstable.photos_needed(Question(0.05), 3, None) is None
    assert unstable.reason(Question(0.05), 3, None).startswith("not with 3 seeds: seeds differ too much")
    assert unstable.reason(Question(0.05), 1, None).startswith("not with 1 seed: one run")
    assert Variances(0.1, 0, 0).reason(Question(0.0001), 3, None) == "more than 100000 photos"


def test_the_plan_of_the_committed_study() -> None:
    study = read_runs(RUNS)
    planned = plan(study, Question(0.1))
    assert (planned.photos, planned.objects) == (9, 18)
    assert [(size.folds, size.seeds) for size in planned.sizes] == [
        *((None, 1), (None, 3), (None, 5)),
        *((5, 1), (5, 3), (5, 5)),
    ]
    last, harder = planned.sizes[-1], plan(study, Question(0.1, comparisons=8)).sizes[-1]
    assert last.photos is not None
    assert harder.photos is not None
    assert harder.photos > last.photos
    assert last.objects == 2 * last.photos
    assert (last.runs, harder.runs) == (2 * 25, 9 * 25)
    assert "'report_table' (9 photos, 18 objects" in " ".join(plan_notes(planned))


@pytest.mark.parametrize("difference", [0, 1, -0.1, float("nan")])
def test_a_difference_out_of_its_range_is_refused(difference: float) -> None:
    with pytest.raises(UserError, match="--difference must be between 0 and 1"):
        Question(difference)


def test_power_and_comparisons_out_of_their_ranges_are_refused() -> None:
    with pytest.raises(UserError, match=r"--power must be at least 0\.5 and below 1, not 1"):
        Question(power=1)
    with pytest.raises(UserError, match="--comparisons must be at least 1, not 0"):
        Question(comparisons=0)


def test_studies_that_show_no_variances_are_refused() -> None:
    runs = read_runs(RUNS).runs
    with pytest.raises(UserError, match="no finished run with test scores"):
        plan(Study("s", ()), Question())
    with pytest.raises(UserError, match="has a single scored run"):
        plan(Study("s", runs[:1]), Question())
    later = replace(runs[0], id="later", started=runs[0].started + timedelta(1), params={**runs[0].params, "seed": "9"})
    with pytest.raises(UserError, match="has a single setting"):
        plan(Study("s", (runs[0], later)), Question())
    other = replace(later, params={**runs[0].params, "lr": "0.5"})
    with pytest.raises(UserError, match="has one seed for each setting"):
        plan(Study("s", (runs[0], other)), Question())
    with pytest.raises(UserError, match="The baseline must be a row from 1 to 2, not 3"):
        plan(Study("s", (runs[0], other)), Question(), baseline=3)


def test_the_command_prints_the_plan_and_refuses_in_one_sentence() -> None:
    shown = CliRunner().invoke(cli.app, ["power", "--from", str(RUNS), "--difference", "0.1", "--confidence", "0.5"])
    assert shown.exit_code == 0, shown.exception
    rows = [line.split() for line in shown.output.splitlines() if re.match(r" +[-5] +[135] ", line)]
    assert [row[:2] for row in rows] == [["-", "1"], ["-", "3"], ["-", "5"], ["5", "1"], ["5", "3"], ["5", "5"]]
    assert int(rows[1][3]) == 2 * int(rows[1][2])  # two objects in a photo
    refused = CliRunner().invoke(cli.app, ["power", "--from", str(RUNS), "--difference", "2"])
    assert isinstance(refused.exception, UserError)
    assert str(refused.exception) == "--difference must be between 0 and 1, such as 0.05, not 2."
