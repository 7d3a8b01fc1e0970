"""A model card in SageMaker's JSON schema.

Its texts are clipped to the schema's lengths, and its tables to as many rows as fit into the size that SageMaker takes.
Source: Amazon SageMaker Developer Guide, "Model card JSON schema"; CreateModelCard takes 100,000 characters.
"""

from __future__ import annotations

from typing import Any

from watchkeeper import jsonio
from watchkeeper.card.facts import Facts
from watchkeeper.card.limits import limits
from watchkeeper.performance.metric import Metric
from watchkeeper.spec import Task

MOST_CHARACTERS = 100_000
SHORT, LONG, NAME, GROUP = 1024, 2048, 255, 63
"""Lengths of the schema's texts."""
ROWS = (100, 50, 25, 10, 5, 0)
"""Of a table, as many as fit."""
PROBLEMS = {
    Task.BINARY: "Binary Classification",
    Task.MULTICLASS: "Multiclass Classification",
    Task.REGRESSION: "Regression",
}
Document = dict[str, Any]


def content(facts: Facts) -> bytes:
    """JSON bytes, at most `MOST_CHARACTERS` of them."""
    for rows in ROWS:
        text = jsonio.dumps(_document(facts, rows))
        if len(text) <= MOST_CHARACTERS:
            return text
    return jsonio.dumps(_document(facts, 0) | {"evaluation_details": []})


def _document(facts: Facts, rows: int) -> Document:
    card = facts.spec.card
    limitations = " ".join(limits(facts))
    return _filled(
        {
            "model_overview": _overview(facts),
            "intended_uses": {
                "purpose_of_model": _clipped(card.purpose, LONG),
                "intended_uses": _clipped(card.intended_uses, LONG),
                "factors_affecting_model_efficiency": _clipped(limitations, LONG),
                "risk_rating": card.risk,
                "explanations_for_risk_rating": _clipped(card.risk_explained, LONG),
            },
            "training_details": _training(facts),
            "evaluation_details": [each for each in _evaluations(facts, rows) if each["metric_groups"]],
            "additional_information": {
                "ethical_considerations": _clipped(card.ethical_considerations, LONG),
                "caveats_and_recommendations": _clipped(" ".join(filter(None, [card.caveats, limitations])), LONG),
                "custom_details": _details(facts),
            },
        }
    )


def _overview(facts: Facts) -> Document:
    package = facts.package
    return {
        "model_description": _clipped(facts.spec.card.description or f"{facts.spec.name} {facts.version}", SHORT),
        "model_owner": _clipped(facts.spec.card.owner, SHORT),
        "model_artifact": [package.artefact] if package and package.artefact else [],
        "problem_type": PROBLEMS[facts.spec.task],
    }


def _training(facts: Facts) -> Document:
    lineage, package = facts.lineage, facts.package
    job = {
        "training_arn": package.training_job if package else "",
        "training_datasets": [lineage.data] if lineage else [],
        "training_environment": {"container_image": [package.image]} if package and package.image else {},
        "user_provided_hyper_parameters": [
            {"name": _name(name), "value": _name(value)} for name, value in (package.hyperparameters if package else ())
        ],
    }
    return {"training_observations": _clipped(_data(facts), SHORT), "training_job_details": job}


def _data(facts: Facts) -> str:
    if facts.lineage is None:
        return ""
    manifest = facts.lineage.manifest
    classes = ", ".join(f"{name}: {rows:,}" for name, rows in sorted(manifest.classes.items()))
    when = f" from {manifest.first} to {manifest.last}" if manifest.first else ""
    labels = f" Labels: {classes}." if classes else ""
    return (
        f"{manifest.train_rows:,} rows{when} to train on, {manifest.holdout_rows:,} {manifest.split} ones to judge by."
        f"{labels} Run {facts.lineage.run}."
    )


def _evaluations(facts: Facts, rows: int) -> list[Document]:
    datasets = [facts.lineage.data] if facts.lineage else []
    found = [
        _evaluation("Performance", _judged(facts), datasets, _performance(facts)),
        _evaluation(
            "Weakest segments",
            "Parts of the holdout in which predictions are worse than in the rest, corrected for looking at all.",
            datasets,
            [_group("Mean loss", [_number(f"{s.feature} {s.cell}", s.loss, s.summary) for s in facts.segments[:rows]])],
        ),
        _evaluation("Fairness", "Each metric of each group, with its interval.", datasets, _fairness(facts, rows)),
        _evaluation("Attribution", f"Mean |Shapley value|, {facts.found_by}.", datasets, _importance(facts, rows)),
    ]
    gate = facts.lineage.gate if facts.lineage else None
    if gate is not None:
        figures = [
            _number(f"{each.gate}, {model}", value, each.reason)
            for each in gate.gates
            for model, value in (("champion", each.champion), ("challenger", each.challenger))
            if value is not None
        ]
        observation = " ".join(f"{line}." for line in gate.lines)
        found.append(_evaluation("Against the version before", observation, datasets, [_group("Gates", figures)]))
    return found


def _evaluation(name: str, observation: str, datasets: list[str], groups: list[Document]) -> Document:
    """One entry; a group without figures is left out."""
    return {
        "name": name,
        "evaluation_observation": _clipped(observation, LONG),
        "datasets": datasets,
        "metric_groups": [group for group in groups if group["metric_data"]],
    }


def _judged(facts: Facts) -> str:
    if facts.performance is None:
        return ""
    return f"Of {facts.performance.labelled:,} labelled rows that the version was not trained on."


def _performance(facts: Facts) -> list[Document]:
    performance = facts.performance
    if performance is None:
        return []
    groups = [
        _group(
            "Metrics",
            [_number(each.name, each.value, _sure(each)) for each in performance.metrics if each.value is not None],
        )
    ]
    if performance.confusion is not None:
        classes = list(performance.confusion.classes)
        matrix = {
            "name": "Labels (rows) by prediction (columns)",
            "type": "matrix",
            "value": [list(row) for row in performance.confusion.counts],
            "x_axis_name": classes,
            "y_axis_name": classes,
        }
        groups.append(_group("Confusion matrix", [matrix]))
    return groups


def _sure(metric: Metric) -> str:
    interval = "" if metric.low is None else f"{metric.confidence:.0%} interval {metric.low:.4g} to {metric.high:.4g}"
    constant = "" if metric.constant is None else f"best constant prediction {metric.constant:.4g}"
    return "; ".join(filter(None, [interval, constant, f"{metric.n:,} rows"]))


def _fairness(facts: Facts, rows: int) -> list[Document]:
    """A group of figures for each group of people."""
    groups: dict[str, list[Document]] = {}
    for row in facts.bias[:rows]:
        sure = "; ".join(filter(None, [row.verdict, row.interval and f"interval {row.interval}", f"vs {row.against}"]))
        if row.value:
            text = {"name": _name(row.metric), "type": "string", "value": row.value}
            groups.setdefault(row.group, []).append(text | {"notes": _clipped(sure, SHORT)})
    return [_group(name, found) for name, found in groups.items()]


def _importance(facts: Facts, rows: int) -> list[Document]:
    first = facts.importance[:rows]
    if not first:
        return []
    bars = {
        "name": "Share of the mean |contribution| by feature",
        "type": "bar_chart",
        "value": [each.share for each in first],
        "x_axis_name": [each.feature for each in first],
        "y_axis_name": "share",
    }
    return [_group("Features", [bars])]


def _details(facts: Facts) -> dict[str, str]:
    kinds = ", ".join(f"{feature.name} ({feature.kind})" for feature in facts.spec.features)
    sensitive = ", ".join(feature.name for feature in facts.spec.features if feature.sensitive)
    run = facts.lineage.run if facts.lineage else ""
    details = {"version": facts.version, "run": run, "features": kinds, "sensitive": sensitive}
    return {name: _name(text) for name, text in details.items() if text}


def _group(name: str, data: list[Document]) -> Document:
    return {"name": _name(name, GROUP), "metric_data": data}


def _number(name: str, value: float | None, notes: str) -> Document:
    return {"name": _name(name), "type": "number", "value": value, "notes": _clipped(notes, SHORT)}


def _name(text: str, length: int = NAME) -> str:
    """On one line."""
    return _clipped(" ".join(text.split()), length)


def _clipped(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _filled(document: Document) -> Document:
    """Without what there is nothing to say of: the schema knows no empty texts, lists and objects."""
    filled: Document = {}
    for name, value in document.items():
        kept = _filled(value) if isinstance(value, dict) else value
        if kept not in ("", [], {}):
            filled[name] = kept
    return filled
