"""Reading metric histories, end time, data folders and artifacts of a run."""

from pathlib import Path

from fmask import tracking


def test_history_end_time_and_data_folders(store: Path) -> None:
    with tracking.start_run({}, "report") as run:
        for epoch in (2, 1):
            run.log_epoch(epoch, {"loss": 2 / epoch})
        run.log_dataset("test", "photos", Path("data", "photos"), "cd" * 32, photos=9, objects={"mask": 9, "hat": 9})
        run.log_text("hello", "notes/first.txt")
        assert tracking.read_end_time(tracking.find_run(run.id)) is None
    info = tracking.find_run(run.id)
    assert tracking.read_history(info, ["loss", "gone"]) == {"loss": {1: 2.0, 2: 1.0}, "gone": {}}
    assert tracking.read_data_folders(info) == {"test": Path("data", "photos")}
    ended = tracking.read_end_time(info)
    assert ended is not None
    assert ended >= info.started


def test_artifacts_are_downloaded_and_added_after_the_end(store: Path) -> None:
    with tracking.start_run({}, "report") as run:
        run.log_text("hello", "notes/first.txt")
    info = tracking.find_run(run.id)
    assert tracking.download(info, "notes/second.txt") is None
    for text in ("draft", "final"):
        tracking.add_text(info, text, "notes/second.txt")
    second = tracking.download(info, "notes/second.txt")
    assert second is not None
    assert second.read_text() == "final"
    assert tracking.find_run(run.id).status == "FINISHED"
