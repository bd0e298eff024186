"""Leave modules out of the doctests whose frameworks are in no extra of the tests."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["tuneplug_skorch/callback.py"]
