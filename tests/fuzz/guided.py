"""Fuzzing that looks where its inputs lead, and keeps those that lead somewhere new (Atheris, libFuzzer).

    python tests/fuzz/guided.py photo -max_total_time=300
    python tests/fuzz/guided.py annotations -max_total_time=300

What follows the target are options of libFuzzer. It ends with exit status 77 at the first input that breaks what
`targets` promises, and leaves that as crash-* in the working directory (timeout-*, oom-* where it takes 30 seconds or
2 GiB).
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["fmask.data", "PIL", "targets"]):
    import targets


import seeds

LIMITS = ["-timeout=30", "-rss_limit_mb=2048", "-max_len=4096", "-print_final_stats=1"]


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

        atheris.Setup([sys.argv[0], *LIMITS, *options, str(corpus)], try_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
