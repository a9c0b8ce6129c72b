"""Each input gets its own output, which is never an input."""

from pathlib import Path

import pytest

from fmask.apps.splash.targets import find_targets
from fmask.utils.errors import UserError


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.jpg", "b.PNG", "upload", "clip.mov", "old.avi", "deep/a.jpg", "deep/c_splash.jpg", "9.png"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pairs(inputs: list[str], output: str | None = None) -> list[tuple[str, str]]:
    targets = find_targets(inputs, None if output is None else Path(output))
    return [(str(target.source), target.output.as_posix()) for target in targets]


@pytest.mark.parametrize(
    ("inputs", "output", "expected"),
    [
        (["a.jpg"], None, [("a.jpg", "a_splash.jpg")]),
        (["deep/a.jpg", "b.PNG"], None, [("deep/a.jpg", "deep/a_splash.jpg"), ("b.PNG", "b_splash.PNG")]),
        (["upload"], None, [("upload", "upload_splash.jpg")]),
        (["clip.mov", "old.avi"], None, [("clip.mov", "clip_splash.mov"), ("old.avi", "old_splash.mp4")]),
        (["0"], None, [("0", "camera0_splash.mp4")]),
        (["0"], "door.mkv", [("0", "door.mkv")]),
        (["a.jpg"], "out.png", [("a.jpg", "out.png")]),
        (["a.jpg"], "deep", [("a.jpg", "deep/a_splash.jpg")]),
        (["a.jpg", "clip.mov", "a.jpg"], "new", [("a.jpg", "new/a_splash.jpg"), ("clip.mov", "new/clip_splash.mov")]),
        (["9.png"], None, [("9.png", "9_splash.png")]),
        (["*.mov", "b*"], None, [("clip.mov", "clip_splash.mov"), ("b.PNG", "b_splash.PNG")]),
        (["rtsp://me:pw@gate.local:554/1"], None, [("rtsp://me:pw@gate.local:554/1", "camera_gate.local_splash.mp4")]),
        (["http://gate.local/mjpg"], "door.mkv", [("http://gate.local/mjpg", "door.mkv")]),
    ],
)
def test_names_of_outputs(site: Path, inputs: list[str], output: str | None, expected: list[tuple[str, str]]) -> None:
    assert pairs(inputs, output) == expected


def test_the_output_folder_of_a_folder_is_created(site: Path) -> None:
    expected = [(f"deep/{name}.jpg", f"new/one/{name}_splash.jpg") for name in ("a", "c_splash")]
    assert pairs(["deep"], "new/one") == expected
    assert (site / "new" / "one").is_dir()


def test_a_folder_stands_for_its_photos_and_videos(site: Path) -> None:
    assert [source for source, _ in pairs(["."])] == ["9.png", "a.jpg", "b.PNG", "clip.mov", "old.avi"]


def test_outputs_of_an_earlier_run_are_skipped(site: Path) -> None:
    (site / "deep" / "a_splash.jpg").touch()
    assert [source for source, _ in pairs(["deep"])] == ["deep/a.jpg", "deep/c_splash.jpg"]
    assert [source for source, _ in pairs(["deep/*.jpg"])] == ["deep/a.jpg", "deep/c_splash.jpg"]
    assert pairs(["deep/a_splash.jpg"]) == [("deep/a_splash.jpg", "deep/a_splash_splash.jpg")]


@pytest.mark.parametrize(
    ("inputs", "output", "message"),
    [
        (["gone.mp4"], None, "There is no video file gone.mp4"),
        (["gone.jpg"], None, "gone.jpg: there is no such photo, folder or pattern"),
        (["a.jpg"], "a.jpg", "a.jpg is an input and is not overwritten; choose another output with -o"),
        (["a.jpg"], "deep/../a.jpg", "is an input and is not overwritten"),
        (["a.jpg", "deep/a.jpg"], "new", "new/a_splash.jpg would be the output of both a.jpg and deep/a.jpg; process"),
        (["a.jpg"], "a.pdf", "an output photo must end in one of .bmp, .*, not a.pdf"),
        (["a.jpg"], "new", "an output photo must end in one of .*, not new"),
        (["clip.mov"], "clip.jpg", "an output video must end in one of .mp4, .*, not clip.jpg"),
        (["a.jpg"], "gone/a.jpg", "gone/a.jpg cannot be written: the folder gone does not exist"),
        (["a.jpg", "b.PNG"], "upload", "The folder upload cannot be created: File exists"),
        (["a.jpg", "b.PNG"], "upload/new", "The folder upload/new cannot be created: Not a directory"),
    ],
)
def test_wrong_inputs_and_outputs_are_refused_and_nothing_is_created(
    site: Path, inputs: list[str], output: str | None, message: str
) -> None:
    before = sorted(site.rglob("*"))
    with pytest.raises(UserError, match=message):
        pairs(inputs, output)
    assert sorted(site.rglob("*")) == before
