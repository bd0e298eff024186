"""Register the monitors and the converter of the scikit-learn adapter."""

from __future__ import annotations

from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import Converter, hookimpl
from tuneplug_sklearn.gradient_boosting import GradientBoostingMonitor
from tuneplug_sklearn.hist_gradient_boosting import HistGradientBoostingMonitor
from tuneplug_sklearn.multilayer_perceptron import MultilayerPerceptronMonitor
from tuneplug_sklearn.skopt_converter import SkoptConverter

__all__ = ["tuneplug_converters", "tuneplug_fit_monitors"]


@hookimpl
def tuneplug_fit_monitors() -> list[type[FitMonitor]]:
    return [
        GradientBoostingMonitor,
        HistGradientBoostingMonitor,
        MultilayerPerceptronMonitor,
    ]


@hookimpl
def tuneplug_converters() -> type[Converter]:
    return SkoptConverter
