"""Programs in a terminal of 80 columns."""

import os
import pty
import re
import subprocess
from collections.abc import Sequence

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def in_terminal(command: Sequence[str], columns: int = 80) -> str:
    """Return what a program prints to a terminal of this width, without colours."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "LINES": "50", "TERM": "xterm"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, close_fds=True) as done:
        os.close(theirs)
        printed = b""
        try:
            while block := os.read(ours, 1 << 16):
                printed += block
        except OSError:  # the program has ended
            pass
    os.close(ours)
    assert done.returncode == 0, printed.decode()
    return _ESCAPES.sub("", printed.decode()).replace("\r\n", "\n").replace("\r", "\n")
