"""Keys of what a model goes by, and of what it is asked to find that out."""

from __future__ import annotations

from watchkeeper.naming.baselines import baseline_prefix


def sample_key(model: str, version: str) -> str:
    """Some of the requests that a version was judged on, which others are compared with."""
    return baseline_prefix(model, version) + "sample.json"


def importance_prefix(model: str, version: str) -> str:
    """Prefix of what a version goes by."""
    return baseline_prefix(model, version) + "importance-"


def importance_key(model: str, version: str, baseline_id: str, *, exact: bool = False) -> str:
    """What a version goes by on the rows of one baseline; sampled or exact, for the two cannot be compared."""
    return f"{importance_prefix(model, version)}{baseline_id}{'-exact' if exact else ''}.json"


def inexact_prefix(model: str, version: str) -> str:
    """Prefix of why a version cannot be explained exactly."""
    return baseline_prefix(model, version) + "inexact-"


def inexact_key(model: str, version: str, baseline_id: str) -> str:
    """Why a version cannot be explained exactly, as was found with one baseline; nothing where nobody knows."""
    return f"{inexact_prefix(model, version)}{baseline_id}.json"


def questions_prefix(model: str = "", run: str = "") -> str:
    """Prefix of what models are asked; of one model, of one run. It is kept for a day: captured rows are there."""
    return "attribution/" + (f"{model}/" if model else "") + (f"{run}/" if run else "")


def question_key(model: str, run: str) -> str:
    """What a run shall find out."""
    return questions_prefix(model, run) + "question.json"


def asked_prefix(model: str, run: str) -> str:
    """Prefix of the requests of a run, as its batch transform takes them."""
    return questions_prefix(model, run) + "requests/"


def asked_key(model: str, run: str, part: int) -> str:
    """One object of these requests."""
    return f"{asked_prefix(model, run)}part-{part:05}"


def answers_prefix(model: str, run: str) -> str:
    """Prefix of the answers to them."""
    return questions_prefix(model, run) + "answers/"


def exact_prefix(model: str, run: str) -> str:
    """Prefix of what the job leaves that explains a run exactly."""
    return questions_prefix(model, run) + "exact/"


def exact_key(model: str, run: str) -> str:
    """What that job found, where SageMaker puts what a training job named `<model>--<run>` leaves."""
    return f"{exact_prefix(model, run)}{model}--{run}/output/model.tar.gz"


def explanation_key(model: str, run: str) -> str:
    """Why a single prediction is what it is."""
    return questions_prefix(model, run) + "explanation.json"
