"""The report on a data set: counts, faults and leaks."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from rich.console import Console
from typer.testing import CliRunner

from fmask import cli
from fmask.data.check import Report, check, print_report
from fmask.data.paths import ANNOTATIONS
from fmask.utils.errors import UserError


def picture(seed: int, width: int = 96, height: int = 64) -> Image.Image:
    """Return soft blobs that differ between seeds as much as two photos do."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def save_split(folder: Path, pictures: dict[str, Image.Image], label: str = "mask") -> None:
    folder.mkdir(parents=True)
    shape = {"name": "rect", "x": 10, "y": 20, "width": 30, "height": 30}
    region = {"shape_attributes": shape, "region_attributes": {"fmask": label}}
    entries = {}
    for name, image in pictures.items():
        image.save(folder / name)
        entries[name] = {"filename": name, "size": -1, "regions": [region]}
    (folder / ANNOTATIONS).write_text(json.dumps(entries))


def text(report: Report, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_report(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_correct_data_set_is_clean(tmp_path: Path) -> None:
    save_split(tmp_path / "train", {"a.png": picture(1), "b.png": picture(2)})
    save_split(tmp_path / "test", {"c.png": picture(3)}, label="hat")
    report = check(tmp_path)
    assert report.is_clean
    lines = [line.split() for line in text(report).splitlines()]
    assert ["train", "photos", "2", "64", "80", "96"] in lines
    assert ["mask", "2", "30", "30", "30"] in lines
    assert ["hat", "1", "30", "30", "30"] in lines
    assert ["0", "faults,", "0", "leaks."] in lines


def test_a_single_split_can_be_checked(tmp_path: Path) -> None:
    save_split(tmp_path / "mine", {"a.png": picture(1)})
    assert [split.name for split in check(tmp_path / "mine").splits] == ["mine"]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_copy_in_another_split_is_a_leak(tmp_path: Path, mirrored: bool) -> None:
    copy = picture(1).resize((60, 40))
    save_split(tmp_path / "train", {"a.png": picture(1), "b.png": picture(2)})
    save_split(tmp_path / "test", {"copy.jpg": ImageOps.mirror(copy) if mirrored else copy, "c.png": picture(3)})
    report = check(tmp_path)
    assert [(pair.first, pair.second, pair.mirrored, pair.leak) for pair in report.duplicates] == [
        ("test/copy.jpg", "train/a.png", mirrored, True)
    ]
    assert not report.is_clean
    assert "1 leak." in text(report)
    assert ("mirrored" in text(report)) == mirrored


def test_a_copy_in_the_same_split_is_a_note(tmp_path: Path) -> None:
    save_split(tmp_path / "train", {"a.png": picture(1), "b.png": picture(1)})
    report = check(tmp_path)
    assert [pair.leak for pair in report.duplicates] == [False]
    assert report.is_clean
    assert "in the same split" in text(report)


def test_a_truncated_photo_is_a_fault(tmp_path: Path) -> None:
    save_split(tmp_path / "train", {"a.jpg": picture(1), "b.jpg": picture(2)})
    whole = (tmp_path / "train" / "a.jpg").read_bytes()
    (tmp_path / "train" / "a.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    report = check(tmp_path)
    assert [(fault.kind, fault.file) for _, fault in report.faults] == [("unreadable photo", "a.jpg")]
    assert [photo.name for photo in report.splits[0].photos] == ["b.jpg"]
    assert not report.is_clean


def test_all_of_many_faults_are_printed(tmp_path: Path) -> None:
    save_split(tmp_path / "train", {"a.png": picture(1)})
    names = [f"a photo with [red]quite[red] a long name {number:03}.png" for number in range(120)]
    for name in names:
        (tmp_path / "train" / name).touch()
    printed = "".join(text(check(tmp_path), width=60).split())
    assert all(f"train/{name}".replace(" ", "") in printed for name in names)
    assert "unlistedphoto(120)" in printed


def test_notes_are_printed_but_are_not_faults(tmp_path: Path) -> None:
    save_split(tmp_path / "train", {"grey.png": picture(1).convert("L")})
    report = check(tmp_path)
    assert report.is_clean
    assert "colour conversion (1): converted to 8-bit RGB" in text(report)


def test_the_exit_status_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_split(tmp_path / "train", {"a.png": picture(1)})
    clean = CliRunner().invoke(cli.app, ["check", str(tmp_path)])
    assert clean.exit_code == 0
    (tmp_path / "train" / "extra.png").touch()
    faulty = CliRunner().invoke(cli.app, ["check", str(tmp_path)])
    assert faulty.exit_code == 1
    assert "extra.png" in faulty.output
    monkeypatch.setattr("sys.argv", ["fmask", "check", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit) as raised:
        cli.main()
    assert raised.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_empty_folder_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="via_region_data"):
        check(tmp_path)


def test_the_leaks_of_the_studys_photos(photos_root: Path) -> None:
    report = check(photos_root)
    assert {(pair.first, pair.second) for pair in report.duplicates if pair.leak} == {
        ("test/train55.jpg", "train/Untitled232.jpg"),
        ("val/Untitled048.jpg", "train/Untitled088.jpg"),
        ("val/Untitled050.jpg", "train/Untitled086.jpg"),
    }
    assert not any(fault.kind == "unreadable photo" for _, fault in report.faults)
