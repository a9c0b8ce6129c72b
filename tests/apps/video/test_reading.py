"""All frames of a video are read, upright and with their times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fmask.apps.video.reading import open_video
from fmask.utils.errors import UserError
from tests.helpers.films import HAT, HEIGHT, WIDTH, frames_of, make_film, passing, scene


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
def test_every_frame_has_its_time(tmp_path: Path, name: str) -> None:
    frames = frames_of(make_film(tmp_path / name))
    assert [round(float(frame.time), 2) for frame in frames] == [round(n / 25, 2) for n in range(20)]
    for n, frame in enumerate(frames):
        assert frame.image.shape == (HEIGHT, WIDTH, 3)
        assert np.abs(frame.image.astype(int) - passing(n)).mean() < 6


def test_rate_and_number_of_frames(tmp_path: Path) -> None:
    with open_video(make_film(tmp_path / "a.mp4", rate=Fraction(30000, 1001))) as footage:
        assert (footage.rate, footage.count, footage.height, footage.width) == (Fraction(30000, 1001), 20, 48, 64)
        assert footage.sound is None


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 4, 8, 50, 51, 90]
    frames = frames_of(make_film(tmp_path / "a.mkv", frames=6, times=times))
    assert [round(100 * frame.time) for frame in frames] == times


@pytest.mark.parametrize(("rotation", "turns"), [(90, -1), (180, 2), (270, 1)])
def test_the_rotation_of_a_file_is_applied(tmp_path: Path, rotation: int, turns: int) -> None:
    corner = scene((HAT, (0, 0, 20, 20)))
    file = make_film(tmp_path / "a.mp4", lambda _: corner, frames=2, rotation=rotation)
    image = frames_of(file)[0].image
    assert np.abs(image.astype(int) - np.rot90(corner, turns)).mean() < 6


def test_damaged_frames_are_skipped(tmp_path: Path) -> None:
    file = make_film(tmp_path / "a.ts", frames=60)
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 600] = bytes(600)
    file.write_bytes(content)
    frames = frames_of(file)
    assert 30 < len(frames) <= 60
    assert round(float(frames[-1].time), 2) == 2.36


@pytest.mark.parametrize(("content", "message"), [(b"", "invalid data"), (b"no video at all" * 99, "invalid data")])
def test_a_file_that_is_not_a_video_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(content)
    with pytest.raises(UserError, match=rf"a\.mp4 is not a readable video: .*{message}"), open_video(file):
        pass


def test_a_file_with_sound_alone_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    with av.open(str(file), "w") as out:
        track = out.add_stream("aac", rate=48000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        silence.sample_rate = 48000
        out.mux(track.encode(silence))
        out.mux(track.encode())
    with pytest.raises(UserError, match="contains no video, only audio"), open_video(file):
        pass


def test_a_video_whose_frames_are_all_damaged_is_refused(tmp_path: Path) -> None:
    file = make_film(tmp_path / "a.mkv", frames=3)
    content = file.read_bytes()
    start = content.index(b"\x1f\x43\xb6\x75") + 40  # the first cluster, which contains the frames
    file.write_bytes(content[:start] + bytes(len(content) - start))
    with pytest.raises(UserError, match=r"None of the frames of .*a\.mkv can be decoded"), open_video(file):
        pass
