"""`python -m fmask` is the command `fmask`."""

from fmask.cli import main

if __name__ == "__main__":
    main()
