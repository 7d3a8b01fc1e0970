"""Model Monitor's files: nothing is lost on the way through, and what is wrong is told with its place."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.errors import ModelMonitorError
from watchkeeper.modelmonitor import Constraints, InferredType, Statistics, Violations
from watchkeeper.modelmonitor.document import overlay

FILES = Path(__file__).parent / "modelmonitor_files"
READERS = {
    "statistics.json": Statistics,
    "constraints.json": Constraints,
    "constraint_violations.json": Violations,
}


def content(name: str) -> bytes:
    return (FILES / name).read_bytes()


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_read_and_written_is_the_same_file_unknown_fields_and_all(name: str) -> None:
    # given
    text = content(name)
    # when
    written = READERS[name].from_json(text).to_json()
    # then
    assert json.loads(written) == json.loads(text)
    assert list(_walk(json.loads(written))) == list(_walk(json.loads(text)))  # the order of fields too
    assert READERS[name].from_json(written) == READERS[name].from_json(text)


def _walk(value: Any) -> Any:
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)


def test_statistics_are_typed() -> None:
    # when
    statistics = Statistics.from_json(content("statistics.json"))
    # then
    age, home = statistics.feature("age"), statistics.feature("home")
    assert statistics.item_count == 190
    assert age is not None
    assert age.inferred_type is InferredType.INTEGRAL
    assert age.numerical is not None
    assert age.numerical.sketch is not None
    assert (age.numerical.max, len(age.numerical.buckets), age.numerical.sketch.k) == (79.0, 10, 2048.0)
    assert home is not None
    assert home.string is not None
    assert home.string.counts == {"rent": 100, "own": 88}
    assert home.completeness == 188 / 190
    assert statistics.feature("income") is None


def test_a_columns_overrides_change_the_files_configuration_for_it_alone_wherever_they_are_written() -> None:
    # given
    constraints = Constraints.from_json(content("constraints.json"))
    age, income, home = constraints.features
    # then
    assert age.config(constraints.config) == constraints.config
    assert not income.config(constraints.config).perform_comparison
    assert home.config(constraints.config).domain_content_threshold == 0.5
    assert constraints.config.categorical_threshold == constraints.config.comparison_threshold == 0.1


def test_a_changed_constraint_is_written_and_all_else_is_kept() -> None:
    # given
    constraints = Constraints.from_json(content("constraints.json"))
    age, *others = constraints.features
    # when
    changed = replace(
        constraints,
        features=(*others, replace(age, completeness=0.5)),
        config=replace(constraints.config, comparison_threshold=0.2),
    )
    document = json.loads(changed.to_json())
    # then
    assert [feature["name"] for feature in document["features"]] == ["income", "home", "age"]
    assert document["features"][2]["completeness"] == 0.5
    assert document["features"][0]["monitoringConfigOverrides"]
    assert document["monitoring_config"]["distribution_constraints"]["comparison_threshold"] == 0.2
    assert document["monitoring_config"]["written_by"] == "a container of our own"


def test_older_spellings_are_understood() -> None:
    # given
    text = b"""{"features": [], "monitoring_config": {"distribution_constraints":
        {"comparion_method": "linf_simple", "enable_comparisons": true, "comparison_threshold": 1.0}}}"""
    # when
    constraints = Constraints.from_json(text)
    # then
    assert (constraints.config.comparison_method, constraints.config.comparison_threshold) == ("Simple", 1.0)
    assert json.loads(constraints.to_json()) == json.loads(text) | {"version": 0.0}


@pytest.mark.parametrize(
    ("reader", "text", "place"),
    [
        (Constraints, b"{", "constraints.json is not JSON"),
        (Constraints, b"[]", "constraints.json holds a list"),
        (Constraints, b'{"violations": []}', "constraints.json has no list 'features' .it has violations"),
        (Constraints, b'{"features": [{"name": 3}]}', r"features\[0\].name is 3, but must be a text"),
        (Constraints, b'{"features": ["age"]}', r"features\[0\] is 'age', but must be an object"),
        (Constraints, b'{"features": [{"name": "a", "inferred_type": "Number"}]}', r"features\[0\].inferred_type is"),
        (Constraints, b'{"features": [{"name": "a", "completeness": 2}]}', r"completeness is 2, but a share"),
        (Constraints, b'{"features": [{"name": "a"}, {"name": "a"}]}', r"features\[1\].name is 'a', which an earlier"),
        (Constraints, b'{"features": [{"name": "a", "num_constraints": {"is_non_negative": 1}}]}', "is_non_negative"),
        (Constraints, b'{"features": [{"name": "a", "string_constraints": {"domains": [1]}}]}', "domains must be"),
        (
            Constraints,
            b'{"features": [{"name": "a", "monitoringConfigOverrides": {"emit_metrics": true}}]}',
            r"features\[0\].monitoringConfigOverrides.emit_metrics is True, but must be 'Enabled' or 'Disabled'",
        ),
        (
            Constraints,
            b'{"features": [], "monitoring_config": {"distribution_constraints": {"comparison_method": "KS"}}}',
            "constraints.json: monitoring_config.distribution_constraints.comparison_method is 'KS'",
        ),
        (Statistics, b'{"features": [{"name": "a", "numerical_statistics": {}}]}', "common.num_present is missing"),
        (
            Statistics,
            b'{"features": [{"name": "a", "numerical_statistics": {"common": {"num_present": 1, "num_missing": 0},'
            b'"distribution": {"kll": {"sketch": {"data": [["x"]]}}}}}]}',
            r"kll.sketch.data\[0\] must be a list of numbers",
        ),
        (Statistics, b'{"features": 3}', "has no list 'features'"),
        (Violations, b'{"violations": [{}]}', r"violations\[0\].constraint_check_type is missing"),
    ],
)
def test_a_bad_file_is_refused_with_the_place_of_its_fault(reader: Any, text: bytes, place: str) -> None:
    # then
    with pytest.raises(ModelMonitorError, match=place) as caught:
        reader.from_json(text)
    assert str(caught.value).endswith((".", "?"))


def test_statistics_of_no_rows_have_no_mean() -> None:
    # given
    text = b"""{"dataset": {"item_count": 0}, "features": [{"name": "a", "inferred_type": "Unknown",
        "numerical_statistics": {"common": {"num_present": 0, "num_missing": 0}, "mean": NaN, "sum": "NaN"}}]}"""
    # when
    (feature,) = Statistics.from_json(text).features
    # then
    assert feature.numerical is not None
    assert feature.numerical.mean is feature.numerical.sum is None
    assert feature.completeness == 1.0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_laying_a_document_over_itself_changes_nothing(document: Any) -> None:
    # then
    assert overlay(document, document) == document


@given(st.dictionaries(st.text(max_size=2), JSON, max_size=4), st.dictionaries(st.text(max_size=2), JSON, max_size=4))
def test_what_is_known_wins_and_what_is_not_known_stays(origin: dict[str, Any], known: dict[str, Any]) -> None:
    # when
    written = overlay(origin, known)
    # then
    assert overlay(written, known) == written
    assert written.keys() == origin.keys() | known.keys()
    for name, value in origin.items():
        if name not in known:
            assert written[name] == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_an_error_of_ours(text: bytes) -> None:
    # then
    for reader in READERS.values():
        with suppress(ModelMonitorError):
            reader.from_json(text)


@given(st.dictionaries(st.sampled_from(["features", "violations", "version", "dataset", "monitoring_config"]), JSON))
def test_any_document_is_read_or_refused_with_an_error_of_ours(document: dict[str, Any]) -> None:
    # then
    for reader in READERS.values():
        with suppress(ModelMonitorError):
            reader.from_json(json.dumps(document).encode())
