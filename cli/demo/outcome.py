"""What the demo came to: the table on the console and the HTML report, both from the embedded AWS's own record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rich.table import Table

from cli.console import console
from cli.demo.stage import Stage
from watchkeeper import naming
from watchkeeper.findings import Finding, Findings
from watchkeeper.profile import Baseline, Profile
from watchkeeper.profile.profile import merge_all
from watchkeeper.report import Card, Event, Mail, Report, Series, distribution, render


@dataclass(frozen=True)
class Moment:
    """How things stood at a point of the story: the newest findings and the profile of their window."""

    findings: Findings
    baseline: Baseline
    profile: Profile


@dataclass
class Outcome:
    """Collects moments while the story is played, and tells the whole when it is over."""

    stage: Stage
    moments: dict[str, Moment] = field(default_factory=dict)

    def mark(self, name: str) -> None:
        """Remember how things stand now, if the drift monitor has looked already."""
        s3, bucket, model = self.stage.cloud.client("s3"), self.stage.bucket, self.stage.model.name
        keys = self._keys(f"{naming.findings_prefix(model)}drift/")
        if not keys:
            return
        findings = Findings.from_json(s3.get_object(Bucket=bucket, Key=keys[-1])["Body"].read())
        if not findings.features:
            return
        stored = s3.get_object(Bucket=bucket, Key=naming.baseline_key(model, findings.version))["Body"].read()
        baseline = Baseline.from_json(stored)
        self.moments[name] = Moment(findings, baseline, self._profile(baseline, findings))

    def _profile(self, baseline: Baseline, findings: Findings) -> Profile:
        hours = int((findings.end - findings.start) / timedelta(hours=1))
        parts = []
        for hour in naming.window_hours(findings.end, max(hours, 1)):
            for key in self._keys(naming.hour_prefix(self.stage.model.name, baseline.id, hour)):
                body = self.stage.cloud.client("s3").get_object(Bucket=self.stage.bucket, Key=key)["Body"].read()
                parts.append(Profile.from_json(body))
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
            table.add_row(f"{event.at:%d %b %H:%M}", event.what, event.who, style=colours[event.tone])
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
                legend=(("baseline", "baseline"), ("before", "before the change"), ("after", "after it")),
                mails=mails,
            )
        )

    def _verdict(self) -> list[str]:
        lines = [f"{self.stage.traffic.sent} requests served, {self.stage.traffic.failed} failed."]
        for name, moment in self.moments.items():
            drifted = ", ".join(finding.feature for finding in moment.findings.drifted) or "no feature"
            lines.append(
                f"When {name}: version {moment.findings.version}, {moment.findings.rows} rows, {drifted} drifted."
            )
        lines.append(f"In the end version {self.stage.serving_version()} serves.")
        return lines

    def _cards(self) -> list[Card]:
        after = self.moments.get("drifted")
        before = self.moments.get("healthy", after)
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


def _tell(entry: dict[str, Any]) -> Event | None:
    """One entry of the record in plain words; None for what is only a step."""
    at, subject, detail = datetime.fromisoformat(entry["at"]), entry["subject"], entry["detail"]
    match entry["kind"]:
        case "alarm" if detail.get("state") in ("ALARM", "OK") and detail.get("previous") != "INSUFFICIENT_DATA":
            raised = detail["state"] == "ALARM"
            return Event(at, f"alarm {subject}: {detail['state']}", "CloudWatch", "bad" if raised else "good")
        case "alarm" if detail.get("state") == "ALARM":
            return Event(at, f"alarm {subject}: ALARM", "CloudWatch", "bad")
        case "message":
            return Event(at, f"message: {detail['subject']}", "SNS", "plain")
        case "execution":
            machine = detail.get("machine", subject)
            status = detail.get("status", "")
            tone = {"SUCCEEDED": "good", "RUNNING": "act"}.get(status, "bad")
            return Event(at, f"{machine} {status.lower()}", "Step Functions", tone)
        case "endpoint":
            return Event(at, f"endpoint {subject}: {_endpoint(detail)}", "SageMaker")
        case "training" | "glue":
            return Event(at, f"{entry['kind']} {subject}: {detail.get('status') or detail.get('state', '')}", entry["kind"].capitalize())
        case "lambda-error" | "denied" | "dead-letter" | "background-error":
            return Event(
                at, f"{entry['kind']}: {subject} {detail.get('error', detail.get('action', ''))}", "AWS", "bad"
            )
    return None


def _endpoint(detail: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in detail.items() if value not in (None, "", {}))
