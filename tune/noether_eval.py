"""The quality of a study's predicted frames: ``python tune/noether_eval.py --study NAME``."""

import sys

from tune.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main("quality"))
