"""The figures of the article's surface."""

import numpy as np
from surface import table


def test_a_plane_has_correlated_neighbors_and_the_means_of_its_squares():
    plane = np.add.outer(np.arange(9.0), np.zeros(9))
    text = table(plane, plane, target=8.0)
    assert "| means of nine squares | 1.0000 to 7.0000 |" in text
    assert "| standard deviation of a change of 1 % | 0.0000 |" in text
    assert "| correlation of neighbors | 0.9" in text
    assert "| at least 8.0000 | 11.1% |" in text


def test_noise_has_uncorrelated_neighbors():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(60, 60))
    text = table(noise, rng.normal(size=(60, 60)), target=9.0)
    assert "| correlation of neighbors | 0.0" in text or "| correlation of neighbors | -0.0" in text
    assert "| at least 9.0000 | 0.0% |" in text
