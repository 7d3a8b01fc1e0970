"""SageMaker data capture: a stream of JSON Lines into blocks of typed columns.

Three readers, each slower and more general than the one before. Lines that share a template are read as CSV, without
parsing JSON (`alike`); records with CSV bodies in any other form are parsed and their bodies read at once (`joined`);
the rest is read record by record (`record`), which defines what a record means: the others give exactly what it would
give, and leave to it whatever they are not sure of. A record that cannot be read costs only itself: it is handed back
with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from watchkeeper.capture.alike import AlikeReader
from watchkeeper.capture.block import Block, Part, Unreadable, assembled, prediction_columns
from watchkeeper.capture.joined import JoinedReader
from watchkeeper.capture.lines import TOO_LONG, Piece, pieces
from watchkeeper.capture.prediction import Prediction
from watchkeeper.capture.record import Record, RecordReader
from watchkeeper.errors import CaptureError
from watchkeeper.spec import ModelSpec

ROWS_AS_OBJECTS = 20_000
"""So many rows are held as Python objects before they become columns: about 30 MB of 20 features."""


class CaptureReader(RecordReader):
    """Reads the captures of one model: whole objects as blocks, and single records."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self._task = spec.task
        self._alike = AlikeReader(spec, self)
        self._joined = JoinedReader(spec)
        self._nothing = Part(0, self.feature_columns(()), prediction_columns(spec.task, ()))

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[Block]:
        """Typed columns of the records in a stream of bytes that is cut anywhere.

        At most one block is held at a time: what a few megabytes of lines hold, however long the stream.
        """
        before = 0
        for piece in pieces(chunks):
            parts, unreadable, lines = self._read(piece, before + 1)
            before += lines
            yield from assembled(parts, self._nothing, unreadable)

    def _read(self, piece: Piece, first: int) -> tuple[list[Part], list[Unreadable], int]:
        """The parts of a piece, what could not be read, and how many lines it has."""
        if not piece.whole:
            return [], [Unreadable(first, TOO_LONG, piece.data)], 1
        taken = self._alike.read(piece.data)
        joined, left = self._joined.read(taken.lines, taken.left)
        unreadable: list[Unreadable] = []
        general = self._one_by_one(taken.lines, left, first, unreadable)
        return [*taken.parts, *joined, *general], unreadable, taken.count

    def _one_by_one(
        self, lines: Sequence[bytes], places: Sequence[int], first: int, unreadable: list[Unreadable]
    ) -> Iterator[Part]:
        """The parts of the lines at `places`, read by the general reader."""
        answered, silent = _Held([], []), _Held([], None)
        for place in places:
            try:
                record = self.record(lines[place])
            except CaptureError as error:
                unreadable.append(Unreadable(first + place, str(error), lines[place]))
                continue
            held = silent if record.outputs is None else answered
            held.add(record)
            if len(held.inputs) >= ROWS_AS_OBJECTS:
                yield self._part(held)
                held.clear()
        yield self._part(answered)
        yield self._part(silent)

    def _part(self, held: _Held) -> Part:
        predictions = None if held.outputs is None else prediction_columns(self._task, held.outputs)
        return Part(len(held.inputs), self.feature_columns(held.inputs), predictions)


@dataclass(frozen=True)
class _Held:
    """Rows that are not yet columns."""

    inputs: list[Sequence[object]]
    outputs: list[Prediction] | None

    def add(self, record: Record) -> None:
        self.inputs.extend(record.inputs)
        if self.outputs is not None:
            self.outputs.extend(record.outputs or ())

    def clear(self) -> None:
        self.inputs.clear()
        if self.outputs is not None:
            self.outputs.clear()
