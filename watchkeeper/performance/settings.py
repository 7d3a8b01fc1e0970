"""What a comparison is told: how sure it must be, and from where on a change matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchkeeper.performance.metric import Name

FLOORS: Mapping[Name, float] = {
    Name.ACCURACY: 0.02,
    Name.BALANCED_ACCURACY: 0.02,
    Name.PRECISION: 0.03,
    Name.RECALL: 0.03,
    Name.SPECIFICITY: 0.02,
    Name.F_BETA: 0.03,
    Name.MCC: 0.04,
    Name.ROC_AUC: 0.02,
    Name.WEIGHTED_ROC_AUC: 0.02,
    Name.PR_AUC: 0.03,
    Name.PRECISION_AT_K: 0.03,
    Name.CALIBRATION_ERROR: 0.02,
    Name.MACRO_PRECISION: 0.03,
    Name.MACRO_F1: 0.03,
    Name.R2: 0.02,
}
"""Falls that matter, in the metric's unit: for metrics on a scale from 0 to 1."""
RELATIVE_FLOORS: Mapping[Name, float] = {
    Name.LOG_LOSS: 0.05,
    Name.BRIER: 0.05,
    Name.MAE: 0.05,
    Name.RMSE: 0.05,
    Name.MAPE: 0.05,
    Name.BIAS: 0.1,
}
"""Falls that matter as a share of the baseline's value: for losses, whose size depends on the labels. Of a bias,
as a share of the root mean squared error."""


@dataclass(frozen=True)
class CompareSettings:
    """How a window is compared with its baseline.

    Attributes
    ----------
    alpha : the chance of any false alarm that the look may have
    minimum_labelled : labelled rows of the window below which nothing is said
    minimum_segment : labelled rows, on both sides, below which a cell is not tested
    floors, relative_floors : falls that matter, see `FLOORS` and `RELATIVE_FLOORS`
    segment_floor : excess of a cell's mean loss that matters, in standard deviations of a row's loss: 5 points of an
        error rate of 20 %, half a point of one of 0.2 %
    concept_floor : change of labels that matters, in standard deviations of a label given its prediction
    most_segments, most_cells : how many segments, and how many cells of changed concept, are named
    overdispersion : how many dependent rows count as one (Kish's design effect), at least 1
    """

    alpha: float = 0.01
    minimum_labelled: int = 200
    minimum_segment: int = 50
    floors: Mapping[Name, float] = field(default_factory=lambda: FLOORS)
    relative_floors: Mapping[Name, float] = field(default_factory=lambda: RELATIVE_FLOORS)
    segment_floor: float = 0.12
    concept_floor: float = 0.05
    most_segments: int = 10
    most_cells: int = 8
    overdispersion: float = 1.0
