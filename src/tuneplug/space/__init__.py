"""Search spaces: parameters, their scalings, and the unit cube they span."""

from tuneplug.space.categorical import Categorical
from tuneplug.space.parameters import Float, Int, Parameter, ScalingRecord
from tuneplug.space.scaling import Linear, Log, ReverseLog, Scaling, choose_scaling
from tuneplug.space.search_space import SearchSpace

__all__ = [
    "Categorical",
    "Float",
    "Int",
    "Linear",
    "Log",
    "Parameter",
    "ReverseLog",
    "Scaling",
    "ScalingRecord",
    "SearchSpace",
    "choose_scaling",
]
