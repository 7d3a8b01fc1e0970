"""Data capture: records of requests and answers, in SageMaker's format, gathered into objects of many records.

A record goes to the destination of the endpoint config whose fleet answered, so two versions in a canary are kept
apart. Objects are written with the endpoint's execution role, as SageMaker does.
"""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from localcloud.clock import Timer
from localcloud.cloud import Cloud
from localcloud.errors import DeniedError
from localcloud.operations import Shape
from localcloud.sagemaker.artefacts import ArtefactError, Location, Store
from localcloud.sagemaker.fleet import Fleet
from localcloud.sagemaker.splitter import Splitter

MOST_RECORDS = 1000
LONGEST_WAIT = timedelta(seconds=60)


@dataclass(frozen=True)
class Payload:
    """One side of an invocation."""

    content_type: str
    body: bytes


@dataclass(frozen=True)
class Exchange:
    """An invocation that was answered.

    Attributes
    ----------
    inference_id, custom_attributes : as the caller sent them
    """

    endpoint: str
    variant: str
    at: datetime
    sent: Payload
    received: Payload
    inference_id: str | None = None
    custom_attributes: str | None = None


@dataclass(frozen=True)
class _Destination:
    """What one object's records have in common."""

    fleet: Fleet
    endpoint: str
    variant: str
    hour: str


@dataclass
class _Buffer:
    first: datetime
    timer: Timer
    lines: list[str] = field(default_factory=list)


class Capture:
    """Gathers records and writes them out: when many are held, after a minute, and whenever the clock comes to rest."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._buffers: dict[_Destination, _Buffer] = {}
        self._samplers: dict[Fleet, Splitter[bool]] = {}
        self._lock = threading.Lock()
        cloud.clock.before_rest(self.flush, "data capture")

    def record(self, fleet: Fleet, exchange: Exchange) -> None:
        """Keep one invocation, if the fleet's config captures it."""
        settings = fleet.config.get("DataCaptureConfig") or {}
        if not settings.get("EnableCapture") or not self._sampled(fleet, settings):
            return
        where = _Destination(fleet, exchange.endpoint, exchange.variant, f"{exchange.at:%Y/%m/%d/%H}")
        line = json.dumps(format_record(settings, exchange), separators=(",", ":"))
        full: _Buffer | None = None
        with self._lock:
            buffer = self._buffers.get(where)
            if buffer is None:
                timer = self._cloud.clock.after(LONGEST_WAIT, lambda: self._flush_one(where), "data capture")
                buffer = self._buffers[where] = _Buffer(exchange.at, timer)
            buffer.lines.append(line)
            if len(buffer.lines) >= MOST_RECORDS:
                full = self._buffers.pop(where)
        if full is not None:
            self._cloud.clock.spawn(lambda: self._write(where, full), "data capture")

    def flush(self) -> None:
        """Write out all records held."""
        with self._lock:
            held = list(self._buffers)
        for where in held:
            self._flush_one(where)

    def _flush_one(self, where: _Destination) -> None:
        with self._lock:
            buffer = self._buffers.pop(where, None)
        if buffer is not None:
            self._write(where, buffer)

    def _write(self, where: _Destination, buffer: _Buffer) -> None:
        buffer.timer.cancel()
        settings = where.fleet.config["DataCaptureConfig"]
        name = f"{buffer.first:%M-%S}-{buffer.first.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        at = Location.parse(settings["DestinationS3Uri"]) / f"{where.endpoint}/{where.variant}/{where.hour}/{name}"
        try:
            store = Store(self._cloud, where.fleet.role_arn, where.endpoint)
            store.write(at, ("\n".join(buffer.lines) + "\n").encode(), settings.get("KmsKeyId"))
        except (ArtefactError, DeniedError) as error:
            # SageMaker drops such records without a word; here at least the timeline says so.
            self._cloud.note("background-error", where.endpoint, error=f"data capture lost: {error}")

    def _sampled(self, fleet: Fleet, settings: Shape) -> bool:
        share = float(settings["InitialSamplingPercentage"])
        if share in (0.0, 100.0):
            return share == 100.0
        with self._lock:
            sampler = self._samplers.setdefault(fleet, Splitter({True: share, False: 100.0 - share}))
        return sampler.pick()


def format_record(settings: Shape, exchange: Exchange) -> Shape:
    """Return a capture record as SageMaker writes it."""
    modes = {option["CaptureMode"] for option in settings["CaptureOptions"]}
    data: Shape = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = _side("INPUT", exchange.sent, settings)
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = _side("OUTPUT", exchange.received, settings)
    metadata: Shape = {"eventId": str(uuid.uuid4())}
    if exchange.custom_attributes is not None:
        metadata["customAttributes"] = [exchange.custom_attributes]
    if exchange.inference_id is not None:
        metadata["inferenceId"] = exchange.inference_id
    metadata["inferenceTime"] = f"{exchange.at:%Y-%m-%dT%H:%M:%SZ}"
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}


def _side(mode: str, payload: Payload, settings: Shape) -> Shape:
    encoding = _encoding(payload.content_type, settings.get("CaptureContentTypeHeader") or {})
    try:
        text = base64.b64encode(payload.body).decode() if encoding == "BASE64" else payload.body.decode()
    except UnicodeDecodeError:
        encoding, text = "BASE64", base64.b64encode(payload.body).decode()
    return {"observedContentType": payload.content_type, "mode": mode, "data": text, "encoding": encoding}


def _encoding(content_type: str, listed: dict[str, list[str]]) -> str:
    plain = content_type.split(";")[0].strip()
    grouped: defaultdict[str, list[str]] = defaultdict(list, listed)
    if plain in grouped["CsvContentTypes"]:
        return "CSV"
    return "JSON" if plain in grouped["JsonContentTypes"] else "BASE64"
