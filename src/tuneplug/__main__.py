"""The command line as ``python -m tuneplug``, where the command is not on the path."""

from __future__ import annotations

import sys

from tuneplug.cli import main

if __name__ == "__main__":
    sys.exit(main())
