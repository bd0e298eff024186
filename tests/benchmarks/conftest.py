"""The benchmarks are scripts: what they import lies in their own directory."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
