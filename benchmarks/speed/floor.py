"""The fastest parse alone, as a program: captures into typed columns, without checking a thing.

It finds each request between two fixed marks and lets pyarrow read them all as one CSV. Any escape, other encoding or
several rows a request would break it: it is a floor to measure against, and no reader.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc

from benchmarks.peers.detector import Columns

_BEFORE, _AFTER = b'"endpointInput":{', b'"data":"'


def main() -> None:
    """Parse `FOLDER FILE`."""
    folder, file = map(Path, sys.argv[1:])
    columns = Columns.read(folder)
    text = pa.dictionary(pa.int32(), pa.string())
    types = dict.fromkeys(columns.numbers, pa.float64()) | dict.fromkeys(columns.categories, text)
    started = time.process_time()
    requests = []
    with file.open("rb") as lines:
        for line in lines:
            start = line.index(_AFTER, line.index(_BEFORE)) + len(_AFTER)
            requests.append(line[start : line.index(b'"', start)])
    table = pc.read_csv(
        pa.BufferReader(b"\n".join(requests)),
        pc.ReadOptions(column_names=columns.all, use_threads=False, block_size=4 << 20),
        pc.ParseOptions(quote_char=False),
        pc.ConvertOptions(column_types=types, strings_can_be_null=True),
    )
    print(json.dumps({"parse": time.process_time() - started, "rows": table.num_rows}))


if __name__ == "__main__":
    main()
