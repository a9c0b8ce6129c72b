"""Progress bars are whole in a terminal of 80 columns."""

import io

from rich.console import Console
from rich.progress import Progress

from fmask.cli.progress import speed_bar
from fmask.utils.download_bar import download_bar


def _line(bar: Progress, finished_speed: float) -> str:
    """Return the bar of a finished task in 80 columns."""
    bar.tasks[0].finished_speed = finished_speed
    bar.tasks[0].finished_time = 3600
    console = Console(file=io.StringIO(), width=80)
    console.print(bar.make_tasks_table(bar.tasks))
    (line,) = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return str(line)


def test_the_bar_of_a_video_with_a_long_name_fits() -> None:
    bar = speed_bar("frames")
    bar.add_task("a_video_with_a_very_long_name_of_the_camera_at_the_gate.mp4", total=100_000, completed=99_999)
    line = _line(bar, 123.4)
    assert line.startswith("a_video_with_a_very_lon… ")
    assert "99999/100000 123.4 frames/s " in line
    assert line.rstrip()[-7:].count(":") == 2
    assert len(line) <= 80


def test_the_bar_of_a_download_fits() -> None:
    bar = download_bar()
    bar.add_task("resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5", total=257_557_808, completed=257_557_807)
    line = _line(bar, 123.4e6)
    assert line.startswith("resnet101_weights_tf_di… ")
    assert "257.6/257.6 MB 123.4 MB/s " in line
    assert line.rstrip()[-7:].count(":") == 2
    assert len(line) <= 80
