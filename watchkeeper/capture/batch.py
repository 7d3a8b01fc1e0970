"""What a batch transform job captured: pairs of files, each line of the one answering a line of the other.

A job with data capture writes no records. Under `<destination>/input/yyyy/mm/dd/hh/` and `…/output/yyyy/mm/dd/hh/` it
leaves manifests, which name the files that it read and wrote: a list whose first element is the prefix that the others
have in common. The answers to `name.csv` are in `name.csv.out`. With `GenerateInferenceId` each answer also holds an id
and a time, which are no part of what the model said: by the id ground truth names the row.

The files are read as the job splits them: a line is a request, and the same line of the other file its answer. Blank
lines are passed over in both.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple, TypeAlias

from watchkeeper import jsonio
from watchkeeper.capture import fields, moments, payload
from watchkeeper.capture.block import Block, Part, Unreadable, assembled
from watchkeeper.capture.joined import Exchange, JoinedReader
from watchkeeper.capture.lines import PIECE_BYTES, TOO_LONG, pieces
from watchkeeper.capture.record import Held, Record, RecordReader
from watchkeeper.cells import UNKNOWN_TIME
from watchkeeper.errors import CaptureError
from watchkeeper.refusal import Reason, RefusedError
from watchkeeper.spec import InputFormat, ModelSpec

PAIRS_AT_ONCE = 20_000
ANSWERED = ".out"
"""What a job appends to the name of a file that it answered."""

_GENERATED = re.compile(
    r",\s*(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}),\s*(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)\s*$"
)
_ID, _TIME = "SageMakerInferenceId", "SageMakerInferenceTime"
_GENERATED_KEYS = frozenset({_ID, _TIME})
_WRAPPERS = frozenset({"output", "SageMakerOutput"})


_NO_MANIFEST = (
    'The object is no manifest of a batch transform job: expected [{"prefix": "s3://…"}, "file", …]. Keep nothing else '
    "under the job's capture destination."
)


@dataclass(frozen=True)
class FilePair:
    """URIs of a file of requests and of the file of its answers (None: there is none)."""

    requests: str
    answers: str | None


def manifest_uris(text: bytes) -> list[str]:
    """The URIs that a manifest names: one JSON list, or one a line.

    Raises
    ------
    CaptureError
        The text is no manifest.
    """
    try:
        lists = [jsonio.loads(text)]
    except ValueError:
        lists = [_json(line) for line in text.splitlines() if line.strip()]
    found: list[str] = []
    for names in lists or [None]:
        if not isinstance(names, list) or not names or not isinstance(names[0], Mapping):
            raise CaptureError(_NO_MANIFEST)
        prefix, *keys = names
        if not isinstance(prefix.get("prefix"), str) or not all(isinstance(key, str) for key in keys):
            raise CaptureError(_NO_MANIFEST)
        found.extend(prefix["prefix"] + key for key in keys)
    return found


def _json(line: bytes) -> Any:
    try:
        return jsonio.loads(line)
    except ValueError as error:
        raise CaptureError(_NO_MANIFEST) from error


def paired(requests: Sequence[str], answers: Sequence[str]) -> list[FilePair]:
    """Each file of requests with the file of its answers: the one that ends alike, for as long as possible."""
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for uri in answers:
        by_name[uri.rpartition("/")[2]].append(uri)
    pairs = []
    for uri in requests:
        wanted = f"{uri}{ANSWERED}".split("/")
        best = max(by_name[wanted[-1]], key=lambda other: _alike(wanted, other.split("/")), default=None)
        pairs.append(FilePair(uri, best))
    return pairs


def _alike(first: Sequence[str], second: Sequence[str]) -> int:
    """How many path segments are the same, from the end."""
    pairs = zip(reversed(first), reversed(second), strict=False)
    return next((count for count, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


@dataclass(frozen=True)
class _Line:
    """A line that is not blank, without its end; of one that is too long (`whole` is False) the first bytes."""

    number: int
    data: bytes
    whole: bool

    def text(self) -> str:
        """The line's text."""
        if not self.whole:
            raise RefusedError(Reason.TOO_LONG, TOO_LONG)
        try:
            return self.data.decode()
        except UnicodeDecodeError as error:
            raise RefusedError(
                Reason.MALFORMED, f"The line is not UTF-8 text (at byte {error.start}); send text."
            ) from error


_Pair: TypeAlias = tuple[_Line | None, _Line | None]


class _Generated(NamedTuple):
    """The id and the time of an answer, as the job wrote them; none where it generates none."""

    id: str = ""
    time: object = None


class BatchReader:
    """Reads pairs of files of one model, as `CaptureReader` reads captures.

    With `identified`, blocks tell whose rows they hold, by the id that the job generated, if it did; with `numbered` as
    well, by the number of the line, counted from 1.

    Parameters
    ----------
    answered : when answers were given that do not tell
    """

    def __init__(
        self, spec: ModelSpec, *, identified: bool = False, numbered: bool = False, answered: datetime | None = None
    ) -> None:
        self._json = spec.input_format is InputFormat.JSON
        self._numbered = numbered
        self._seconds = UNKNOWN_TIME if answered is None else int(answered.timestamp())
        self._records = RecordReader(spec, identified=identified)
        self._joined = JoinedReader(spec, identified=identified)
        self._nothing = self._records.part(Held(outputs=[]))

    def blocks(self, requests: Iterable[bytes], answers: Iterable[bytes] | None) -> Iterator[Block]:
        """Typed columns of the rows in two streams of bytes, cut anywhere; at most one block is held at a time."""
        answered = answers is not None
        pairs = zip_longest(_lines(requests), _lines(answers or ()))
        for some in _batches(pairs):
            parts, unreadable = self._read(some, answered)
            yield from assembled(parts, self._nothing, unreadable)

    def _read(self, pairs: Sequence[_Pair], answered: bool) -> tuple[list[Part], list[Unreadable]]:
        parts: list[Part] = []
        taken: set[int] = set()
        if fields.AVAILABLE and not self._json:
            exchanges = ((place, self._exchange(pair, answered)) for place, pair in enumerate(pairs))
            parts, taken = self._joined.read_exchanges(exchanges)
        held = Held(outputs=[] if answered else None)
        unreadable: list[Unreadable] = []
        for place, pair in enumerate(pairs):
            if place in taken:
                continue
            try:
                held.add(self._record(pair, answered))
            except RefusedError as error:
                line = pair[0] or pair[1]
                assert line is not None  # a pair has at least one side
                unreadable.append(Unreadable.of(line.number, error, line.data))
        return [*parts, self._records.part(held)], unreadable

    def _record(self, pair: _Pair, answered: bool) -> Record:
        """One pair, read with every form that bodies have."""
        asked, told = pair
        if asked is None or (answered and told is None):
            raise RefusedError(
                Reason.UNPAIRED,
                "A request has no answer or an answer no request; let the job split its input by line, and assemble "
                "its output by line.",
            )
        text = asked.text()
        rows: list[Any] = payload.json_rows(text, "request") if self._json else payload.csv_rows(text)
        inputs, outputs, generated = self._records.input_rows(rows), None, _Generated()
        if told is not None:
            answers, generated = _answer_rows(told.text())
            outputs = self._records.output_rows(answers, len(inputs), "answer")
        identity, time = self._whose(asked, generated)
        return Record(identity, None, time, inputs, outputs, self._records.keys.shapes(rows))

    def _exchange(self, pair: _Pair, answered: bool) -> Exchange | None:
        """One pair, if both are plain CSV."""
        asked, told = pair
        if asked is None or (answered and told is None):
            return None
        try:
            answer, generated = (None, _Generated()) if told is None else _parted(told.text())
            if answer is not None and answer.lstrip().startswith(("{", "[")):
                return None
            identity, time = self._whose(asked, generated)
            return Exchange.of(asked.text(), answer, answered=answered, time=time, id=identity)
        except CaptureError:
            return None

    def _whose(self, asked: _Line, generated: _Generated) -> tuple[str, int]:
        """Id and time of a pair."""
        time = moments.seconds(generated.time)
        return str(asked.number) if self._numbered else generated.id, self._seconds if time == UNKNOWN_TIME else time


def _lines(chunks: Iterable[bytes]) -> Iterator[_Line]:
    number = 0
    for piece in pieces(chunks):
        lines = piece.data.split(b"\n")
        if piece.whole:
            lines.pop()  # what follows the last line's end
        for line in lines:
            number += 1
            if line.strip():
                yield _Line(number, line, piece.whole)


def _batches(pairs: Iterable[_Pair]) -> Iterator[list[_Pair]]:
    """Pairs that together are neither too many nor too large."""
    some: list[_Pair] = []
    size = 0
    for pair in pairs:
        some.append(pair)
        size += sum(len(line.data) for line in pair if line is not None)
        if len(some) >= PAIRS_AT_ONCE or size >= PIECE_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _parted(text: str) -> tuple[str, _Generated]:
    """CSV as the model answered it, and what the job appended."""
    found = _GENERATED.search(text)
    return (text, _Generated()) if found is None else (text[: found.start()], _Generated(found["id"], found["time"]))


def _answer_rows(text: str) -> tuple[list[Any], _Generated]:
    """The rows of an answer in any form, and what the job generated."""
    text, appended = _parted(text)
    if not text.lstrip().startswith(("{", "[")):
        return payload.csv_rows(text), appended
    rows = payload.json_rows(text, "answer")
    for row in rows:
        if isinstance(row, Mapping) and isinstance(row.get(_ID), str):
            appended = _Generated(row[_ID], row.get(_TIME))
            break
    return [_without_generated(row) for row in rows], appended


def _without_generated(row: Any) -> Any:
    """The answer as the model gave it; the job puts one that is no object under a key of its own."""
    if not isinstance(row, Mapping) or not _GENERATED_KEYS & row.keys():
        return row
    kept = {key: value for key, value in row.items() if key not in _GENERATED_KEYS}
    return next(iter(kept.values())) if kept.keys() & _WRAPPERS and len(kept) == 1 else kept
