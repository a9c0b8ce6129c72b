"""The command `fmask splash`, with a predictor that finds coloured squares."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from fmask.cli import app
from fmask.data.images import load_image
from fmask.data.paths import PHOTO_SUFFIXES
from fmask.inference import load
from fmask.structures.operating_point import Calibration, OperatingPoint
from fmask.utils.errors import SomeFailedError, UserError
from tests.helpers.films import HAT, ColourPredictor, frames_of, make_film, passing, scene, sound_of


@pytest.fixture
def predictor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ColourPredictor:
    """The predictor that every model name loads; the working directory is temporary."""
    predictor = ColourPredictor()
    monkeypatch.setattr(load, "load", lambda *_: predictor)
    monkeypatch.chdir(tmp_path)
    return predictor


def splash(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["splash", "model.h5", *arguments])


def save(path: Path, image: np.ndarray, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(image).save(path, exif=exif, quality=98)
    return path.read_bytes()


def names(folder: str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def is_coloured(image: np.ndarray, margin: int = 40) -> np.ndarray:
    return image.max(axis=-1).astype(int) - image.min(axis=-1) > margin


def test_the_option_outline_draws_outlines(predictor: ColourPredictor) -> None:
    save(Path("a.png"), scene((HAT, (8, 16, 40, 48))))
    assert splash("a.png", "--outline", "--class", "hat").exit_code == 0
    picture = np.array(Image.open("a_splash.png"))
    assert picture[8, 30].tolist() == [0xE6, 0x9F, 0x00]


def test_a_photo_is_grey_except_for_the_objects(predictor: ColourPredictor) -> None:
    before = save(Path("a.jpg"), scene((HAT, (8, 16, 40, 48))))
    result = splash("a.jpg")
    assert result.exit_code == 0, result.output
    assert result.output.endswith("a_splash.jpg: 1 photo\n")
    inside = np.zeros((48, 64), bool)
    inside[8:40, 16:48] = True
    assert np.mean(is_coloured(np.array(Image.open("a_splash.jpg"))) == inside) > 0.98
    assert Path("a.jpg").read_bytes() == before
    assert names() == ["a.jpg", "a_splash.jpg"]


def test_the_operating_point_decides_unless_a_confidence_is_given(predictor: ColourPredictor) -> None:
    save(Path("a.png"), scene((HAT, (8, 16, 40, 48))))
    make_film(Path("a.mkv"), lambda _: scene((HAT, (8, 16, 40, 48))), frames=2)
    predictor.operating_point = OperatingPoint("accuracy", {"mask": 0.5, "hat": 0.95}, Calibration(1, 0), 1, 1)
    for arguments, coloured in (((), False), (("--min-confidence", "0.9"), True)):
        assert splash("a.png", "a.mkv", "-o", "out", *arguments).exit_code == 0
        video = frames_of(Path("out/a_splash.mkv"))[0].image
        for picture in (np.array(Image.open("out/a_splash.png")), video):
            assert is_coloured(picture)[12:36, 20:44].all() == coloured


def test_a_photo_stored_sideways_comes_out_upright(predictor: ColourPredictor) -> None:
    save(Path("a.png"), scene((HAT, (0, 0, 20, 20))), orientation=6)
    splash("a.png", "-o", "b.png")
    with Image.open("b.png") as image:
        assert image.size == (48, 64)
        assert image.getexif().get(0x0112, 1) == 1
        assert is_coloured(np.array(image))[:20, -20:].all()


@pytest.mark.parametrize("ending", sorted(PHOTO_SUFFIXES))
def test_photos_of_every_format(predictor: ColourPredictor, ending: str) -> None:
    Image.fromarray(passing(0)).save(f"a{ending}")
    result = splash(f"a{ending}")
    assert result.exit_code == 0, result.exception
    assert is_coloured(load_image(Path(f"a_splash{ending}")))[9:19, 5:19].all()


def test_a_folder_of_photos(predictor: ColourPredictor) -> None:
    for n in range(9):
        save(Path("site", f"{n}.jpg"), passing(n))
    assert splash("site", "-o", "out").output.endswith("out: 9 photos\n")
    assert names("out") == [f"{n}_splash.jpg" for n in range(9)]
    assert splash("site").output.endswith("site: 9 photos\n")
    assert splash("site").output.endswith("site: 9 photos\n")
    assert len(names("site")) == 18


def test_a_broken_photo_does_not_stop_the_others(predictor: ColourPredictor) -> None:
    save(Path("site", "a.jpg"), passing(0))
    save(Path("site", "c.jpg"), passing(0))
    Path("site", "b.jpg").write_bytes(b"broken")
    result = splash("site")
    assert isinstance(result.exception, UserError)
    assert result.exception.status == 1
    assert str(result.exception) == "1 of 3 photos could not be processed, for the reasons above."
    assert "b.jpg is not a readable photo" in result.stderr
    assert names("site") == ["a.jpg", "a_splash.jpg", "b.jpg", "c.jpg", "c_splash.jpg"]


def test_a_broken_video_does_not_stop_the_others(predictor: ColourPredictor) -> None:
    Path("site").mkdir()
    for name in ("a", "c"):
        make_film(Path("site", f"{name}.mp4"), frames=3)
    Path("site", "b.mp4").write_bytes(b"broken")
    result = splash("site")
    assert isinstance(result.exception, SomeFailedError)
    assert str(result.exception) == "1 of 3 videos could not be processed, for the reasons above."
    assert "site/b.mp4 is not a readable video: invalid data" in result.stderr
    assert names("site") == ["a.mp4", "a_splash.mp4", "b.mp4", "c.mp4", "c_splash.mp4"]


def test_a_folder_of_photos_and_videos(predictor: ColourPredictor) -> None:
    save(Path("site", "a.jpg"), passing(0))
    make_film(Path("site", "b.mp4"), frames=3)
    Path("site", "c.jpg").write_bytes(b"broken")
    Path("site", "d.mp4").write_bytes(b"broken")
    for _ in range(2):  # outputs are not inputs of the next run
        result = splash("site")
        assert str(result.exception) == "2 of 4 inputs could not be processed, for the reasons above."
        assert names("site") == ["a.jpg", "a_splash.jpg", "b.mp4", "b_splash.mp4", "c.jpg", "d.mp4"]


def test_a_video_keeps_its_frames_rate_and_sound(predictor: ColourPredictor) -> None:
    make_film(Path("a.mp4"), frames=100, rate=30, sound="aac")
    result = splash("a.mp4", "--class", "hat")
    assert result.exit_code == 0, result.output
    assert "a_splash.mp4: 100 frames" in result.output
    frames = frames_of(Path("a_splash.mp4"))
    assert [round(30 * float(frame.time), 1) for frame in frames] == list(range(100))
    assert sound_of(Path("a_splash.mp4")) == ("aac", pytest.approx(3.33, abs=0.1))
    for n in (0, 50, 99):
        left = 4 + n % 40
        shown = is_coloured(frames[n].image, 60)
        assert shown[10:18, left + 2 : left + 14].all()
        shown[6:22, left - 2 : left + 18] = False
        assert not shown.any()


def test_photos_and_videos_together(predictor: ColourPredictor) -> None:
    save(Path("a.jpg"), passing(0))
    make_film(Path("b.mkv"))
    assert splash("a.jpg", "b.mkv", "-o", "out", "--boxes", "--labels", "--frames", "3").exit_code == 0
    assert names("out") == ["a_splash.jpg", "b_splash.mkv"]
    assert len(frames_of(Path("out", "b_splash.mkv"))) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_video_plays_and_is_reported(predictor: ColourPredictor, number: signal.Signals) -> None:
    make_film(Path("a.mp4"), frames=40)
    predictor.before = lambda seen: os.kill(os.getpid(), number) if seen == 12 else None
    result = splash("a.mp4")
    assert result.exit_code == 130
    assert "Stopped early: a_splash.mp4 has the first 12 frames." in result.output
    assert len(frames_of(Path("a_splash.mp4"))) == 12


def test_stopped_photos_are_kept(predictor: ColourPredictor) -> None:
    for n in range(5):
        save(Path("site", f"{n}.jpg"), passing(n))
    predictor.before = lambda seen: os.kill(os.getpid(), signal.SIGINT) if seen == 1 else None
    result = splash("site", "-o", "out")
    assert result.exit_code == 130
    assert "Stopped early: out has the first 2 of 5 photos." in result.output
    assert names("out") == ["0_splash.jpg", "1_splash.jpg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--min-confidence", "1.2"], "--min-confidence must be between 0 and 1, not 1.2"),
        (["--min-confidence", "nan"], "--min-confidence must be between 0 and 1, not nan"),
        (["--output", "a.jpg"], "is an input and is not overwritten"),
        (["b.mp4"], "b.mp4 is not a readable video"),
        (["broken.jpg", "-o", "out.jpg"], "broken.jpg is not a readable photo"),
    ],
)
def test_wrong_arguments_are_reported(predictor: ColourPredictor, arguments: list[str], message: str) -> None:
    save(Path("a.jpg"), passing(0))
    Path("b.mp4").write_bytes(b"no video")
    Path("broken.jpg").write_bytes(b"no photo")
    inputs = [] if arguments[0].startswith("b") else ["a.jpg"]
    with pytest.raises(UserError, match=message):
        raise splash(*inputs, *arguments).exception or AssertionError("no error")
    assert names() == ["a.jpg", "b.mp4", "broken.jpg"]


def test_unknown_choices_are_refused_with_the_allowed_values(predictor: ColourPredictor) -> None:
    result = splash("a.jpg", "--frames", "0")
    assert (result.exit_code, "than or equal to 1" in result.output) == (2, True)
    save(Path("a.jpg"), passing(0))
    with pytest.raises(UserError, match=r"^--class must be one of the model's classes, mask, hat, not 'scarf'\.$"):
        raise splash("a.jpg", "--class", "scarf").exception or AssertionError("no error")
