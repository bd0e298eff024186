"""Run the command as ``python -m tuneplug.cli``."""

import sys

from tuneplug.cli.command import main

if __name__ == "__main__":
    sys.exit(main())
