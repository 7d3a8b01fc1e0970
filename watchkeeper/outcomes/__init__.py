"""Labelled predictions as counts: what performance, bias and concept drift have in common."""

from watchkeeper.outcomes.rows import Labelled

__all__ = ["Labelled"]
