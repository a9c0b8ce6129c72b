"""Names of metrics: those that runs log, and those of earlier versions."""

from pathlib import Path

from fmask import tracking
from fmask.model.mask_rcnn import LOSSES
from fmask.tracking.metric_names import logged_name, pick_scores


def test_names_have_the_place_in_front() -> None:
    assert tracking.epoch_metrics({"loss": 1, "val_loss": 2, "val_mask_ap50": 3, "cpu_seconds": 4}) == {
        "train/loss": 1,
        "val/loss": 2,
        "val/mask_ap50": 3,
        "train/cpu_seconds": 4,
    }
    assert ("loss", *LOSSES) == tracking.LOSSES
    assert pick_scores("val", {"accuracy": 0.5, "accuracy_low": 0.2, "found": 9}) == {"accuracy": 0.5}
    by_class = {"mask_ap50": 0.1, "mask_ap50_hard hat": 0.2, "mask_ap50_N95 (new)": 0.3, "mask_ap_hat": 0.4}
    picked = {"mask_ap50": 0.1, "mask_ap50_hard hat": 0.2, "mask_ap50_N95 _new_": 0.3}
    assert pick_scores("test", by_class) == picked
    assert all(tracking.is_metric(f"{place}/{name}") for place in ("test", "one/test") for name in picked)
    known = ("one/test/found", "val/loss", "train/cpu_seconds")
    unknown = ("found", "system/cpu", "one/test/loss", "test/accuracy_low", "/test/found", "test/loss")
    assert [tracking.is_metric(name) for name in (*known, *unknown)] == [True] * 3 + [False] * 6


def test_metrics_of_earlier_versions_have_present_names(store: Path) -> None:
    config = {"epochs": 2, "aug": {"name": "none"}}
    with tracking.start_run(config, "old") as run:
        for epoch in (1, 2):
            run.log_epoch(epoch, {"loss": 1 / epoch, "val_loss": 2 / epoch, "val_mask_ap50": epoch / 10})
        run.log_scores({"accuracy": 0.5, "precision_low": 0.1, "val/mask_ap50": 0.2, "one/test/accuracy": 0.4})
    with tracking.start_run({}, "other program") as other:
        other.log_scores({"loss": 1.0})
    old = tracking.find_run(run.id)
    assert old.metrics == {
        "train/loss": 0.5,
        "val/loss": 1.0,
        "val/mask_ap50": 0.2,
        "test/accuracy": 0.5,
        "test/precision_low": 0.1,
        "one/test/accuracy": 0.4,
    }
    assert tracking.read_history(old, ["train/loss", "val/mask_ap50", "val/box_ap50"]) == {
        "train/loss": {1: 1.0, 2: 0.5},
        "val/mask_ap50": {1: 0.1, 2: 0.2},
        "val/box_ap50": {},
    }
    assert tracking.find_run(other.id).metrics == {"loss": 1.0}
    assert logged_name("val/mask_ap50", ["val/mask_ap50"]) == "val/mask_ap50"
