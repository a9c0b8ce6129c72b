"""A training on leaves with objects that are annotated as a parent, and everything that its hierarchy travels with."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fmask import studies, tracking
from fmask.cli import app
from fmask.config.compose import compose_config
from fmask.data.open import open_dataset
from fmask.inference.description import describe_network
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.weights.metadata import read_metadata
from fmask.structures.hierarchy import leaf_ids
from fmask.training.train import train
from fmask.utils.errors import UserError

CLASSES = ("surgical", "respirator", "hard_hat", "beanie", "brimmed")
HIERARCHY = {"mask": ("surgical", "respirator"), "hat": ("hard_hat", "beanie", "brimmed")}
FINE = [
    *("experiment=smoke", "onnx=false", "epochs=1", "steps=1", "val_steps=0"),
    *("classes=fine", f"data.classes=[{','.join(CLASSES)}]"),
    "data.hierarchy={mask: [surgical, respirator], hat: [hard_hat, beanie, brimmed]}",
    "data.map={cap: hat, cloth: mask}",
]
"""Of the drawn kinds, caps and cloth masks are annotated as their parents."""


def fmask(*words: str) -> str:
    result = CliRunner().invoke(app, [*words], catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return result.output


@pytest.mark.usefixtures("eagerly")
def test_a_network_of_leaves_learns_from_parents_and_is_scored_at_both(store: Path) -> None:
    fine, coarse = (open_dataset(compose_config(each).data) for each in (FINE, ["experiment=smoke", "data=rendered"]))
    counts = fine.splits["train"].objects_of()
    assert set(counts) == {*CLASSES, "mask", "hat"}
    assert fine.splits["train"].objects == coarse.splits["train"].objects == sum(counts.values())
    assert min(counts["mask"], counts["hat"]) > 0

    result = train(FINE, Path("out"))
    assert list(result.scores) == ["val", "val_parents", "test", "test_parents"]
    assert {"test/parents/accuracy", "val/parents/mask_ap50", "test/parents/mask_ap50_hat"} <= set(result.metrics)
    assert all(map(tracking.is_metric, (name for name in result.metrics if "/parents/" in name)))
    outcomes = {name: scores[0.5].outcomes for name, scores in result.scores.items()}
    assert outcomes["test_parents"].classes == ("mask", "hat")
    assert len(outcomes["test_parents"].objects) == coarse.splits["test"].objects > len(outcomes["test"].objects)

    run = tracking.find_run(result.run_id)
    assert run.datasets["test_parents"] == f"rendered@{coarse.digests()['test'][:16]}" != run.datasets["test"]
    logged = tracking.read_json(run, "scores/test_parents_at_0.5.json")
    assert logged is not None
    assert logged["class_matrix"]["labels"] == ["background", "mask", "hat"]
    assert json.loads(run.params["data.hierarchy"]) == {name: list(leaves) for name, leaves in HIERARCHY.items()}
    (own,), (above,) = (studies.collect("fmask", parents=parents).runs for parents in (False, True))
    assert own.data == {split: run.datasets[split] for split in ("train", "val", "test")}
    assert above.data == {split: f"rendered@{each[:16]}" for split, each in coarse.digests().items()}
    assert [len(each.scores[0.5].outcomes) for each in (own, above)] == [
        len(outcomes[name].objects) for name in ("test", "test_parents")
    ]
    assert above.val_mask_ap50 == result.metrics["val/parents/mask_ap50"]
    _check_travels(run)


def _check_travels(run: tracking.RunInfo) -> None:
    """Check that the weight file, the MLflow model and the commands know the hierarchy."""
    import mlflow

    assert read_metadata(Path("out/last.h5")).hierarchy == HIERARCHY
    assert KerasPredictor.load(Path("out/last.h5")).network.groups == leaf_ids(CLASSES, HIERARCHY)
    assert describe_network(Path("out/last.h5")).hierarchy == HIERARCHY
    assert "hierarchy mask: surgical, respirator; hat: hard_hat, beanie, brimmed" in " ".join(
        fmask("show", "out").split()
    )
    metadata = mlflow.models.get_model_info(f"runs:/{run.id}/model").metadata
    assert metadata is not None
    assert metadata["hierarchy"] == {name: list(each) for name, each in HIERARCHY.items()}

    (coarse,) = (each for each in Path("data").iterdir() if not each.name.endswith("-kinds"))
    shown = fmask("evaluate", "out", str(coarse))
    missed = [line.split("│")[2].strip() for line in shown.splitlines() if "│ missed" in line]
    assert (shown.index("Leaves: ") < shown.index("Parents: "), missed[0]) == (True, "0")
    assert int(missed[1]) > 0
    fmask("report", run.id, "-o", "page.html")
    page = Path("page.html").read_text()
    assert "at the parents: mask, hat" in page
    assert "Parents: annotated in rows, detected in columns" in page


def test_networks_without_a_hierarchy_are_described_as_before(store: Path) -> None:
    """The description is part of the weight file, whose digest identifies it."""
    from tests.helpers.networks import tiny

    KerasPredictor(tiny(), 64, True, ("mask", "hat")).save(Path("plain.h5"))
    metadata = read_metadata(Path("plain.h5"))
    assert metadata.hierarchy == {}
    assert "hierarchy" not in metadata.to_json()
    assert "hierarchy" not in fmask("show", "plain.h5")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.hierarchy={hat: [cap]}"], "data.hierarchy: hat is a parent, so data.classes must list its leaves cap "),
        (["data.hierarchy=hat"], "data.hierarchy is hat; it must be parents and lists of their leaves, as in "),
        (
            ["classes=fine", "data.map={cap: glove}"],
            "data.map: cap must be one of surgical, cloth, respirator, hard_hat",
        ),
        (["classes=fine", "data.map={helm: hat}"], "no region has the `kind` 'helm'; they have "),
        (
            ["data.classes=null", "data.hierarchy={head: [hat, cap]}"],
            "data.hierarchy: cap, a leaf of head, is none of ",
        ),
    ],
)
def test_mistakes_are_one_sentence(store: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError) as raised:
        open_dataset(compose_config(["experiment=smoke", *overrides]).data)
    assert message in str(raised.value)
    assert str(raised.value).count("\n") == 0
