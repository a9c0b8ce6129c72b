"""Each input gets an output that is no input and no other's output."""

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
    ],
)
def test_names_of_outputs(site: Path, inputs: list[str], output: str | None, expected: list[tuple[str, str]]) -> None:
    assert pairs(inputs, output) == expected


def test_a_folder_goes_into_a_folder_that_is_made(site: Path) -> None:
    made = [(f"deep/{name}.jpg", f"new/one/{name}_splash.jpg") for name in ("a", "c_splash")]
    assert pairs(["deep"], "new/one") == made
    assert (site / "new" / "one").is_dir()


def test_what_an_earlier_run_made_is_no_input(site: Path) -> None:
    (site / "deep" / "a_splash.jpg").touch()
    assert [source for source, _ in pairs(["deep"])] == ["deep/a.jpg", "deep/c_splash.jpg"]
    assert [source for source, _ in pairs(["deep/*.jpg"])] == ["deep/a.jpg", "deep/c_splash.jpg"]
    assert pairs(["deep/a_splash.jpg"]) == [("deep/a_splash.jpg", "deep/a_splash_splash.jpg")]


@pytest.mark.parametrize(
    ("inputs", "output", "said"),
    [
        (["gone.mp4"], None, "gone.mp4: there is no such video"),
        (["gone.jpg"], None, "gone.jpg: there is no such photo, folder or pattern"),
        (["a.jpg"], "a.jpg", "a.jpg is one of the inputs, which are never overwritten"),
        (["a.jpg"], "deep/../a.jpg", "is one of the inputs"),
        (["a.jpg", "deep/a.jpg"], "new", "new/a_splash.jpg would be made from both a.jpg and deep/a.jpg"),
        (["a.jpg"], "a.pdf", "a.pdf: photos end in .bmp, .*, not in .pdf"),
        (["a.jpg"], "new", "new: photos end in .*, not in a bare name"),
        (["clip.mov"], "clip.jpg", "clip.jpg: videos are written as .mp4, .*, not as .jpg"),
        (["a.jpg"], "gone/a.jpg", "gone/a.jpg: there is no folder gone"),
        (["a.jpg", "b.PNG"], "upload", "upload cannot be made a folder: File exists"),
        (["a.jpg", "b.PNG"], "upload/new", "upload/new cannot be made a folder: Not a directory"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_made(
    site: Path, inputs: list[str], output: str | None, said: str
) -> None:
    before = sorted(site.rglob("*"))
    with pytest.raises(UserError, match=said):
        pairs(inputs, output)
    assert sorted(site.rglob("*")) == before
