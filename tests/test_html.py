"""Tables for notebooks: studies, spaces and learned warps, with every text escaped."""

from __future__ import annotations

import pytest

from tuneplug import Categorical, Float, SearchSpace, Study
from tuneplug._html import html_table, html_text

ATTACK = "</td><script>alert(1)</script>\x1b"


@pytest.fixture(scope="module")
def study():
    study = Study({"C": Float(0.01, 100.0)}, seed=0, name=ATTACK)
    study.optimize(lambda trial: trial.params["C"] ** 0.1, 10)
    return study


def test_text_is_escaped_and_cut():
    assert html_text('<&"\x07') == "&lt;&amp;&quot;\\x07"
    assert html_text("a" * 1000) == "a" * 200 + "…"


def test_a_long_table_counts_the_rows_that_it_leaves_out():
    assert "and 40 more" in html_table("t", ("n",), [(n,) for n in range(100)])


def test_study_and_space_show_texts_of_strangers_as_text(study):
    space = SearchSpace([{ATTACK: Categorical([ATTACK, "b"])}, {"C": Float(0.01, 100.0)}])
    for html in (space._repr_html_(), study._repr_html_()):
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        assert "\x1b" not in html
    assert "<td>log</td>" in space._repr_html_()
    assert f"<td>{study.best_value!r}</td>" in study._repr_html_()


def test_learned_warps_are_short_as_text_and_a_table_in_notebooks(study):
    curves = study.learned_warps()
    assert len(repr(curves["C"])) < 250
    assert repr(curves["C"]).startswith("WarpCurve('C', values=[0.01, ..., 100.0], a=")
    assert "<td>0.01 to 100</td>" in curves["C"]._repr_html_()
    assert "<td>C</td>" in curves._repr_html_()
