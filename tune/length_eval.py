"""Length generalization of a study: ``python tune/length_eval.py --study NAME``."""

import sys

from tune.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main("length"))
