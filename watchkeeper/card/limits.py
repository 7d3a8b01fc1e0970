"""What the facts of a card leave open, in words: a reader trusts a card that says what it cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.card.facts import Facts
from watchkeeper.lineage import Lineage
from watchkeeper.performance.measured import Performance
from watchkeeper.trainingset import Split

FEW_ROWS = 1000
"""Of a holdout below which intervals are wide and small groups unseen."""


def limits(facts: Facts) -> tuple[str, ...]:
    """One sentence for each."""
    return (
        *_of_data(facts.lineage),
        *_of_performance(facts.performance),
        *_of_fairness(facts),
        *_of_features(facts),
    )


def _of_data(lineage: Lineage | None) -> Iterator[str]:
    if lineage is None:
        yield "Where this version comes from is not on record: it was registered by hand, or before cards were kept."
        return
    manifest = lineage.manifest
    if manifest.split is Split.RANDOM:
        yield "It was judged on rows drawn at random from its data, not on later ones: how it ages is not shown."
    if manifest.holdout_rows < FEW_ROWS:
        yield f"It was judged on {manifest.holdout_rows:,} rows only: see how wide the intervals are."
    left_out = manifest.unlabelled + manifest.unreadable
    if left_out and left_out > manifest.rows:
        yield (
            f"Of the rows that its data could hold, {left_out:,} had no label or could not be read: more than the "
            f"{manifest.rows:,} that were used. If they are missing for a reason, it learned from a part of the world."
        )
    if manifest.versions:
        yield (
            f"It learned from the answered traffic of {', '.join(sorted(manifest.versions))}: whatever those "
            "versions' decisions kept from being labelled, it has not seen."
        )


def _of_performance(performance: Performance | None) -> Iterator[str]:
    if performance is None:
        yield "Nobody has measured it on labelled rows."
        return
    unmeasured = [f"{each.name} ({each.reason})" for each in performance.metrics if each.value is None]
    if unmeasured:
        yield f"Not measured: {'; '.join(unmeasured)}."
    yield from (f"{note[0].upper()}{note[1:]}." for note in performance.notes)


def _of_fairness(facts: Facts) -> Iterator[str]:
    sensitive = [feature.name for feature in facts.spec.features if feature.sensitive]
    if not facts.bias:
        named = f" ({', '.join(sensitive)})" if sensitive else ""
        yield f"Fairness was not measured: no bias table is on record for its sensitive attributes{named}."


def _of_features(facts: Facts) -> Iterator[str]:
    if not facts.importance:
        yield "What it goes by was not measured: no attributions are on record."
    personal = [feature.name for feature in facts.spec.features if feature.personal]
    if personal:
        yield f"It takes {', '.join(personal)}, which are personal: nothing here says anything of them."
