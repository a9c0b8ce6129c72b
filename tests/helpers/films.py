"""Videos of coloured squares, and a predictor that finds the squares by their colours."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream

from fmask.apps.video.reading import Frame, open_video
from fmask.inference.predictor import Predictor
from fmask.structures.detections import Detections
from tests.helpers.classes import CLASSES

HEIGHT, WIDTH = 48, 64
GROUND, MASK, HAT = (60, 150, 60), (30, 30, 230), (230, 30, 30)
"""RGB: the background is green, masks are blue, hats are red."""


def scene(*squares: tuple[tuple[int, int, int], tuple[int, int, int, int]]) -> np.ndarray:
    """Draw squares, each given by its colour and y1, x1, y2, x2."""
    image = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
    for colour, (y1, x1, y2, x2) in squares:
        image[y1:y2, x1:x2] = colour
    return image


def passing(frame: int) -> np.ndarray:
    """Draw a mask under a hat; both move right."""
    left = 4 + frame % 40
    return scene((HAT, (8, left, 20, left + 16)), (MASK, (24, left + 2, 34, left + 14)))


def make_film(
    path: Path,
    picture: Callable[[int], np.ndarray] = passing,
    frames: int = 20,
    rate: Fraction | int = 25,
    times: Sequence[int] | None = None,
    rotation: int = 0,
    sound: str | None = None,
) -> Path:
    """Write a video.

    Args:
        path: the file to write.
        picture: draws a frame by its number.
        frames: number of frames.
        rate: frames per second.
        times: times of the frames in hundredths of a second; None for even spacing.
        rotation: degrees clockwise by which players rotate the video.
        sound: codec of a silent sound track as long as the video; None for no sound.
    """
    with av.open(str(path), "w") as out:
        height, width = picture(0).shape[:2]
        stream = out.add_stream("libx264", rate=rate, options={"crf": "10", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if rotation:
            stream.set_display_rotation(-rotation)
        if times:
            stream.codec_context.time_base = Fraction(1, 100)
        track = out.add_stream(sound, rate=48000, layout="mono") if sound else None
        assert track is None or isinstance(track, AudioStream)
        for n in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(n), format="rgb24")
            if times:
                frame.pts, frame.time_base = times[n], Fraction(1, 100)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if track:
            for start in range(0, int(48000 * frames / rate), 1024):
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
                silence.sample_rate, silence.pts, silence.time_base = 48000, start, Fraction(1, 48000)
                out.mux(track.encode(silence))
            out.mux(track.encode())
    return path


def frames_of(path: Path) -> list[Frame]:
    """Read all frames of a video."""
    with open_video(path) as footage:
        return list(footage.frames)


def sound_of(path: Path) -> tuple[str, float] | None:
    """Return the codec of a video's sound and its end in seconds; None without sound."""
    with av.open(str(path)) as file:
        if not file.streams.audio:
            return None
        track = file.streams.audio[0]
        ends = [end_of(packet) for packet in file.demux(track) if packet.size]
        return track.codec_context.codec.canonical_name, max(ends)


def end_of(packet: av.Packet) -> float:
    """Return the time in seconds at which a packet ends."""
    assert packet.pts is not None
    assert packet.duration is not None
    assert packet.time_base is not None
    return float((packet.pts + packet.duration) * packet.time_base)


class ColourPredictor(Predictor):
    """A replacement of a `KerasPredictor` that finds blue squares as masks and red squares as hats.

    Args:
        before: called before each prediction with the number of frames predicted so far.
        score: the score of all detections.
    """

    runtime = "fake"
    batch_size = 1

    def __init__(self, before: Callable[[int], None] = lambda seen: None, score: float = 0.9) -> None:
        super().__init__(image_size=WIDTH, classes=CLASSES)
        self.batches: list[int] = []
        self.before, self.score = before, score

    def predict(self, images: Any, batch_size: int | None = None, max_mask_pixels: int | None = None) -> Any:
        if isinstance(images, np.ndarray):
            return self.predict([images])[0]
        self.before(sum(self.batches))
        self.batches.append(len(images))
        return [self._find(image) for image in images]

    def predict_each(self, images: Any, batch_size: int | None = None, max_mask_pixels: int | None = None) -> Any:
        return map(self._find, images)

    def _find(self, image: np.ndarray) -> Detections:
        boxes, class_ids, masks = [], [], []
        for class_id, colour in ((1, MASK), (2, HAT)):
            alike = np.abs(image.astype(int) - colour).max(axis=-1) < 80
            count, pieces, stats, _ = cv2.connectedComponentsWithStats(alike.astype(np.uint8))
            for piece in range(1, count):
                x, y, width, height, area = stats[piece].tolist()
                if area > 20:
                    boxes.append((y, x, y + height, x + width))
                    class_ids.append(class_id)
                    masks.append(pieces == piece)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(class_ids, np.int64),
            np.full(len(boxes), self.score, np.float32),
            np.array(masks, bool).reshape(-1, *image.shape[:2]),
            CLASSES,
            operating_point=self.operating_point,
        )
