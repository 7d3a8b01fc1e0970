"""Baselines: what is written is what is read, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from watchkeeper.capture import Block
from watchkeeper.errors import BaselineError
from watchkeeper.profile import Baseline, Binning
from watchkeeper.table import CategoryColumn, Column, NumberColumn, TimeColumn

AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def base() -> Baseline:
    random = np.random.default_rng(0)
    features: dict[str, Column] = {
        "zeta": NumberColumn(random.normal(0, 1, 300)),
        "alpha": CategoryColumn.of([f"é{i % 7}" for i in range(300)]),
        "heavy": NumberColumn(random.pareto(0.5, 300)),
        "when": TimeColumn(random.uniform(0, 1e9, 300)),
        "none": NumberColumn(np.full(300, np.nan)),
        "same": NumberColumn(np.full(300, 7.0)),
    }
    predictions: dict[str, Column] = {"predicted score": NumberColumn(random.random(300))}
    binning = Binning.fit(features, predictions)
    return Baseline.build("credit", "v1", AT, binning, [Block(300, features, predictions)])


def test_a_baseline_survives_the_round_trip(base: Baseline):
    # given a baseline; when written and read
    again = Baseline.from_json(base.to_json())

    # then it is the same, columns in the same order, and profiles made with either merge
    assert again == base
    assert list(again.binning.features) == ["zeta", "alpha", "heavy", "when", "none", "same"]
    assert again.to_json() == base.to_json()
    assert again.empty().merge(base.empty()) == base.empty()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"rows":300', b'"rows":301', "changed after it was made"),
        (b'"version":"v1"', b'"version":"v2"', "changed after it was made"),
        (b'"format":2,"hash"', b'"format":9,"hash"', "format 9"),
    ],
)
def test_a_baseline_that_was_tampered_with_is_refused(base: Baseline, old: bytes, new: bytes, message: str):
    # given a baseline changed by hand
    text = base.to_json()
    assert old in text

    # when read; then that is refused
    with pytest.raises(BaselineError, match=message):
        Baseline.from_json(text.replace(old, new))


@pytest.mark.parametrize("text", [b"[]", b"{}", b"", b"7", b'{"format":2}'])
def test_what_is_no_baseline_is_refused(text: bytes):
    # given other text; when read; then a baseline error says so
    with pytest.raises(BaselineError):
        Baseline.from_json(text)


def test_the_same_baseline_for_another_version_has_another_id(base: Baseline):
    # given a baseline; when it is given to another version
    copy = base.for_version("v2")

    # then it differs in version and id alone
    assert copy.id != base.id
    assert copy.version == "v2"
    assert copy.binning == base.binning
    assert np.array_equal(copy.reference.vector, base.reference.vector)
    assert copy.reference.baseline == copy.id
