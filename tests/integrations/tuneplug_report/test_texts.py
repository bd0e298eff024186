"""Texts of strangers are shown without control characters, cut, and as JSON for a script."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tuneplug_report.texts import cell, json_for_script, last_line, number, shown


def test_json_for_a_script_has_no_character_of_markup_and_the_same_content():
    document = {"</script>": ["<!--", "&", "]]>", "\u2028\u2029", "\ud800", 1.5, None]}
    text = json_for_script(document)
    assert not set(text) & set("<>&\u2028\u2029")
    assert text.isascii()
    assert json.loads(text) == document


def test_long_text_is_cut_at_its_end_and_a_traceback_at_its_start():
    assert shown("a" * 400) == "a" * 300 + "…"
    assert shown("first\nlast", 4, lines=True) == "…last"


def test_last_line_of_an_error_is_its_cause():
    assert last_line("Traceback\n  File x\nValueError: boom\x07\n") == "ValueError: boom\\x07"
    assert last_line(None) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.float64(0.5), 0.5), (np.int64(3), 3), (float("nan"), "nan"), (2**60, str(2**60))],
)
def test_cell_is_strict_json(value, expected):
    assert cell(value) == expected
    assert json.loads(json.dumps(cell(value), allow_nan=False)) == expected


def test_number_has_six_digits():
    assert [number(v) for v in (1 / 3, 7, "text", None)] == ["0.333333", "7", "text", "None"]
