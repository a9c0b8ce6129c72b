"""Train many times: python sweep.py aug=none,sharpen,blur."""

import sys

from fmask.cli.sweep import main

if __name__ == "__main__":
    main("sweep.py", sys.argv[1:])
