"""A short run of the fuzz targets; FMASK_FUZZ_SECONDS=600 fuzzes for 600 seconds, divided among the five tests."""

import json
import os
import re
import subprocess
import sys
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.helpers import seeds, targets

SECONDS = int(os.environ.get("FMASK_FUZZ_SECONDS", "0"))
EXAMPLES = 60 + 25 * SECONDS
briefly = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=not SECONDS,  # without FMASK_FUZZ_SECONDS, every run is the same
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)

numbers = st.integers() | st.floats() | st.sampled_from([0, 19, 20])
texts = st.text() | st.sampled_from(["a.png", "mask", "hat", "true", "polygon"])
odd_words = st.text(max_size=12) | st.sampled_from(
    [
        "",
        "nan",
        "-1",
        "1e999",
        "0.5",
        "9" * 30,
        "x" * 300,
        "../a.png",
        "/etc/passwd",
        "<!DOCTYPE",
        "&a;",
        "[" * 500,
        "\0",
    ]
)
values = st.recursive(
    st.sampled_from(seeds.ODD_VALUES) | numbers | texts,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def mutated_documents(draw: st.DrawFn) -> Any:
    """Generate seed documents with some parts replaced, removed or repeated."""
    document = deepcopy(draw(st.sampled_from(seeds.annotation_documents())))
    for _ in range(draw(st.integers(1, 4))):
        place: Any = document
        while isinstance(place, dict | list) and place:
            key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], dict | list) or not place[key] or draw(st.integers(0, 5)) == 0:
                break
            place = place[key]
        if not place:
            continue
        change = draw(st.sampled_from(["replace", "drop", "repeat"]))
        if change == "drop":
            del place[key]
        elif change == "repeat" and isinstance(place, list):
            place *= draw(st.integers(2, 60))
        else:
            place[key] = deepcopy(draw(values))  # a copy: a later change must not modify the strategy
    return document


@st.composite
def damaged_photos(draw: st.DrawFn) -> bytes:
    """Generate seed pictures that are truncated, or have bytes changed, removed, or inserted from another one."""
    content = bytearray(draw(st.sampled_from(seeds.photos())))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 16))
        other = draw(st.sampled_from(seeds.photos()))
        piece = draw(st.binary(max_size=16) | st.just(other[start : start + length]))
        content[start : start + length] = piece
    return bytes(content[: draw(st.integers(0, len(content)) | st.just(len(content)))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("photos")
    targets.prepare(made)
    return made


@briefly
@given(document=mutated_documents() | values)
def test_any_json_is_read_or_refused(folder: Path, document: Any) -> None:
    targets.read_annotations(json.dumps(document).encode(), folder)


@st.composite
def damaged_folders(draw: st.DrawFn) -> dict[str, bytes]:
    """Generate seed folders in which some words of a text file, or bytes of a picture, are replaced or removed."""
    files = dict(draw(st.sampled_from(seeds.folders())))
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(sorted(files)))
        if name.endswith(".png"):
            content = bytearray(files[name])
            start = draw(st.integers(0, len(content)))
            content[start : start + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
            files[name] = bytes(content)
            continue
        words = re.split(r"([^\w.-]+)", files[name].decode(errors="replace"))
        place = draw(st.integers(0, len(words) - 1))
        words[place] = draw(odd_words)
        text = "".join(words) * draw(st.sampled_from([1, 1, 1, 2]))
        files[name] = text.encode(errors="replace")
    return files


@briefly
@given(files=damaged_folders())
def test_any_files_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    targets.read_files(files, tmp_path_factory.mktemp("files"))


@briefly
@given(content=damaged_photos() | st.binary(max_size=200))
def test_any_bytes_are_a_photo_or_refused(content: bytes) -> None:
    targets.read_photo(content)


def test_all_seeds_are_accepted(folder: Path) -> None:
    assert all(targets.read_annotations(content, folder) for content in seeds.annotation_files())
    assert all(targets.read_files(files, folder / f"{number}") for number, files in enumerate(seeds.folders()))
    assert all(targets.read_photo(content) for content in seeds.photos())


@pytest.mark.skipif(find_spec("atheris") is None, reason="Atheris is not installed: it has no wheel for this platform")
@pytest.mark.parametrize("target", ["annotations", "photo"])
def test_coverage_guided_fuzzing_finds_no_failure(tmp_path: Path, target: str) -> None:
    command = [sys.executable, "-m", "tests.helpers.guided", target]
    limit = f"-max_total_time={SECONDS // 2}" if SECONDS else "-runs=300"
    # Start it from a shell: libFuzzer counts the memory of its parent process as its own.
    shell = ["sh", "-c", '"$@"; exit $?', "sh"]
    done = subprocess.run([*shell, *command, limit], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs
    assert int(runs[1]) >= 300
    assert not list(tmp_path.iterdir())
