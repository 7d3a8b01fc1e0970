"""What tests of several parts share: a model's spec, and capture records in SageMaker's form."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from watchkeeper.spec import (
    DriftMonitor,
    Feature,
    Gate,
    InputFormat,
    Kind,
    Label,
    ModelSpec,
    Output,
    Retraining,
    Rollout,
    Strategy,
    Task,
    Trigger,
)

FEATURES = (
    Feature("age", Kind.INTEGER, sensitive=True),
    Feature("income", Kind.NUMBER),
    Feature("home", Kind.CATEGORY),
)


def model_spec(**changes: Any) -> ModelSpec:
    """A small binary model, with any field of `ModelSpec` changed."""
    spec = ModelSpec(
        name="credit",
        task=Task.BINARY,
        endpoint="credit",
        features=FEATURES,
        input_format=InputFormat.CSV,
        output=Output(),
        label=Label("defaulted"),
        drift=DriftMonitor("rate(1 hour)", 730.0, 24, 1.0, 300),
        retraining=Retraining(
            triggers=(Trigger.DRIFT,),
            cooldown_hours=24.0,
            new_labels=10_000,
            schedule=None,
            minimum_labels=1000,
            window_days=30,
            holdout_share=0.25,
            label_wait_minutes=60,
            label_wait_limit=24,
            hyperparameters={},
            gate=Gate("roc_auc", 0.0, 0.01, 0.95),
            approval="automatic",
        ),
        rollout=Rollout(Strategy.CANARY, 10, 600, 300, 7200, 0.02, 24),
    )
    return dataclasses.replace(spec, **changes)


def capture_record(
    request: str,
    answer: str | None,
    *,
    event_id: str = "e-1",
    inference_id: str | None = None,
    time: str = "2026-11-21T10:00:00Z",
    encoding: str = "CSV",
    answer_encoding: str = "CSV",
    content_type: str = "text/csv",
    answer_place: str = "endpointOutput",
) -> bytes:
    """One line of a capture object."""
    data: dict[str, Any] = {
        "endpointInput": {
            "observedContentType": content_type,
            "mode": "INPUT",
            "data": request,
            "encoding": encoding,
        }
    }
    if answer is not None:
        data[answer_place] = {
            "observedContentType": "text/csv",
            "mode": "OUTPUT",
            "data": answer,
            "encoding": answer_encoding,
        }
    metadata: dict[str, Any] = {"eventId": event_id, "inferenceTime": time}
    if inference_id:
        metadata["inferenceId"] = inference_id
    return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}).encode()


def label_record(identity: str, data: str, encoding: str = "CSV") -> bytes:
    """One line of a ground truth object."""
    return json.dumps(
        {
            "groundTruthData": {"data": data, "encoding": encoding},
            "eventMetadata": {"eventId": identity},
            "eventVersion": "0",
        }
    ).encode()


def csv_line(values: Mapping[str, object], names: Sequence[str]) -> str:
    """One request row: the named values in order, nothing for a missing one."""
    return ",".join("" if values.get(name) is None else str(values[name]) for name in names)


@dataclasses.dataclass(frozen=True)
class LambdaContext:
    """What Lambda tells a function of its invocation."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:function"
    aws_request_id: str = "request-1"


CONTEXT = LambdaContext()
