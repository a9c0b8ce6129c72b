"""Learning curves: points by the number of training photos, and the gain of the last doubling."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fmask import cli
from fmask.studies import Study, StudyRun, read_runs, tabulate, write_runs
from fmask.studies.curve import curve_notes, learning_curves
from fmask.studies.runs import settings_of
from fmask.utils.errors import UserError
from tests.helpers.fabricated import PHOTOS, run, study

PHOTO_COUNTS = {"0.25": 100, "0.5": 201, "1.0": 400}
OUTCOMES = {"0.25": "m" * 20 + "f" * 20, "0.5": "m" * 12 + "f" * 28, "1.0": "m" * 4 + "f" * 36}


def shared(number: int, share: str, seed: int, **params: Any) -> StudyRun:
    """Return a run on a share of the training photos; the settings are as read from MLflow."""
    made = run(number, OUTCOMES[share][seed:] + "m" * seed, seed=seed, **params)
    settings = settings_of({**made.params, "data.share": share, "data.share_seed": "0"})
    data = PHOTOS if share == "1.0" else {**PHOTOS, "train": f"photos@{share}", "train_whole": PHOTOS["train"]}
    return replace(made, params=settings, data=data, train_photos=PHOTO_COUNTS[share])


def runs(**params: Any) -> list[StudyRun]:
    order = [(share, seed) for seed in (0, 1) for share in ("1.0", "0.25", "0.5")]
    return [shared(number, share, seed, **params) for number, (share, seed) in enumerate(order, start=1)]


def test_shares_are_rows_of_one_table() -> None:
    (table,) = tabulate(study(runs()))
    assert (table.columns, [row.settings for row in table.rows]) == (("share",), [("1",), ("0.25",), ("0.5",)])
    assert [row.train_photos for row in table.rows] == [400, 100, 201]


def test_the_whole_of_the_training_photos_is_no_setting() -> None:
    params = {"lr": "0.1", "data.share": "1.0", "data.share_seed": "7"}
    assert settings_of(params) == {"lr": "0.1"}, "as in runs of versions without data.share"
    part = {**params, "data.share": "0.5"}
    assert settings_of(part) == part
    assert "data.share_seed" not in settings_of({**part, "data.share_seed": "0"})


def test_the_gain_is_that_of_the_last_doubling() -> None:
    found = learning_curves(study(runs()))
    (curve,) = found.curves
    assert [(point.photos, point.row, point.seeds) for point in curve.points] == [(100, 2, 2), (201, 3, 2), (400, 1, 2)]
    assert [point.score.value for point in curve.points] == [row.accuracy.value for row in (
        found.table.rows[1], found.table.rows[2], found.table.rows[0])]  # fmt: skip
    (table,) = tabulate(study(runs()), baseline=3)
    assert curve.gain == table.rows[0].comparison
    sentence, meaning = curve_notes(found)
    assert sentence == (
        "The last doubling of the training photos, from 201 to 400, changed the accuracy by "
        f"{curve.gain.difference:+.3f} (95 % interval {curve.gain.low:+.3f} to {curve.gain.high:+.3f})."
    )
    assert meaning == ("Intervals are for other test photos and other seeds. The curve says nothing about more photos.")


def test_intervals_of_one_seed_are_not_for_other_seeds() -> None:
    one = curve_notes(learning_curves(study([each for each in runs() if each.params["seed"] == "0"])))
    assert one[0].endswith("(one seed, so without an interval).")
    assert one[1].startswith("Intervals are for other test photos, not for other seeds. ")
    some = curve_notes(learning_curves(study(runs()[:4])))
    assert some[1].startswith("Intervals are for other test photos, and for other seeds where there are several. ")


def test_a_step_that_is_no_doubling_is_not_called_one() -> None:
    (curve,) = (found := learning_curves(study([each for each in runs() if each.train_photos != 201]))).curves
    assert (curve.first.photos, curve.is_doubling) == (100, False)
    assert curve_notes(found)[0].startswith("The last step, from 100 to 400, changed")


def test_without_a_doubling_the_last_point_is_compared_with_the_one_before() -> None:
    counts = {100: 150, 201: 300, 400: 400}  # 400 is nearer to twice 150 than to twice 300
    found = learning_curves(study([replace(each, train_photos=counts[int(each.train_photos or 0)]) for each in runs()]))
    assert (found.curves[0].first.photos, found.curves[0].is_doubling) == (300, False)
    assert curve_notes(found)[0].startswith("The last step, from 300 to 400, changed")


def test_settings_and_draws_have_curves_of_their_own() -> None:
    both = [*runs(aug="none"), *(replace(each, id=f"b{each.id}") for each in runs(aug="blur"))]
    assert [each.name for each in learning_curves(study(both)).curves] == ["aug=none", "aug=blur"]
    again = [
        replace(each, id=f"c{each.id}", params={**each.params, "data.share_seed": "5"})
        for each in runs()
        if "data.share" in each.params
    ]
    drawn = learning_curves(study([*runs(), *again])).curves
    assert [[point.photos for point in each.points] for each in drawn] == [[100, 201, 400]] * 2


def test_the_command_writes_the_curve(tmp_path: Path) -> None:
    write_runs(study(runs()), tmp_path / "runs.csv")
    assert read_runs(tmp_path / "runs.csv") == study(runs())
    options = ["--figure", str(tmp_path / "curve.png"), "--csv", str(tmp_path / "curve.csv")]
    shown = CliRunner().invoke(cli.app, ["curve", "--from", str(tmp_path / "runs.csv"), *options])
    assert shown.exit_code == 0, shown.exception
    assert "- The last doubling of the training photos, from 201 to 400, changed the accuracy by +0." in shown.output
    lines = (tmp_path / "curve.csv").read_text().splitlines()
    assert [line.split(",")[1:4] for line in lines[1:]] == [["2", "100", "2"], ["3", "201", "2"], ["1", "400", "2"]]
    assert (tmp_path / "curve.png").stat().st_size > 10_000


def test_studies_without_a_curve_are_refused() -> None:
    with pytest.raises(
        UserError, match=r"The study 'report' has no runs with different data.share; `fmask sweep study"
    ):
        learning_curves(Study("report", tuple(run(n, "fm", aug=aug) for n, aug in enumerate(("none", "blur")))))
    with pytest.raises(UserError, match=r"--score must be one of accuracy, not mask_ap50."):
        learning_curves(study(runs()), "mask_ap50")
    with pytest.raises(UserError, match=r"no setting with two different data\.share"):
        learning_curves(study([replace(each, train_photos=None) for each in runs()]))
