"""The surrogate: a Gaussian process over the warped unit cube."""
