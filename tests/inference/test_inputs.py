"""Search for photos by file, folder and pattern."""

from pathlib import Path

import pytest

from fmask.inference.inputs import find_photos
from fmask.utils.errors import UserError


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with photos, other files and subfolders."""
    for name in (
        "b.JPG",
        "a.png",
        "notes.txt",
        "deep/c.jpeg",
        "deep/upload",
        "empty/readme.md",
        "._a.png",
        "deep/._c.jpeg",
    ):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("inputs", "photos"),
    [
        (["."], ["a.png", "b.JPG"]),
        (["deep/upload"], ["deep/upload"]),
        (["._a.png"], ["._a.png"]),
        (["**/*.jp*"], ["deep/c.jpeg"]),
        (["b.JPG", ".", "deep", "a.png"], ["b.JPG", "a.png", "deep/c.jpeg"]),
    ],
)
def test_each_photo_is_found_once(site: Path, inputs: list[str], photos: list[str]) -> None:
    assert [path.as_posix() for path in find_photos(inputs)] == photos


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.jpg", "there is no such photo, folder or pattern"),
        ("empty", "the folder has no photos; photos end in .bmp"),
        ("*.bmp", "the pattern matches no photo"),
        ("._*", "the pattern matches no photo"),
    ],
)
def test_inputs_without_photos_are_refused(site: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        find_photos(["a.png", name])
    assert str(refused.value).startswith(name)
