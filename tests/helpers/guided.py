"""Fuzzing that looks where its inputs lead, and keeps those that lead somewhere new (Atheris, libFuzzer).

    python -m tests.helpers.guided photo -max_total_time=300
    python -m tests.helpers.guided annotations -max_total_time=300

What follows the target are options of libFuzzer. It ends with exit status 77 at the first input that breaks what
`targets` promises, and leaves that as crash-* in the working directory (timeout-*, oom-* where it takes 30 seconds or
2 GiB).
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


def mutate(content: bytes, most: int, seed: int) -> bytes:
    """Changes JSON by its structure or, where it is none and now and then, by its bytes."""
    rng = random.Random(seed)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or rng.random() < 0.2:
        return atheris.Mutate(content, most)
    for _ in range(rng.randint(1, 3)):
        seeds.change(document, rng)
    return json.dumps(document).encode()[:most]


def main() -> None:
    target, *options = sys.argv[1:]
    contents = {"annotations": seeds.via_files, "photo": seeds.photos}[target]()
    with tempfile.TemporaryDirectory() as made:
        corpus, folder = Path(made, "corpus"), Path(made, "photos")
        corpus.mkdir()
        folder.mkdir()
        for number, content in enumerate(contents):
            (corpus / f"{number}").write_bytes(content)
        targets.prepare(folder)

        def try_one(content: bytes) -> None:
            if target == "photo":
                targets.read_photo(content)
            else:
                targets.read_annotations(content, folder)

        structured = {"custom_mutator": mutate} if target == "annotations" else {}
        atheris.Setup([sys.argv[0], *LIMITS, *options, str(corpus)], try_one, **structured)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
