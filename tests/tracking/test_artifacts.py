"""What a single run is asked for: its curves, its end, its data, its files."""

from pathlib import Path

from fmask import tracking


def test_a_run_is_read_back_in_full(store: Path) -> None:
    with tracking.start({}, "report") as run:
        for epoch in (2, 1):
            run.log_epoch(epoch, {"loss": 2 / epoch})
        run.log_dataset("test", "photos", Path("data", "photos"), "cd" * 32, photos=9, objects={"mask": 9, "hat": 9})
        run.log_text("hello", "notes/first.txt")
        assert tracking.read_end(tracking.find_run(run.id)) is None
    info = tracking.find_run(run.id)
    assert tracking.read_history(info, ["loss", "gone"]) == {"loss": {1: 2.0, 2: 1.0}, "gone": {}}
    assert tracking.read_folders(info) == {"test": Path("data", "photos")}
    ended = tracking.read_end(info)
    assert ended is not None
    assert ended >= info.started


def test_files_are_fetched_and_added_after_the_end(store: Path) -> None:
    with tracking.start({}, "report") as run:
        run.log_text("hello", "notes/first.txt")
    info = tracking.find_run(run.id)
    assert tracking.download(info, "notes/second.txt") is None
    for text in ("draft", "final"):
        tracking.add_text(info, text, "notes/second.txt")
    second = tracking.download(info, "notes/second.txt")
    assert second is not None
    assert second.read_text() == "final"
    assert tracking.find_run(run.id).status == "FINISHED"
