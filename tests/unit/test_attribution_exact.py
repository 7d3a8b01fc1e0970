"""Exact values of linear models and trees are those of sampling, within its errors; other models are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from attribution_support import exact as enumerated
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from watchkeeper.attribution import PlanSettings, Scale, attributions, plan
from watchkeeper.attribution.exact import exact_attributions
from watchkeeper.errors import ExplanationError

pytest.importorskip("shap", reason="shap is in the dev group, for Python 3.12 and later")

RANDOM = np.random.default_rng(5)
NUMBERS = pd.DataFrame(RANDOM.normal(size=(400, 4)), columns=["a", "b", "c", "d"])
MIXED = NUMBERS.assign(purpose=RANDOM.choice(["car", "house", "boat"], size=400))
TRUTH = (NUMBERS.a * NUMBERS.b + NUMBERS.c + (MIXED.purpose == "car") > 0.2).astype(int)
ROWS, BACKGROUND = slice(0, 6), slice(200, 350)
NUMERIC = ["a", "b", "c", "d"]


def sampled(answer, table: pd.DataFrame, scale: Scale = Scale.SCORE, pairs: int = 150):
    rows, background = table.iloc[ROWS], table.iloc[BACKGROUND]
    made = plan(
        list(table.columns),
        rows.to_numpy(object).tolist(),
        background.to_numpy(object).tolist(),
        PlanSettings(pairs=pairs, most_requests=1_000_000),
    )
    asked = pd.DataFrame(list(made.requests()), columns=table.columns).astype(table.dtypes.to_dict())
    return attributions(made, answer(asked), scale=scale)


def agree(found, sampling) -> None:
    away = np.abs(found.values - sampling.values)
    assert (away <= 4.5 * sampling.errors + 1e-7).all()
    assert np.abs(found.values).max() > 5 * sampling.errors.min()
    np.testing.assert_allclose(found.predictions, sampling.predictions, atol=1e-6)
    assert found.features == sampling.features
    assert found.scale is sampling.scale


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(15, max_depth=5, random_state=0),
        make_pipeline(StandardScaler(), RandomForestClassifier(15, max_depth=5, random_state=0)),
    ],
    ids=["forest", "scaled forest"],
)
def test_probabilities_of_forests_are_explained_as_sampling_does(model):
    model.fit(NUMBERS, TRUTH)

    found = exact_attributions(model, NUMBERS.iloc[ROWS], NUMBERS.iloc[BACKGROUND])

    agree(found, sampled(lambda table: model.predict_proba(table)[:, 1], NUMBERS))


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingClassifier(n_estimators=20, random_state=0),
        make_pipeline(SimpleImputer(), GradientBoostingClassifier(n_estimators=20, random_state=0)),
        HistGradientBoostingClassifier(max_iter=20),
    ],
    ids=["boosting", "imputed boosting", "histogram boosting"],
)
def test_log_odds_of_boosted_trees_are_explained_as_sampling_does(model):
    model.fit(NUMBERS, TRUTH)

    found = exact_attributions(model, NUMBERS.iloc[ROWS], NUMBERS.iloc[BACKGROUND])

    agree(found, sampled(lambda table: model.predict_proba(table)[:, 1], NUMBERS, Scale.LOG_ODDS))


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(9, max_depth=5, random_state=0),
        GradientBoostingClassifier(n_estimators=20, max_depth=4, random_state=0),
        LogisticRegression(),
    ],
    ids=["forest", "boosting", "linear"],
)
def test_values_of_classifiers_are_those_of_going_through_all_coalitions(model):
    model.fit(NUMBERS.to_numpy(), TRUTH)
    rows, background = (NUMBERS.iloc[part].set_axis(range(4), axis=1) for part in (ROWS, BACKGROUND))

    found = exact_attributions(model, rows, background)

    def answer(table):
        shares = model.predict_proba(table)[:, 1]
        return shares if found.scale is Scale.SCORE else np.log(shares / (1 - shares))

    true = [enumerated(answer, row, background.to_numpy()) for row in rows.to_numpy()]
    np.testing.assert_allclose(found.values, true, atol=1e-6)


def test_the_other_class_has_the_same_contributions_with_the_other_sign():
    for model in (
        RandomForestClassifier(5, random_state=0),
        GradientBoostingClassifier(n_estimators=5),
        LogisticRegression(),
    ):
        model.fit(NUMBERS, TRUTH)
        first, second = (
            exact_attributions(model, NUMBERS.iloc[ROWS], NUMBERS.iloc[BACKGROUND], output) for output in (0, 1)
        )
        np.testing.assert_allclose(first.values, -second.values, atol=1e-7)


@pytest.mark.parametrize(
    "model", [DecisionTreeRegressor(max_depth=5), ExtraTreesRegressor(10, max_depth=5, random_state=0)]
)
def test_values_of_regression_trees_are_those_of_going_through_all_coalitions(model):
    model.fit(NUMBERS.to_numpy(), NUMBERS.a * NUMBERS.b)
    rows, background = NUMBERS.iloc[ROWS], NUMBERS.iloc[BACKGROUND]

    found = exact_attributions(model, rows.set_axis(range(4), axis=1), background.set_axis(range(4), axis=1))

    true = [enumerated(model.predict, row, background.to_numpy()) for row in rows.to_numpy()]
    np.testing.assert_allclose(found.values, true, atol=1e-6)


def test_categories_of_a_linear_model_are_explained_as_one_feature():
    encode = make_column_transformer((OneHotEncoder(), ["purpose"]), (StandardScaler(), NUMERIC))
    model = make_pipeline(encode, LogisticRegression()).fit(MIXED, TRUTH)

    found = exact_attributions(model, MIXED.iloc[ROWS], MIXED.iloc[BACKGROUND])

    agree(found, sampled(lambda table: model.predict_proba(table)[:, 1], MIXED, Scale.LOG_ODDS))
    np.testing.assert_allclose(found.values.sum(axis=1), found.predictions - found.base, atol=1e-9)


def test_a_linear_regression_is_explained_by_its_weights():
    model = Ridge().fit(NUMBERS, NUMBERS.a - 2 * NUMBERS.b)

    found = exact_attributions(model, NUMBERS.iloc[ROWS], NUMBERS.iloc[BACKGROUND])

    away = NUMBERS.iloc[ROWS] - NUMBERS.iloc[BACKGROUND].mean()
    np.testing.assert_allclose(found.values, away * model.coef_, atol=1e-9)
    assert found.scale is Scale.SCORE
    assert not found.errors.any()


def test_trees_take_categories_that_are_encoded_in_one_column():
    encode = make_column_transformer((OrdinalEncoder(), ["purpose"]), ("passthrough", NUMERIC))
    model = make_pipeline(encode, RandomForestClassifier(15, max_depth=5, random_state=0)).fit(MIXED, TRUTH)

    found = exact_attributions(model, MIXED.iloc[ROWS], MIXED.iloc[BACKGROUND])

    agree(found, sampled(lambda table: model.predict_proba(table)[:, 1], MIXED))
    assert np.abs(found.values[:, -1]).max() > 0.01


def test_missing_values_are_explained_too():
    holed = NUMBERS.mask(RANDOM.random(NUMBERS.shape) < 0.1)
    model = make_pipeline(SimpleImputer(), RandomForestClassifier(15, max_depth=5, random_state=0)).fit(holed, TRUTH)

    found = exact_attributions(model, holed.iloc[ROWS], holed.iloc[BACKGROUND])

    agree(found, sampled(lambda table: model.predict_proba(table)[:, 1], holed))


def test_an_xgboost_classifier_is_explained_as_sampling_does():
    xgboost = pytest.importorskip("xgboost", reason="xgboost is for whoever trains with it")
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=4).fit(NUMBERS, TRUTH)

    found = exact_attributions(model, NUMBERS.iloc[ROWS], NUMBERS.iloc[BACKGROUND])

    agree(found, sampled(lambda table: model.predict_proba(table)[:, 1].astype(float), NUMBERS, Scale.LOG_ODDS))


class Wrapped(Ridge):
    """An estimator of somebody's own."""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KNeighborsClassifier(), "neither a linear model nor made of trees"),
        (Wrapped(), "neither of scikit-learn nor of xgboost"),
        (make_pipeline(PCA(2), Ridge()), "depends on several features"),
        (make_pipeline(PolynomialFeatures(2), Ridge()), "depends on several features"),
        (
            make_pipeline(SimpleImputer(add_indicator=True), RandomForestClassifier(3)),
            "sees feature 'a' as 2 columns",
        ),
    ],
    ids=["neighbours", "own", "components", "products", "indicators"],
)
def test_models_that_are_not_taken_are_refused_with_the_reason(model, message):
    holed = NUMBERS.mask(RANDOM.random(NUMBERS.shape) < 0.1) if "add_indicator" in str(model) else NUMBERS
    model.fit(holed, TRUTH)

    with pytest.raises(ExplanationError, match=message) as raised:
        exact_attributions(model, holed.iloc[ROWS], holed.iloc[BACKGROUND])
    assert "by sampling" in str(raised.value)


@pytest.mark.parametrize("model", [LogisticRegression(), GradientBoostingClassifier(n_estimators=3)])
def test_several_classes_of_models_that_add_log_odds_are_refused(model):
    model.fit(NUMBERS, np.digitize(NUMBERS.a, [-0.5, 0.5]))

    with pytest.raises(ExplanationError, match="adds up no log odds of one of 3 classes"):
        exact_attributions(model, NUMBERS.iloc[ROWS], NUMBERS.iloc[BACKGROUND])


def test_any_class_of_a_forest_of_several_is_explained():
    model = RandomForestClassifier(9, max_depth=4, random_state=0).fit(NUMBERS, np.digitize(NUMBERS.a, [-0.5, 0.5]))

    for output in range(3):
        found = exact_attributions(model, NUMBERS.iloc[ROWS], NUMBERS.iloc[BACKGROUND], output)
        np.testing.assert_allclose(found.predictions, model.predict_proba(NUMBERS.iloc[ROWS])[:, output])
        assert np.abs(found.values[:, 0]).mean() > 2 * np.abs(found.values[:, 1]).mean()


def test_columns_that_are_no_numbers_are_refused():
    model = HistGradientBoostingClassifier(categorical_features="from_dtype")
    table = MIXED.astype({"purpose": "category"})
    model.fit(table, TRUTH)

    with pytest.raises(ExplanationError, match="columns that are no numbers"):
        exact_attributions(model, table.iloc[ROWS], table.iloc[BACKGROUND])


def test_rows_that_lie_on_thresholds_of_histogram_boosting_are_explained():
    # given thresholds at the values of rows themselves, which the library rounds to single precision
    model = HistGradientBoostingClassifier(max_iter=20).fit(NUMBERS, TRUTH)

    found = exact_attributions(model, NUMBERS, NUMBERS.iloc[BACKGROUND])

    np.testing.assert_allclose(found.values.sum(axis=1), found.predictions - found.base, atol=1e-5)
    assert len(np.unique(found.predictions)) > 100


def test_a_result_that_does_not_account_for_the_models_answers_is_refused():
    # given decimals of few digits, of which bootstrapping left some out that lie on thresholds then
    numbers = NUMBERS.round(3)
    model = RandomForestClassifier(50, random_state=0).fit(numbers, TRUTH)

    with pytest.raises(ExplanationError, match="does not account for its answers"):
        exact_attributions(model, numbers, numbers.iloc[BACKGROUND])
