"""Photos are found by file, folder and pattern."""

from pathlib import Path

import pytest

from fmask.inference.inputs import find_photos
from fmask.utils.errors import UserError


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos and other files, one folder in another, as the working directory."""
    for name in ("b.JPG", "a.png", "notes.txt", "deep/c.jpeg", "deep/upload", "empty/readme.md"):
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
        (["**/*.jp*"], ["deep/c.jpeg"]),
        (["b.JPG", ".", "deep", "a.png"], ["b.JPG", "a.png", "deep/c.jpeg"]),
    ],
)
def test_each_photo_comes_once(site: Path, inputs: list[str], photos: list[str]) -> None:
    assert [path.as_posix() for path in find_photos(inputs)] == photos


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("gone.jpg", "there is no such photo, folder or pattern"),
        ("empty", "the folder has no photos; photos end in .bmp"),
        ("*.bmp", "the pattern matches no photo"),
    ],
)
def test_what_stands_for_nothing_is_named(site: Path, given: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as refusal:
        find_photos(["a.png", given])
    assert str(refusal.value).startswith(given)
