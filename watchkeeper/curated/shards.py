"""An hour of any size as files of a bounded one: each holds the rows whose ids begin with the same hexadecimal digits.

Ids are digests, so their first digits are spread evenly: a digit more makes 16 files of each, of a sixteenth. A small
hour has no digits and one file. Whoever reads or joins holds one file at a time, and a label can only meet the file
that its id's digits name. As an hour grows its files are cut further, and never put together again.
"""

from __future__ import annotations

from datetime import timedelta

HOUR_BYTES = 64 << 20
"""Staged rows of an hour, compressed, that a function files: 1.6 million of 20 features at 40 bytes. It needs 1.5 GB of
memory for a million that it puts with those that it filed an hour before."""
SHARD_BYTES = 32 << 20
"""Staged rows of one file of a larger hour, at most: some 800,000, for which an executor's worker needs 1.3 GB."""
SPARK_TIME = timedelta(minutes=30)
"""As long as the Spark job may take; what it did until then stays done."""
LONGEST_RUN = SPARK_TIME + timedelta(minutes=20)
"""As long as a run may take, from a function's look at what is staged to the last file that Spark writes: what was
staged so long before a file was written may not be in it."""


def digits(staged: int) -> int:
    """How many first digits of ids tell the files apart of an hour that is too large for one; `staged` is in bytes."""
    found = 1
    while staged > SHARD_BYTES * 16**found:
        found += 1
    return found
