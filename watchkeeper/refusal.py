"""Why a captured record cannot be read: its kind, which profiles count, and a message, which quarantine keeps."""

from __future__ import annotations

from enum import StrEnum

from watchkeeper.errors import CaptureError


class Reason(StrEnum):
    """The kinds. Their order is part of the profile's format: a new one comes last."""

    NOT_JSON = "the line is not JSON"
    TOO_LONG = "the record is too long"
    NO_RECORD = "the line is no capture record"
    NO_BODY = "the request or its answer was not captured"
    ENCODING = "the body is in no known encoding"
    MALFORMED = "the body is malformed"
    NO_ROW = "the request holds no row"
    TOO_FEW_VALUES = "a row has too few values"
    TOO_MANY_VALUES = "a row has too many values"
    NO_FEATURE = "a row has no known feature"
    ROWS_AND_ANSWERS = "rows and answers differ in number"
    ANSWER_FORM = "the answer has no known form"
    UNPAIRED = "a request without an answer, or an answer without a request"
    OTHER_CLASSES = "an answer holds probabilities of more, fewer or other classes"


class RefusedError(CaptureError):
    """A record that cannot be read.

    Attributes
    ----------
    reason : of which kind
    values : how many values the first wrong row has, where their number is what is wrong
    """

    def __init__(self, reason: Reason, message: str, values: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.values = values
