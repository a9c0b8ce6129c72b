"""Videos are written with the times and the sound of their sources."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fmask.apps.video.reading import open_video
from fmask.apps.video.writing import VideoWriter
from fmask.utils.errors import UserError
from tests.helpers.films import HAT, frames_of, make_film, passing, scene, sound_of


def copy(source: Path, target: Path, frames: int | None = None) -> VideoWriter:
    """Write the first `frames` frames of a video, or all, to another video."""
    with open_video(source) as footage, VideoWriter(target, footage) as writer:
        for n, frame in enumerate(footage.frames):
            if n == frames:
                break
            writer.write(frame.image, frame.time)
    return writer


@pytest.mark.parametrize("name", ["b.mp4", "b.mov", "b.mkv", "b.webm", "b.M4V"])
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001)])
def test_number_rate_and_contents_of_frames_are_kept(tmp_path: Path, name: str, rate: Fraction) -> None:
    copy(make_film(tmp_path / "a.mp4", rate=rate), tmp_path / name)
    with open_video(tmp_path / name) as footage:
        assert float(footage.rate) == pytest.approx(float(rate), rel=1e-3)
        frames = list(footage.frames)
    assert [float(frame.time) for frame in frames] == pytest.approx([n / rate for n in range(20)], abs=1e-3)
    for n, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - passing(n)).mean() < 10
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", name}


def test_a_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    times = [0, 4, 8, 50, 51, 90]
    copy(make_film(tmp_path / "a.mkv", frames=6, times=times), tmp_path / "b.mp4")
    assert [round(100 * frame.time) for frame in frames_of(tmp_path / "b.mp4")] == times


def test_frames_with_equal_times_are_all_written(tmp_path: Path) -> None:
    with open_video(make_film(tmp_path / "a.mp4")) as footage, VideoWriter(tmp_path / "b.mp4", footage) as writer:
        for frame in footage.frames:
            writer.write(frame.image, frame.time - frame.time % Fraction(2, 25))
    assert len(frames_of(tmp_path / "b.mp4")) == 20


def test_colours_are_kept(tmp_path: Path) -> None:
    red = scene((HAT, (0, 0, 48, 64)))
    copy(make_film(tmp_path / "a.mp4", lambda _: red, frames=3), tmp_path / "b.mp4")
    np.testing.assert_allclose(frames_of(tmp_path / "b.mp4")[1].image[20, 30], HAT, atol=6)


def test_an_odd_size_is_padded(tmp_path: Path) -> None:
    with open_video(make_film(tmp_path / "a.mp4", frames=3)) as footage:
        odd = [(frame.image[:-1, :-1], frame.time) for frame in footage.frames]
        with VideoWriter(tmp_path / "b.mp4", footage) as writer:
            for image, time in odd:
                writer.write(image, time)
    assert frames_of(tmp_path / "b.mp4")[0].image.shape == (48, 64, 3)


@pytest.mark.parametrize("sound", ["aac", "libmp3lame"])
def test_sound_is_copied(tmp_path: Path, sound: str) -> None:
    source = make_film(tmp_path / "a.mp4", sound=sound)
    assert copy(source, tmp_path / "b.mp4").note is None
    codec, end = sound_of(source) or ("", 0.0)
    assert sound_of(tmp_path / "b.mp4") == (codec, pytest.approx(end, abs=0.1))


def test_sound_stays_in_step_if_the_clock_of_the_source_does_not_start_at_0(tmp_path: Path) -> None:
    copy(make_film(tmp_path / "a.ts", sound="aac"), tmp_path / "b.mp4")  # a .ts starts at 1.4 s
    assert frames_of(tmp_path / "b.mp4")[-1].time == pytest.approx(0.76, abs=0.03)
    assert sound_of(tmp_path / "b.mp4") == ("aac", pytest.approx(0.8, abs=0.1))


def test_sound_ends_with_the_last_frame(tmp_path: Path) -> None:
    copy(make_film(tmp_path / "a.mp4", frames=100, sound="aac"), tmp_path / "b.mp4", frames=50)
    assert len(frames_of(tmp_path / "b.mp4")) == 50
    assert sound_of(tmp_path / "b.mp4") == ("aac", pytest.approx(2, abs=0.1))


def test_sound_of_an_unsupported_codec_is_left_out_with_a_note(tmp_path: Path) -> None:
    writer = copy(make_film(tmp_path / "a.mp4", sound="aac"), tmp_path / "b.webm")
    assert writer.note == "b.webm has no sound: .webm does not support aac, but .mkv does."
    assert sound_of(tmp_path / "b.webm") is None
    assert len(frames_of(tmp_path / "b.webm")) == 20


def test_an_interrupted_file_plays(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", sound="aac")

    def interrupted() -> None:
        with open_video(source) as footage, VideoWriter(tmp_path / "b.mp4", footage) as writer:
            for n, frame in enumerate(footage.frames):
                if n == 7:
                    raise KeyboardInterrupt
                writer.write(frame.image, frame.time)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(frames_of(tmp_path / "b.mp4")) == 7
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "b.mp4"}


def test_without_frames_there_is_no_file(tmp_path: Path) -> None:
    copy(make_film(tmp_path / "a.mp4"), tmp_path / "b.mp4", frames=0)
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4"}


@pytest.mark.parametrize(
    ("name", "message"), [("b.gif", "one of .mp4, .*, not .*b.gif"), ("b", "one of .mp4, .*, not .*/b")]
)
def test_other_suffixes_are_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        copy(make_film(tmp_path / "a.mp4", frames=2), tmp_path / name)


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone/b\.mp4 cannot be written: No such file or directory"):
        copy(make_film(tmp_path / "a.mp4", frames=2), tmp_path / "gone" / "b.mp4")


def test_a_full_disk_is_reported_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_film(tmp_path / "a.mp4")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def fill_the_disk() -> None:
        with open_video(source) as footage, VideoWriter(tmp_path / "b.mp4", footage) as writer:
            for frame in footage.frames:
                writer.write(frame.image, frame.time)
                monkeypatch.setattr(writer, "_container", SimpleNamespace(mux=full, close=full))

    with pytest.raises(UserError, match=r"b\.mp4 cannot be written: No space left on device"):
        fill_the_disk()
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4"}
