"""Keys of labels, and of predictions as they are joined with them and counted."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from watchkeeper.naming.captures import HOUR, CaptureKey, hour_of


def labels_prefix(model: str) -> str:
    """Prefix under which users write ground truth, by the hour in which it was collected."""
    return f"labels/{model}/"


def feedback_key(model: str, received: datetime, batch: str) -> str:
    """Where the labels of one request to the feedback API are kept; `received` is in UTC, `batch` names its content."""
    return f"{labels_prefix(model)}{received:%Y/%m/%d/%H}/feedback-{batch}.jsonl"


def label_hour(model: str, key: str, written: datetime) -> datetime | None:
    """Start of the UTC hour under which a file of labels is filed; of one that lies loose, when it was written.

    None of a file in any other folder: nobody reads it.
    """
    filed = key.removeprefix(labels_prefix(model))
    if "/" not in filed:
        return written
    match = re.fullmatch(HOUR, filed)
    try:
        return None if match is None else hour_of(match)
    except ValueError:
        return None


def joined_prefix(model: str) -> str:
    """Prefix of the accounts of which label files were joined with predictions."""
    return f"joined/{model}/"


def joined_key(model: str, label_key: str) -> str:
    """Where the account of one label file is kept, filed as the file itself is."""
    folder, _, name = label_key.removeprefix(labels_prefix(model)).rpartition("/")
    return f"{joined_prefix(model)}{folder}/{hashlib.sha256(name.encode()).hexdigest()[:20]}.json"


def staged_prefix(model: str, day: datetime | None = None) -> str:
    """Prefix of the rows of captured objects that wait to be filed with their hour; of one UTC day."""
    return f"staged/{model}/" + (f"{day:%Y/%m/%d}/" if day else "")


def staged_key(model: str, capture: CaptureKey, start: int = 0) -> str:
    """Where the rows of one captured object are staged, or of the piece of it that begins at a byte."""
    name = f"{capture.version}--{capture.part_name}" + (f"-{start}" if start else "")
    return f"{staged_prefix(model)}{capture.hour:%Y/%m/%d/%H}/{name}.arrow"


def predictions_prefix(model: str, day: datetime | None = None) -> str:
    """Prefix of the curated predictions, a Glue table's partitions; of one UTC day."""
    return f"predictions/{model}/" + (f"dt={day:%Y-%m-%d}/" if day else "")


def predictions_key(model: str, version: str, hour: datetime, digits: str = "") -> str:
    """Where the curated predictions of one version and UTC hour are kept.

    Of an hour that is too large for one file, each holds those whose ids begin with these hexadecimal digits.
    """
    return f"{predictions_prefix(model, hour)}hr={hour:%H}/{_shard(version, digits)}.parquet"


def parse_predictions_key(model: str, key: str) -> tuple[datetime, str, str]:
    """Hour, version and first digits of ids, of a file of curated predictions."""
    day, hour, name = key.removeprefix(predictions_prefix(model)).split("/")
    start = datetime.strptime(f"{day} {hour}", "dt=%Y-%m-%d hr=%H").replace(tzinfo=UTC)
    version, _, digits = name.removesuffix(".parquet").partition("--")
    return start, version, digits


def outcomes_prefix(model: str, day: datetime | None = None) -> str:
    """Prefix of the outcomes of curated predictions; of one UTC day."""
    return f"outcomes/{model}/" + (f"{day:%Y/%m/%d}/" if day else "")


def outcomes_key(model: str, version: str, binning: str, hour: datetime) -> str:
    """Where the outcomes of one version's predictions of a UTC hour are kept, counted over these bins."""
    return f"{outcomes_prefix(model)}{hour:%Y/%m/%d/%H}/{version}--{binning}.json"


def ids_prefix(model: str, day: datetime | None = None) -> str:
    """Prefix of the ids of curated predictions; of one UTC day."""
    return f"ids/{model}/" + (f"{day:%Y/%m/%d}/" if day else "")


def ids_key(model: str, version: str, hour: datetime, digits: str = "") -> str:
    """Where the ids of a file of curated predictions are kept: digests, in ascending order."""
    return f"{ids_prefix(model)}{hour:%Y/%m/%d/%H}/{_shard(version, digits)}"


def _shard(version: str, digits: str) -> str:
    return f"{version}--{digits}" if digits else version
