"""Resolve all dependencies anew and write the versions to constraints.txt and to [tool.uv] of pyproject.toml.

uv run .ci/update_constraints.py            # newest versions that the ranges in pyproject.toml allow
uv run .ci/update_constraints.py --keep     # only add what is missing and drop what is no longer needed
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXPORT = ["uv", "export", "--quiet", "--all-extras", "--all-groups", "--no-emit-project"]
PLAIN = ["--no-hashes", "--no-annotate", "--no-header"]


def write_constraints(lines: list[str]) -> None:
    """Write the same pins to both files."""
    (ROOT / "constraints.txt").write_text("".join(f"{line}\n" for line in lines))
    project = ROOT / "pyproject.toml"
    pins = "".join(f'    "{line}",\n' for line in lines)
    text = re.sub(
        r"^constraint-dependencies = \[\n.*?^\]\n",
        lambda _: f"constraint-dependencies = [\n{pins}]\n",
        project.read_text(),
        flags=re.DOTALL | re.MULTILINE,
    )
    project.write_text(text)


def main() -> None:
    if "--keep" not in sys.argv:
        write_constraints([])
    (ROOT / "uv.lock").unlink(missing_ok=True)
    subprocess.run(["uv", "lock", "--quiet"], cwd=ROOT, check=True)
    exported = subprocess.run([*EXPORT, *PLAIN, "--frozen"], cwd=ROOT, check=True, capture_output=True, text=True)
    write_constraints(exported.stdout.splitlines())
    (ROOT / "uv.lock").unlink()


if __name__ == "__main__":
    main()
