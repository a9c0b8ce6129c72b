"""Train once: python train.py aug=fliplr_clahe steps=50. Resume a stopped run: python train.py resume=RUN."""

import sys

from fmask.cli.train import main

if __name__ == "__main__":
    main("train.py", sys.argv[1:])
