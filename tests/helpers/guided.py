"""Coverage-guided fuzzing, which keeps the inputs that reach new code (Atheris, libFuzzer).

    python -m tests.helpers.guided photo -max_total_time=300
    python -m tests.helpers.guided annotations -max_total_time=300

The arguments after the target are options of libFuzzer. The first input that violates `tests.helpers.targets` ends the
process with exit status 77 and is written to the working directory as crash-*, or as timeout-* or oom-* if it takes
more than 30 seconds or 2 GiB.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["fmask.data", "PIL", "tests.helpers.targets"]):
    from tests.helpers import targets


from tests.helpers import seeds

LIMITS = ["-timeout=30", "-rss_limit_mb=2048", "-max_len=4096", "-print_final_stats=1"]


def mutate(content: bytes, max_size: int, seed: int) -> bytes:
    """Mutate JSON by its structure; mutate other content, and sometimes JSON, by its bytes."""
    rng = random.Random(seed)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or rng.random() < 0.2:
        return atheris.Mutate(content, max_size)
    for _ in range(rng.randint(1, 3)):
        seeds.change(document, rng)
    return json.dumps(document).encode()[:max_size]


def main() -> None:
    target, *options = sys.argv[1:]
    contents = {"annotations": seeds.annotation_files, "photo": seeds.photos}[target]()
    with tempfile.TemporaryDirectory() as scratch:
        corpus, folder = Path(scratch, "corpus"), Path(scratch, "photos")
        corpus.mkdir()
        folder.mkdir()
        for number, content in enumerate(contents):
            (corpus / f"{number}").write_bytes(content)
        targets.prepare(folder)

        def test_one_input(content: bytes) -> None:
            if target == "photo":
                targets.read_photo(content)
            else:
                targets.read_annotations(content, folder)

        structured = {"custom_mutator": mutate} if target == "annotations" else {}
        atheris.Setup([sys.argv[0], *LIMITS, *options, str(corpus)], test_one_input, **structured)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
