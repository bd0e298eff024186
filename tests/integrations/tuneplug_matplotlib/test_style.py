"""Names, windows and colors."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug_matplotlib.style import (
    COLORS,
    Window,
    plain,
    short_names,
    value_colors,
    whole_ticks,
    wrapped,
)

plt = pytest.importorskip("matplotlib.pyplot")


def luminance(color):
    """Return the relative luminance of WCAG 2."""
    c = np.asarray(color[:3])
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(color, background):
    high, low = sorted((luminance(color), background), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_common_prefix_of_names_is_stripped():
    names = ["pipe__clf__C", "pipe__clf__gamma", "pipe__pca__n"]
    assert list(short_names(names).values()) == ["clf__C", "clf__gamma", "pca__n"]
    assert short_names(["clf__C"]) == {"clf__C": "clf__C"}
    assert list(short_names(["a__b", "a__b__c"]).values()) == ["b", "b__c"]
    assert short_names([]) == {}


def test_long_names_keep_their_end_unless_they_would_become_equal():
    long = "x" * 40
    assert short_names([f"{long}_first", "b"])[f"{long}_first"].endswith("xx_first")
    names = [f"1{long}", f"2{long}"]
    assert list(short_names(names).values()) == names


def test_long_names_of_pipelines_are_cut_between_their_parts():
    names = [
        "preprocessor__categories__strategy",
        "preprocessor__numeric_columns__strategy",
        "preprocessor__numeric_columns__with_centering",
        "estimator__alpha",
        "regression_estimator__learning_rate_init",
    ]
    shown = ["…categories__strategy", "…numeric_columns__strategy", "…with_centering"]
    shown += ["estimator__alpha", "…learning_rate_init"]
    assert list(short_names(names).values()) == shown


def test_ticks_of_counts_are_round_numbers():
    ax = plt.figure().add_subplot()
    for n in (7, 18, 60, 250):
        ax.set_xlim(0, n)
        whole_ticks(ax, "x")
        steps = set(np.diff(ax.get_xticks()))
        assert steps <= {1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0}


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a_$b$", r"a_\$b\$"), ("_x", " _x"), ("a\nb\x07", "a b "), (("t", 1), "('t', 1)")],
)
def test_text_is_shown_as_it_is(text, shown):
    assert plain(text) == shown


def test_titles_are_wrapped_to_the_axes():
    assert max(map(len, wrapped("reverse-log-like " * 4, 2.0).split("\n"))) <= 20


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_one_divergent_value_is_beyond_the_window(direction):
    sign = 1.0 if direction == "minimize" else -1.0
    losses = np.append(np.linspace(0.1, 0.3, 20), 1e6)
    window = Window.of(sign * losses, direction)
    assert sorted((sign * window.low, sign * window.high)) == pytest.approx([0.1, 0.3])
    assert window.beyond.tolist() == [False] * 20 + [True]
    assert window.note == f"1 beyond the axis, the worst {sign * 1e6:.4g}"


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 0.2, 0.3, 0.4, 1.0],
        [1.0, 1.0, 1.0, 1.0, 5.0],
        [0.0, 0.1, 1e6],
        [0.1, 0.2, 0.3, 1e6, 1e6, 1e6],
        [],
        [np.nan],
    ],
    ids=["moderate", "nearly constant", "too few", "too many", "none", "no value"],
)
def test_values_are_not_clipped_without_need(values):
    window = Window.of(np.array(values, dtype=float), "minimize")
    assert window.note is None


def test_the_best_value_is_never_clipped():
    window = Window.of(np.append(np.linspace(0.1, 0.3, 20), -1e6), "minimize")
    assert window.low == -1e6


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_values_contrast_most_and_the_worst_are_seen(style, direction):
    with plt.style.context(style):
        _, ax = plt.subplots()
        colors = value_colors(ax, None, direction)(np.linspace(0, 1, 9))
    background = 1.0 if style == "default" else 0.0
    ratios = [contrast(color, background) for color in colors]
    ratios = ratios if direction == "minimize" else ratios[::-1]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 7.0
    assert ratios[-1] > 1.6


def test_colors_of_lines_differ_under_deuteranopia():
    from matplotlib.colors import to_rgb

    # Machado, Oliveira and Fernandes 2009, severity 1.
    matrix = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    seen = np.clip(np.array([to_rgb(c) for c in COLORS]) ** 2.2 @ np.transpose(matrix), 0, 1)
    seen = seen ** (1 / 2.2)
    for i in range(4):
        for j in range(i):
            assert np.linalg.norm(seen[i] - seen[j]) > 0.15
