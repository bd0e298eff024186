"""When a search ends before its budget is spent."""

from tuneplug.stopping.completion import CompletionRule, Convergence, Patience, Target

__all__ = ["CompletionRule", "Convergence", "Patience", "Target"]
