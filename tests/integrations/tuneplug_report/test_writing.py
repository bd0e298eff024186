"""Reports: what they say, that strangers' texts stay text, and that they stay small."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import RandomizedSearchCV
from sklearn.svm import SVC

from tuneplug import Categorical, Float, Int, Study
from tuneplug.plugins import Plugins
from tuneplug_report import write_report
from tuneplug_sklearn import WarpedBayesSearchCV

pytest.importorskip("jinja2")
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

ATTACK = "</script><script>window.attacked=1</script><img src=x onerror=window.attacked=1>"
HOSTILE = [
    ATTACK,
    "\"' onmouseover='window.attacked=1' x=\"",
    "]]><!--",
    "cost_$/unit_$",
    "esc\x1b[2J\r\x00\u202e",
    "{{ 7 * 7 }}{% raw %}",
    "n" * 10_000,
]
NO_PLUGINS = Plugins(installed=False)


class Page(HTMLParser):
    """The elements of a page, their attributes, and the text outside of scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.scripts, self._within = [], "", [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._within = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._within = None

    def handle_data(self, data):
        if self._within == "script":
            self.scripts[-1] += data
        elif self._within != "style":
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def elements_but_line_ends(self):
        """Each element and its attributes' names, without the places where a name may be broken."""
        found = [(tag, set(attributes)) for tag, attributes in self.elements]
        return [element for element in found if element != ("wbr", set())]

    @property
    def table(self):
        return json.loads(self.scripts[0])


def page_of(source, tmp_path, **options):
    return Page(write_report(source, tmp_path / "report.html", **options).read_text("utf-8"))


def hostile_study(text):
    space = {
        f"{text}": Float(0.01, 10.0),
        "kind": Categorical([text, f"{text}2"]),
        "n": Int(1, 9, when={"kind": [text]}),
    }
    study = Study(space, seed=0, name=text[:90], strategy="random", plugins=NO_PLUGINS)
    for number in range(10):
        trial = study.ask()
        if number == 3:
            study.fail(trial, f"Traceback\n  x\nValueError: {text}")
        elif number == 4:
            trial.report(1.0, 0)
            trial.reporter.stop_reason = text
            study.tell(trial, 3.0)
        else:
            study.tell(trial, trial.params[text])
    return study


@pytest.fixture(scope="module")
def study():
    study = Study(
        {"x": Float(0.01, 10.0), "n": Int(1, 9)}, seed=0, plugins=NO_PLUGINS, name="churn"
    )
    study.optimize(lambda trial: trial.params["x"], 12)
    return study


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_text_of_strangers_adds_no_element_attribute_or_control_character(text, tmp_path):
    study = hostile_study(text)
    html = write_report(study, tmp_path / "report.html").read_text("utf-8")
    page, harmless = Page(html), page_of(hostile_study("name"), tmp_path)
    assert page.elements_but_line_ends == harmless.elements_but_line_ends
    assert all(c.isprintable() or c == "\n" for c in html)
    assert len(page.table["rows"]) == 10
    assert len(html) < 2_000_000


def test_only_the_script_and_the_style_of_the_page_are_allowed(study, tmp_path):
    html = write_report(study, tmp_path / "report.html").read_text("utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert directives[directive] == f"'sha256-{digest}'"
    assert html.index("Content-Security-Policy") < html.index("<title>")


def test_the_page_needs_no_network_and_has_no_inline_handlers_or_styles(study, tmp_path):
    page = page_of(study, tmp_path)
    for tag, attributes in page.elements:
        assert not {name for name in attributes if name.startswith("on")} | (
            {"style"} & set(attributes)
        )
        for name in ("src", "srcset", "href"):
            value = attributes.get(name, "data:")
            assert value.startswith(("data:", "#")), (tag, value[:40])


def test_the_report_of_a_study_says_what_was_searched_and_found(study, tmp_path):
    page = page_of(study, tmp_path)
    assert "churn" in page.text
    assert f"{study.best_value:.6g}" in page.text
    assert "numbers from 0.01 to 10" in page.text
    assert "auto: high / low = 1000 is at least 100" in page.text
    assert "from the first start to the last end" in page.text
    for heading in ("Best so far", "Importance", "Slices", "Learned warps", "Trials"):
        assert heading in page.text


def test_every_chart_has_a_text_alternative_and_a_dark_version(study, tmp_path):
    page = page_of(study, tmp_path)
    images = page.all("img")
    assert len(images) == 4
    assert all(image["alt"] for image in images)
    dark = [source["srcset"] for source in page.all("source")]
    assert len(dark) == 4
    assert set(dark).isdisjoint(image["src"] for image in images)


def test_advice_is_given_where_the_best_value_is_at_an_end(tmp_path):
    study = Study({"x": Float(0.01, 10.0)}, strategy="random", seed=0, plugins=NO_PLUGINS)
    study.enqueue({"x": 10.0})
    study.tell(study.ask(), 0.0)
    assert "best at the high end of [0.01, 10]: widen" in page_of(study, tmp_path).text


def test_stopped_and_failed_trials_are_listed_with_their_reasons(tmp_path):
    page = page_of(hostile_study("reason"), tmp_path)
    assert "ValueError: reason (trial 3)" in " ".join(page.text.split())
    assert "reason (trial 4)" in " ".join(page.text.split())
    states = [row[page.table["columns"].index("state")] for row in page.table["rows"]]
    assert (states.count("failed"), states.count("stopped")) == (1, 1)


def test_table_has_numbers_that_json_and_javascript_have(tmp_path):
    space = {"kind": Categorical([10**20, float("inf"), None, True])}
    study = Study(space, strategy="grid", seed=0, plugins=NO_PLUGINS)
    for value in (1.0, 2.0, 3.0, 4.0):
        study.tell(study.ask(), value)
    table = page_of(study, tmp_path).table
    column = [row[table["columns"].index("kind")] for row in table["rows"]]
    assert set(column) == {"100000000000000000000", "inf", "None", "True"}


def test_the_report_is_the_same_each_time(study, tmp_path):
    first = write_report(study, tmp_path / "a.html").read_bytes()
    assert write_report(study, tmp_path / "b.html").read_bytes() == first


def test_a_study_without_an_ended_trial_has_a_report(tmp_path):
    page = page_of(Study({"x": Float(0.0, 1.0)}, plugins=NO_PLUGINS), tmp_path)
    assert "no trial has completed" in page.text
    assert page.table["rows"] == []


def test_a_study_of_failed_trials_says_why_charts_are_missing(tmp_path):
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, plugins=NO_PLUGINS)
    for _ in range(3):
        study.fail(study.ask(), "ValueError: boom")
    page = page_of(study, tmp_path)
    assert "Not shown: a model needs at least two trials with a value" in page.text
    assert "ValueError: boom" in page.text


@pytest.mark.parametrize("search_class", [WarpedBayesSearchCV, RandomizedSearchCV])
def test_the_report_of_a_search_has_its_score_and_candidates(search_class, tmp_path):
    X, y = load_iris(return_X_y=True)
    space = {"C": [0.01, 0.1, 1.0, 10.0], "kernel": ["rbf", "poly"]}
    search = search_class(SVC(), space, n_iter=6, cv=3, scoring="accuracy", random_state=0)
    page = page_of(search.fit(X, y), tmp_path)
    assert search_class.__name__ in page.text
    assert f"{search.best_score_:.6g}" in page.text
    assert "best accuracy" in page.text
    assert len(page.table["rows"]) == 6
    assert {"C", "kernel"} <= set(page.table["columns"])


def test_what_is_no_study_and_no_search_is_refused(tmp_path):
    with pytest.raises(TypeError, match="needs a Study or a fitted search, but got a dict"):
        write_report({}, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_metric_is_of_searches_only(study, tmp_path):
    with pytest.raises(ValueError, match="metric must be None for a study"):
        write_report(study, tmp_path / "report.html", metric="accuracy")


def test_the_report_of_a_large_study_is_under_five_megabytes(large_report):
    assert large_report.stat().st_size < 5_000_000
    page = Page(large_report.read_text("utf-8"))
    assert len(page.table["rows"]) == 2000
    assert len(page.all("tr")) < 100  # those of the table are made by the script


def test_infeasible_trials_are_named_and_never_the_best(tmp_path):
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, plugins=NO_PLUGINS)
    study.tell(study.ask(), 1.0, constraints=[0.5])
    page = Page(write_report(study, tmp_path / "none.html").read_text("utf-8"))
    assert "no completed trial is feasible" in page.text
    study.tell(study.ask(), 2.0, constraints=[-0.5])
    html = write_report(study, tmp_path / "one.html").read_text("utf-8")
    assert '"infeasible"' in html
    assert "no completed trial is feasible" not in html


def test_long_names_go_on_in_the_next_line_between_their_words(tmp_path):
    study = Study({"model__n_<b>_neighbors": Float(0, 1)}, strategy="random", seed=0)
    study.optimize(lambda trial: 1.0, 3)
    html = write_report(study, tmp_path / "report.html").read_text("utf-8")
    shown = "model_<wbr>_<wbr>n_<wbr>&lt;b&gt;_<wbr>neighbors"
    assert f"<dt>{shown}</dt>" in html
    assert f'<th scope="row">{shown}</th>' in html
