"""Modules that tests of several adapters share, and that worker processes import."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
