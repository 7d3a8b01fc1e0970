"""Whose groups are compared on a user's own data: what the options become in a model's file, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from cli.demo import own_data
from cli.demo.people import People
from tests.unit.test_demo_data import LIKE
from watchkeeper.config import parse
from watchkeeper.errors import DatasetError


def table(labels: Any = ("<=50K", ">50K")) -> pd.DataFrame:
    n = 300
    generator = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "age": generator.integers(18, 80, n),
            "sex": generator.choice(["Male", "Female"], n),
            "a=b": generator.choice(["x", "y"], n),
            "income": np.resize(np.array(labels), n),
        }
    )


def bias(sensitive: tuple[str, ...], favourable: tuple[str, ...] = (), labels: Any = ("<=50K", ">50K")) -> Any:
    """The section `monitors.bias` of the file, which is one that can be deployed."""
    people = People(sensitive, favourable)
    text = own_data.describe(table(labels), "income", Path("x.csv"), LIKE, people)
    parse(text, "x")
    document = yaml.safe_load(text)
    assert document["input"]["sensitive"] == [each["name"] for each in document["monitors"]["bias"]["attributes"]]
    return document["monitors"]["bias"]


def test_categories_are_named_with_or_without_the_group_that_others_are_compared_with() -> None:
    # when
    found = bias(("sex=Male", "a=b"))
    # then
    assert found["attributes"] == [{"name": "sex", "favoured": ["Male"]}, {"name": "a=b"}]
    assert "favourable" not in found


def test_numbers_come_with_cut_points() -> None:
    assert bias(("age:25,60=25 to under 60",))["attributes"] == [
        {"name": "age", "cuts": [25.0, 60.0], "favoured": ["25 to under 60"]}
    ]


def test_without_sensitive_columns_there_is_nobody_to_watch() -> None:
    # when
    document = yaml.safe_load(own_data.describe(table(), "income", Path("x.csv"), LIKE, People()))
    # then
    assert "bias" not in document["monitors"]
    assert "sensitive" not in document["input"]


@pytest.mark.parametrize(
    ("value", "labels", "written"),
    [
        (">50K", ("<=50K", ">50K", "<=50K"), {}),
        ("<=50K", ("<=50K", ">50K", "<=50K"), {"favourable": "negative"}),
        ("gold", ("gold", "silver", "none"), {"favourable": ["gold"]}),
        ("0.5", np.linspace(0, 1, 300), {"favourable_from": 0.5}),
    ],
)
def test_the_favourable_outcome_is_a_value_of_the_label(value: str, labels: Any, written: dict[str, Any]) -> None:
    # when
    found = bias(("sex",), (value,), labels)
    # then
    assert {name: found[name] for name in found if name.startswith("favourable")} == written


@pytest.mark.parametrize(
    ("sensitive", "favourable", "labels", "said"),
    [
        ("gendre", (), ("0", "1"), "no feature 'gendre'. The features are age, sex, a=b"),
        ("sex=male", (), ("0", "1"), "no group 'male'. Its groups are 'Female', 'Male'"),
        ("sex:1,2", (), ("0", "1"), "holds categories: leave the cut points out"),
        ("age", (), ("0", "1"), "Write --sensitive age:25,60 with cut points of your own"),
        ("age:young", (), ("0", "1"), "the cut points 'young' are no numbers"),
        ("sex", ("rich",), ("0", "1"), "has no such value. It has '0', '1'"),
        ("sex", ("0", "1"), ("0", "1"), "of two values one is favourable, and '0' is"),
        ("sex", (), ("a", "b", "c"), "which of 'a', 'b', 'c' would people wish for"),
        ("sex", (), np.linspace(0, 1, 300), "from which value of 'income' on"),
        ("sex", ("much",), np.linspace(0, 1, 300), "is a number, give one"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_to_write(
    sensitive: str, favourable: tuple[str, ...], labels: Any, said: str
) -> None:
    with pytest.raises(DatasetError) as refused:
        bias((sensitive,), favourable, labels)
    assert said in str(refused.value)
