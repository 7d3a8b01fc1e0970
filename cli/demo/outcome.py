"""What the demo came to: the table on the console and the HTML report, both from the embedded AWS's own record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rich.markup import escape
from rich.table import Table

from cli.console import console
from cli.demo import sheets
from cli.demo.stage import Stage
from watchkeeper import naming
from watchkeeper.aws.looks import DRIFT
from watchkeeper.findings import Finding, Findings
from watchkeeper.naming import AlarmKind
from watchkeeper.profile import Baseline, Profile, merge_all
from watchkeeper.report import Card, Event, Mail, Report, Series, distribution, render

HEALTHY, CHANGED, RECOVERED, FLAWED = "Before the change", "After the change", "On the new version", "Flawed version"
FIRST, LAST = "The first rows", "The last rows"
"""Of a story in which nothing is changed on purpose."""
ALARMS, SUM_OF_ALL = "CloudWatch", AlarmKind.ATTENTION.value
"""Who raises alarms, and the one that is raised with any other."""


@dataclass(frozen=True)
class Moment:
    """How things stood at a point of the story: the newest findings and the profile of their window."""

    findings: Findings
    baseline: Baseline
    profile: Profile


@dataclass
class Outcome:
    """Collects moments while the story is played, and tells the whole when it is over.

    Attributes
    ----------
    compared : the two moments whose distributions the page draws
    """

    stage: Stage
    compared: tuple[str, str] = (HEALTHY, CHANGED)
    moments: dict[str, Moment] = field(default_factory=dict)

    def mark(self, name: str) -> None:
        """Remember how things stand now, if the drift monitor has looked already."""
        s3, bucket, model = self.stage.cloud.client("s3"), self.stage.bucket, self.stage.model.name
        keys = self._keys(f"{naming.findings_prefix(model)}{DRIFT}/")
        if not keys:
            return
        findings = Findings.from_json(s3.get_object(Bucket=bucket, Key=keys[-1])["Body"].read())
        if not findings.features:
            return
        stored = s3.get_object(Bucket=bucket, Key=naming.baseline_key(model, findings.version))["Body"].read()
        baseline = Baseline.from_json(stored)
        self.moments[name] = Moment(findings, baseline, self._profile(baseline, findings))

    def model_card(self) -> str:
        """The page of the version that serves."""
        key = naming.card_key(self.stage.model.name, self.stage.serving_version() or naming.FIRST_VERSION, "html")
        page = self.stage.cloud.client("s3").get_object(Bucket=self.stage.bucket, Key=key)["Body"].read()
        return str(page, "utf-8")

    def _profile(self, baseline: Baseline, findings: Findings) -> Profile:
        hours = int((findings.end - findings.start) / timedelta(hours=1))
        parts = []
        for hour in naming.window_hours(findings.end, max(hours, 1)):
            for key in self._keys(naming.hour_prefix(self.stage.model.name, baseline.id, hour)):
                body = self.stage.cloud.client("s3").get_object(Bucket=self.stage.bucket, Key=key)["Body"].read()
                parts.append(baseline.read(body))
        return merge_all(parts, baseline.empty())

    def _keys(self, prefix: str) -> list[str]:
        pages = self.stage.cloud.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.stage.bucket, Prefix=prefix)
        return sorted(item["Key"] for page in found for item in page.get("Contents", []))

    # --- telling --------------------------------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """What happened and when, without the steps in between."""
        told = (_tell(entry) for entry in self.stage.cloud.timeline())
        return [event for event in told if event is not None]

    def print_table(self) -> None:
        """The table of what happened and when."""
        table = Table("UTC", "what", "who", title="What happened", title_justify="left", header_style="bold")
        colours = {"bad": "red", "act": "yellow", "good": "green", "plain": ""}
        for event in self.events():
            table.add_row(f"{event.at:%d %b %H:%M}", escape(event.what), event.who, style=colours[event.tone])
        console.print(table)

    def html(self) -> str:
        """The report."""
        stage = self.stage
        mails = [
            Mail(datetime.fromisoformat(entry["at"]), entry["detail"]["subject"], entry["detail"]["body"])
            for entry in stage.messages()
        ]
        return render(
            Report(
                model=stage.model.name,
                subtitle=f"{stage.model.description}. Traffic: {stage.world.name}. The change: {stage.world.change}.",
                verdict=self._verdict(),
                events=self.events(),
                cards=self._cards(),
                legend=(
                    ("baseline", "baseline"),
                    *zip(("before", "after"), map(str.lower, self.compared), strict=True),
                ),
                mails=mails,
                sheets=sheets.told(stage.records),
            )
        )

    def _verdict(self) -> list[str]:
        traffic = self.stage.traffic
        lines = [f"{traffic.sent:,} requests served, {traffic.failed} of them with an error."]
        for name, moment in self.moments.items():
            findings = moment.findings
            drifted = [finding.feature for finding in findings.changed_features]
            predictions = [finding.feature for finding in findings.changed_predictions]
            lines.append(
                f"{name}: version {findings.version}, {findings.rows:,} rows: "
                f"{_listed(drifted, 'no feature')} drifted, {_listed(predictions, 'no prediction')} drifted."
            )
        raised = [event for event in self.events() if event.tone == "bad" and event.who == ALARMS]
        names = dict.fromkeys(event.what.rpartition("--")[2].replace("-", " ") for event in raised)
        return [
            *lines,
            f"Alarms that were raised: {_listed([name for name in names if name != SUM_OF_ALL], 'none')}.",
            f"In the end version {self.stage.serving_version()} serves.",
        ]

    def _cards(self) -> list[Card]:
        earlier, later = self.compared
        after = self.moments.get(later)
        before = self.moments.get(earlier, after)
        if after is None or before is None or after.baseline.id != before.baseline.id:
            return []
        cards = [self._card(finding, before, after, features=True) for finding in after.findings.features]
        cards += [self._card(finding, before, after, features=False) for finding in after.findings.predictions]
        return sorted(cards, key=lambda card: (not card.drifted, -card.effect))

    def _card(self, finding: Finding, before: Moment, after: Moment, *, features: bool) -> Card:
        part = "features" if features else "predictions"
        name = finding.feature
        series = [
            Series("baseline", getattr(after.baseline.reference, part)[name]),
            Series("before", getattr(before.profile, part)[name]),
            Series("after", getattr(after.profile, part)[name]),
        ]
        plot = distribution(getattr(after.baseline.binning, part)[name], series)
        title = name if features else f"{name} (prediction)"
        return Card(title, finding.summary, finding.drifted, finding.effect, finding.corrected_p, plot)


def _listed(names: list[str], none: str) -> str:
    return ", ".join(names) or none


def _tell(entry: dict[str, Any]) -> Event | None:
    """One entry of the record in plain words; None for what is only a step on the way."""
    at, subject, detail = datetime.fromisoformat(entry["at"]), entry["subject"], entry["detail"]
    match entry["kind"]:
        case "alarm":
            return _alarm(at, subject, detail)
        case "message":
            return Event(at, f"message: {detail['subject']}", "SNS")
        case "execution":
            tone = {"SUCCEEDED": "good", "RUNNING": "act"}.get(detail["status"], "bad")
            words = "started" if detail["status"] == "RUNNING" else str(detail["status"]).lower().replace("_", " ")
            return Event(at, f"{detail['machine']} {words}", "Step Functions", tone)
        case "endpoint":
            return Event(at, _endpoint(subject, detail), "SageMaker")
        case "training" if detail["status"] in ("Completed", "Failed"):
            what = "batch transform" if detail.get("type") == "transform" else "training job"
            tone = "bad" if detail["status"] == "Failed" else "plain"
            return Event(at, f"{what} {subject} {detail['status'].lower()}", "SageMaker", tone)
        case "glue" if detail["state"] in ("SUCCEEDED", "FAILED", "TIMEOUT"):
            tone = "plain" if detail["state"] == "SUCCEEDED" else "bad"
            return Event(at, f"Spark job {subject} {detail['state'].lower()}", "Glue", tone)
        case "lambda-error" | "denied" | "dead-letter" | "background-error":
            why = detail.get("errorMessage") or detail.get("message") or detail.get("error") or ""
            return Event(at, f"{entry['kind']}: {subject} {why}"[:200], "AWS", "bad")
    return None


def _alarm(at: datetime, subject: str, detail: dict[str, Any]) -> Event | None:
    """An alarm raised or over; a new alarm that finds all well is no news."""
    if detail["state"] == "ALARM":
        return Event(at, f"alarm {subject}", ALARMS, "bad")
    if detail["state"] == "OK" and detail["previous"] == "ALARM":
        return Event(at, f"alarm {subject} over", ALARMS, "good")
    return None


def _endpoint(name: str, detail: dict[str, Any]) -> str:
    if detail.get("new_share") is not None:
        return f"endpoint {name}: {detail['new_share']:.0%} of the traffic to {detail['config']}"
    if detail.get("new_config"):
        return f"endpoint {name}: starting a fleet for {detail['new_config']}"
    return f"endpoint {name}: {detail['status']}, {detail['config']}" + (
        f" ({detail['failure']})" if detail.get("failure") else ""
    )
