"""What curation works with, in words that executors can be sent: they make clients of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watchkeeper.aws import label_values
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.deployed import store
from watchkeeper.aws.label_files import LabelFiles
from watchkeeper.labels import LabelReader
from watchkeeper.spec import ModelSpec


@dataclass(frozen=True)
class Curated:
    """The curated predictions of one model in a bucket, at the time of a run."""

    spec: ModelSpec
    bucket: str
    now: datetime

    @property
    def hours(self) -> CuratedHours:
        """Its hours."""
        return CuratedHours.of(store(self.bucket), self.spec, self.now)

    @property
    def files(self) -> LabelFiles:
        """Its files of labels."""
        return LabelFiles.of(store(self.bucket), self.spec, self.now, self.hours.days)

    def reader(self) -> LabelReader:
        """Who reads these."""
        return LabelReader(self.spec, label_values.known(store(self.bucket), self.spec.name))
