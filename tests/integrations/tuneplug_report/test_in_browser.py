"""Reports in a real browser: nothing of strangers runs, and the table works by keyboard."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from browser import Browser, chromium

from tuneplug import Categorical, Float, Study
from tuneplug.plugins import Plugins
from tuneplug_report import write_report

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]
NO_PLUGINS = Plugins(installed=False)
ATTACKS = [
    "</script><script>window.attacked=1</script>",
    "<img src=x onerror=window.attacked=1>",
    "\"'><svg onload=window.attacked=1>",
    "--></title></style><script>window.attacked=1</script>]]>",
    "javascript:window.attacked=1",
]
NUMBERS = "[...document.querySelectorAll('#table tbody th')].map(e => +e.textContent)"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AS_TEXT = (
    "r => ({broken: r.violations.map(v => v.id + ' ' + v.nodes[0].html), kept: r.passes.length})"
)
SORTED = "document.querySelector('#table th[aria-sort]').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return the report of a study whose texts are script and markup."""
    space = {attack: Float(0.01, 10.0) for attack in ATTACKS} | {"kind": Categorical(ATTACKS)}
    study = Study(space, strategy="random", seed=0, name=ATTACKS[0], plugins=NO_PLUGINS)
    for number in range(250):
        trial = study.ask()
        if number % 50 == 3:
            study.fail(trial, f"Traceback\n{ATTACKS[0]}\n{ATTACKS[number // 50]}")
        elif number % 50 == 4:
            trial.report(1.0, 0)
            trial.reporter.stop_reason = ATTACKS[number // 50]
            study.tell(trial, 3.0)
        else:
            study.tell(trial, trial.params[ATTACKS[0]])
    return write_report(study, tmp_path_factory.mktemp("hostile") / "report.html")


def test_texts_of_strangers_run_no_script_and_break_nothing(browser, report):
    browser.open(report)
    assert browser.value("window.attacked") is None
    assert browser.complaints == []
    assert browser.requests == [report.as_uri()]
    assert browser.value("document.querySelector('h1').textContent") == ATTACKS[0]
    assert browser.value("document.querySelectorAll('#table tbody tr').length") == 100


def test_the_policy_stops_a_script_that_is_injected(browser, report):
    browser.open(report)
    browser.value(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x: onerror=attacked=1>')"
    )
    browser.value(
        "document.body.append(Object.assign(document.createElement('script'),"
        "{textContent: 'window.attacked=1'}))"
    )
    assert browser.value("window.attacked") is None
    assert "Content Security Policy" in str(browser.complaints)


def test_images_are_decoded(browser, report):
    browser.open(report)
    assert browser.value("[...document.images].length") >= 3
    assert browser.value("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


def test_the_table_is_sorted_by_keyboard(browser, report):
    browser.open(report)
    assert browser.value(NUMBERS)[:3] == [0, 1, 2]
    browser.value("document.querySelector('#table thead button').focus()")
    browser.press("Enter", "\r")
    assert browser.value(NUMBERS)[:3] == [249, 248, 247]
    browser.press("Tab")
    browser.press("Tab")
    browser.press("Enter", "\r")
    assert browser.value(SORTED).startswith("value")
    values = browser.value(
        "[...document.querySelectorAll('#table tbody td:nth-child(3)')].map(e => +e.textContent)"
    )
    assert values == sorted(values)


def test_rows_are_made_on_demand(browser, report):
    browser.open(report)
    browser.value("document.getElementById('more').click()")
    assert browser.value("document.querySelectorAll('#table tbody tr').length") == 200
    browser.value("document.getElementById('all').click()")
    assert browser.value(NUMBERS) == list(range(250))
    assert browser.value("document.getElementById('more').hidden")


def test_nothing_is_wider_than_the_screen_of_a_phone(browser, report):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.call("Emulation.setDeviceMetricsOverride", **size)
    try:
        browser.open(report)
        assert browser.value("document.documentElement.scrollWidth") <= 390
    finally:
        browser.call("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_wcag_aa_is_broken(browser, report, scheme):
    axe = pytest.importorskip("axe_core_python")
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.call("Emulation.setEmulatedMedia", features=[feature])
    try:
        browser.open(report)
        browser.value((Path(axe.__file__).parent / "axe.min.js").read_text("utf-8") + "; null")
        found = browser.value(f"axe.run({{runOnly: {RULES}}}).then(({AS_TEXT}))")
    finally:
        browser.call("Emulation.setEmulatedMedia", features=[])
    assert found["broken"] == []
    assert found["kept"] > 20


def test_a_printed_table_is_as_wide_as_the_page_and_its_headings_are_text(browser, report):
    page = {"width": 1123, "height": 794, "deviceScaleFactor": 1, "mobile": False}
    browser.call("Emulation.setDeviceMetricsOverride", **page)
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        browser.open(report)
        assert browser.value("document.getElementById('table').scrollWidth") <= 1123
        display = "getComputedStyle(document.querySelector('#table thead button')).display"
        assert browser.value(display) == "contents"
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")
        browser.call("Emulation.clearDeviceMetricsOverride")


def test_a_large_report_is_loaded_within_two_seconds(browser, large_report):
    times = []
    for _ in range(5):
        browser.open(large_report)
        times.append(
            browser.value("performance.timing.loadEventStart - performance.timing.navigationStart")
        )
    assert statistics.median(times) < 2000
    assert browser.complaints == []
