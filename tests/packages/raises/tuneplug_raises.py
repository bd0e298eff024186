"""A plugin whose import raises."""

raise ImportError("libfoo is missing")
