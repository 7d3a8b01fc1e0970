"""What is known of one version, for its model card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watchkeeper.attribution.importance import Ranked
from watchkeeper.bias.table import Row
from watchkeeper.lineage import Lineage
from watchkeeper.performance.findings import SegmentFinding
from watchkeeper.performance.measured import Performance
from watchkeeper.spec import AttributionMethod, ModelSpec


@dataclass(frozen=True)
class Package:
    """The version in the model registry, and the job that trained it.

    Attributes
    ----------
    image, artefact : the container that serves it, and what this loads
    approval : SageMaker's ModelApprovalStatus
    training_job : ARN; "" when nothing is known of any
    hyperparameters : of that job
    """

    arn: str
    approval: str
    created: datetime
    image: str = ""
    artefact: str = ""
    training_job: str = ""
    hyperparameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Facts:
    """Everything that a card says; what is not known (yet) is None or empty.

    Attributes
    ----------
    written : when the card was
    performance, segments, bias : of the labelled rows that the version was judged on; the segments are its weakest
    importance, method : what it goes by, and how that was found out
    """

    spec: ModelSpec
    version: str
    written: datetime
    package: Package | None = None
    lineage: Lineage | None = None
    performance: Performance | None = None
    segments: tuple[SegmentFinding, ...] = ()
    bias: tuple[Row, ...] = ()
    importance: tuple[Ranked, ...] = ()
    method: AttributionMethod = AttributionMethod.SAMPLING

    @property
    def found_by(self) -> str:
        """How it was found out what the version goes by, in words."""
        exact = self.method is AttributionMethod.EXACT
        return "exact, of the fitted estimator" if exact else "sampled, by asking the version"
