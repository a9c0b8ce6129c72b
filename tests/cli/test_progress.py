"""Progress bars are whole in a terminal of 80 columns."""

import io

from rich.console import Console

from fmask.cli.progress import speed_bar


def test_the_bar_of_a_video_with_a_long_name_fits() -> None:
    bar = speed_bar("frames")
    bar.add_task("a_video_with_a_very_long_name_of_the_camera_at_the_gate.mp4", total=100_000, completed=99_999)
    bar.tasks[0].finished_speed = 123.4
    bar.tasks[0].finished_time = 3600
    console = Console(file=io.StringIO(), width=80)
    console.print(bar.make_tasks_table(bar.tasks))
    (line,) = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert line.startswith("a_video_with_a_very_lon… ")
    assert "99999/100000 123.4 frames/s " in line
    assert line.rstrip()[-7:].count(":") == 2
    assert len(line) <= 80
