"""What an estimate is told: how it draws its errors, and from where on it warns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FitSettings:
    """How an estimator learns.

    Attributes
    ----------
    minimum_rows : labelled rows below which nothing is learnt: intervals of 95 % then hold less (.93 at 60, .90 at 30)
    replicates : resamples of the baseline's rows that stand for what it leaves unknown
    most_features : features whose cells may correct the estimate, those with the most evidence first
    seed : of the resampling: equal rows give equal estimators
    """

    minimum_rows: int = 100
    replicates: int = 40
    most_features: int = 40
    seed: int = 0


@dataclass(frozen=True)
class EstimateSettings:
    """How performance is estimated.

    Attributes
    ----------
    confidence : of every interval, two-sided: that it holds the metric as all labels of the window will give it
    beta : weight of recall in F-beta
    labels : sets of labels drawn for each replicate, for the errors of classifiers' metrics
    minimum_rows : rows below which nothing is estimated
    crowded, few : rows of a cell beyond so many times its baseline's share are in unknown land, if the cell has no end
        or the baseline had fewer than so many rows there
    most_unsupported : share of rows in unknown land from which on the estimate is not to be trusted
    seed : of the drawn labels: equal counts give equal estimates
    """

    confidence: float = 0.95
    beta: float = 1.0
    labels: int = 5
    minimum_rows: int = 100
    crowded: float = 3.0
    few: int = 100
    most_unsupported: float = 0.1
    seed: int = 0
