"""Work with existing studies: ``python tune/study.py list|show|compare|export|gc|fork``."""

import sys

from tune.commands.study import main

if __name__ == "__main__":
    sys.exit(main())
