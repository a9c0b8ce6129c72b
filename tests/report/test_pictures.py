"""Pictures of photos with annotations and detections."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from fmask.report.entries import predicted_entry
from fmask.report.pictures import draw
from tests.helpers.scenes import HEIGHT, WIDTH, encoded, photo

MASK = ("mask", (20, 10, 40, 30))


def test_a_photo_without_any_detection_is_drawn(tmp_path: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    scene = replace(photo(MASK), path=tmp_path / "a.png")
    picture = draw(scene, encoded(), [0.5, 0.9])
    assert [[each.outcome for each in outlines] for outlines in picture.found.values()] == [["missed"], ["missed"]]
    assert draw(scene, None).found == {}
    entry = predicted_entry(scene, "test", encoded(), 0.5, 256, 256)
    assert [item.kind for item in entry.items] == ["missed"]
