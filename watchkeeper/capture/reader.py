"""SageMaker data capture: a stream of JSON Lines into blocks of typed columns.

Three readers, each slower and more general than the one before. Lines that share a template are read as CSV, without
parsing JSON (`alike`); records with CSV bodies in any other form are parsed and their bodies read at once (`joined`);
the rest is read record by record (`record`), which defines what a record means: the others give exactly what it would
give, and leave to it whatever they are not sure of. A record that cannot be read costs only itself: it is handed back
with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from watchkeeper.capture.alike import AlikeReader
from watchkeeper.capture.block import Block, Part, Unreadable, assembled
from watchkeeper.capture.joined import JoinedReader
from watchkeeper.capture.lines import TOO_LONG, Piece, pieces
from watchkeeper.capture.record import Held, RecordReader
from watchkeeper.refusal import Reason, RefusedError
from watchkeeper.spec import ModelSpec

ROWS_AS_OBJECTS = 20_000
"""So many rows are held as Python objects before they become columns: about 30 MB of 20 features."""


class CaptureReader(RecordReader):
    """Reads the captures of one model: whole objects as blocks, and single records.

    With `identified`, blocks tell whose rows they hold, at a fifth more of the time.
    """

    def __init__(self, spec: ModelSpec, *, identified: bool = False) -> None:
        super().__init__(spec, identified=identified)
        self._alike = AlikeReader(spec, self)
        self._joined = JoinedReader(spec, identified=identified)
        self._nothing = self.part(Held(outputs=[]))

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
            return [], [Unreadable(first, TOO_LONG, piece.data, Reason.TOO_LONG)], 1
        taken = self._alike.read(piece.data)
        joined, left = self._joined.read(taken.lines, taken.left)
        unreadable: list[Unreadable] = []
        general = self._one_by_one(taken.lines, left, first, unreadable)
        return [*taken.parts, *joined, *general], unreadable, taken.count

    def _one_by_one(
        self, lines: Sequence[bytes], places: Sequence[int], first: int, unreadable: list[Unreadable]
    ) -> Iterator[Part]:
        """The parts of the lines at `places`, read by the general reader."""
        answered, silent = Held(outputs=[]), Held(outputs=None)
        for place in places:
            try:
                record = self.record(lines[place])
            except RefusedError as error:
                unreadable.append(Unreadable.of(first + place, error, lines[place]))
                continue
            held = silent if record.outputs is None else answered
            held.add(record)
            if len(held.inputs) >= ROWS_AS_OBJECTS:
                yield self.part(held)
                held.clear()
        yield self.part(answered)
        yield self.part(silent)
