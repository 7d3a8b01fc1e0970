"""What there is to say of each kind of alarm: how urgent it is, what it means and what to do, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.message.layout import Severity
from watchkeeper.naming import AlarmKind


@dataclass(frozen=True)
class Text:
    """What there is to say of one kind of alarm.

    Attributes
    ----------
    name : in a subject
    what : "{model}" and "{endpoint}" are filled in
    """

    severity: Severity
    name: str
    what: str
    cause: str
    now: str
    do: str


_PIPELINE = "Captures are kept, so nothing is lost: they are profiled when this is mended."
TEXTS: Mapping[AlarmKind, Text] = {
    AlarmKind.DRIFT: Text(
        Severity.WARNING,
        "drift",
        "The requests to {model} no longer look like the data its version was judged on.",
        "",
        "Nothing by itself: the model's file does not list drift under retraining.triggers.",
        "Look whether the named features changed at their source. If the change is a fault, mend it there: a model "
        "trained on faulty data learns the fault. If it is real, hand in labels, for retraining needs them.",
    ),
    AlarmKind.PREDICTION_DRIFT: Text(
        Severity.WARNING,
        "predictions changed",
        "The predictions of {model} no longer look like those of its version on the data it was judged on.",
        "",
        "Nothing is changed by this alarm alone; the alarms over drift and over a suspect version act.",
        "Ask whether the decisions that rest on these predictions are still sound; hand in labels to find out.",
    ),
    AlarmKind.SUSPECT_VERSION: Text(
        Severity.CRITICAL,
        "new version suspect",
        "The version of {model} that took over lately predicts unlike what it did when it was judged, though the "
        "requests have not changed by as much.",
        "The version itself: a fault in its code or data that no test before its rollout could see.",
        "The last good version is restored, unless rollback.automatic is off in the model's file. A message follows.",
        "Find the fault before the next training. To keep the version, roll it out again once it is explained.",
    ),
    AlarmKind.DATA_QUALITY: Text(
        Severity.WARNING,
        "faulty data",
        "The requests to {model} are not what the model's file and its baseline say they must be.",
        "A client or a pipeline that writes requests in another way than before, or fails to fill them.",
        "Nothing is changed by itself: a model trained on faulty data learns the fault.",
        "Mend the source of the named columns. If the data are right, correct the model's file and its baseline.",
    ),
    AlarmKind.TRAIN_SERVE_SKEW: Text(
        Severity.WARNING,
        "serving differs from training",
        "The first requests to this version of {model} do not look like the data that it was trained on.",
        "Serving computes features otherwise than training did, or the training data were not like the requests. It "
        "was so from the first row: time has not brought it.",
        "Nothing is changed by itself. This is looked at once, when a version is first seen.",
        "Compare how training and serving compute the named features, before the version is trusted.",
    ),
    AlarmKind.UNREADABLE_CAPTURE: Text(
        Severity.WARNING,
        "captured records unreadable",
        "More captured records of {model} than usual cannot be read. They are not in any profile.",
        "A client sends another format or other columns than the model's file says, or the model answers differently.",
        "The records and the reason for each are kept in quarantine; all others are profiled.",
        "Read the reasons in quarantine. Correct the client, or input and output in the model's file.",
    ),
    AlarmKind.MISSING_CAPTURE: Text(
        Severity.CRITICAL,
        "no captures arrive",
        "Endpoint {endpoint} is called, but no captures arrive. {model} is not being watched.",
        "Data capture stops without a word when the disk of an instance is over 75 percent full. Otherwise it was "
        "switched off, or the endpoint's role may no longer write to the bucket.",
        "The endpoint goes on serving, and nobody is watching it.",
        "Look at the disk utilization of the endpoint's instances and at its data capture settings. Rolling the "
        "version out again starts new instances.",
    ),
    AlarmKind.PERFORMANCE: Text(
        Severity.CRITICAL,
        "performance fell",
        "The predictions of {model} are worse than when its version was judged, by labels that came since.",
        "The data have changed, or what they mean has; or labels are now made in another way.",
        "The version goes on serving. Its labelled predictions are there to train on.",
        "Look at the segments that fell most and at the newest findings of the drift monitor. If the labels are right, "
        "retrain: start the retraining machine.",
    ),
    AlarmKind.CONCEPT_DRIFT: Text(
        Severity.WARNING,
        "concept drift",
        "Labels of {model} no longer follow its predictions as they did: of like requests, other things come true.",
        "The world has changed in a way that requests do not show; or labels are now made in another way.",
        "The version goes on serving. Nothing is changed by itself.",
        "Look at where labels differ from what was to be expected. If they are right, retrain on recent labels.",
    ),
    AlarmKind.ESTIMATED_PERFORMANCE: Text(
        Severity.WARNING,
        "performance probably fell",
        "The predictions of {model} are estimated to be worse than when its version was judged. Their labels have not "
        "come: this is what scores and features say, if labels follow them as ever.",
        "Requests have moved to where the model is less sure, or errs more.",
        "The version goes on serving. What is true will be known by the performance monitor when labels come.",
        "Look at the newest findings of the drift monitor: which features moved, and is it a fault at their source? "
        "Ask for labels of some of these rows before those of others; retrain when they confirm it.",
    ),
    AlarmKind.BIAS: Text(
        Severity.CRITICAL,
        "biased",
        "The predictions of {model} treat groups of people differently, by more than is tolerated.",
        "A group that the training data had few rows of, or other labels of; or a feature that stands for the group.",
        "The version goes on serving. Nothing is changed by itself: which difference is unjust, people must say.",
        "If it is new with this version, go back: start the rollback machine. If it began since, look for what changed "
        "in the requests of that group. If the version had it from the start, decide with those who answer for it: "
        "other training data, a threshold for each group where the law allows it, or another tolerance in the model's "
        "file.",
    ),
    AlarmKind.BIAS_DRIFT: Text(
        Severity.WARNING,
        "bias drift",
        "The predictions of {model} treat groups of people differently than when its version was judged.",
        "The requests of that group have changed, or what they mean has; or labels of it are made in another way.",
        "The version goes on serving. Nothing is changed by itself.",
        "Look at the drift monitor's findings for the same time first. A change in favour of a group is told as well: "
        "look whom it costs. If it lasts and the labels are right, retrain.",
    ),
    AlarmKind.UNUSABLE_LABELS: Text(
        Severity.WARNING,
        "labels cannot be used",
        "Some labels of {model} cannot be joined with its predictions. Nothing is learnt or measured from them.",
        "What writes them names no prediction, another number of rows than the request has, a value that the training "
        "data never had or a time to come, or writes another form of file.",
        "All other labels are joined. A file that is written again is read again.",
        "Read the log of the function join_labels: it names file, line and reason, and no values. Mend what writes "
        "the labels, and write the file again.",
    ),
    AlarmKind.ATTRIBUTION_DRIFT: Text(
        Severity.WARNING,
        "goes by other features",
        "What moves the predictions of {model} is no longer what moved them when its version was judged.",
        "The requests have changed: see the findings on drift and on data quality. If they have not, the container "
        "computes something otherwise than before, for the same model ranks the same rows alike.",
        "Nothing is changed by itself.",
        "A feature that fell to nothing: look whether its source still fills it. A sensitive one that rose, or one "
        "that stands for it: look at bias before anything else. If performance holds, nothing need be wrong.",
    ),
    AlarmKind.DEAD_LETTERS: Text(
        Severity.WARNING,
        "messages in a dead-letter queue",
        "Messages of {model}'s pipeline failed again and again, and wait in a dead-letter queue.",
        "A fault in a function, or a permission that it lacks: its log says which.",
        _PIPELINE,
        "Read the function's log, mend the cause, then send the messages back with SQS's redrive.",
    ),
    AlarmKind.FUNCTION_ERRORS: Text(
        Severity.WARNING,
        "functions fail",
        "Functions that carry {model}'s captures, labels, cards and messages end in errors.",
        "A fault in a function, a permission that it lacks, or a service that did not answer.",
        "Failed work is tried again, then goes to a dead-letter queue. " + _PIPELINE,
        "Read the functions' logs. If it goes on, look into the dead-letter queues too.",
    ),
    AlarmKind.MONITOR_ERRORS: Text(
        Severity.WARNING,
        "monitors fail",
        "Functions that look at the windows of {model} end in errors: what its other alarms say may be old.",
        "A fault in a monitor, a permission that it lacks, or a service that did not answer.",
        "A look that failed is tried again, then goes to a dead-letter queue. The next look is taken all the same.",
        "Read the monitors' logs. Until they are mended, their last verdicts stand.",
    ),
    AlarmKind.AUTOMATION_FAILED: Text(
        Severity.CRITICAL,
        "automation failed",
        "A state machine of {model} (onboarding, retraining, rollout, rollback or attribution) failed or timed out.",
        "The message of that machine, sent when it failed, names the cause.",
        "The endpoint serves what it served before, and the lock is released.",
        "Open the failed execution in Step Functions, mend its cause and start it again.",
    ),
    AlarmKind.SERVER_ERRORS: Text(
        Severity.CRITICAL,
        "server errors",
        "Endpoint {endpoint} answers requests to {model} with server errors (5xx).",
        "The model's code fails on some requests, or its instances are short of memory.",
        "Nothing is changed by itself, but for a version that is being rolled out: its canary alarm undoes that.",
        "Read the endpoint's log. If a new version is at fault, start the rollback machine.",
    ),
}
"""`AlarmKind.ATTENTION` has none: it sums up the others, each of which has sent its own message."""

SEVERITIES: Mapping[AlarmKind, Severity] = {kind: text.severity for kind, text in TEXTS.items()}
"""How urgent each kind of alarm is; those without a message are missing."""

LATE_CAPTURES = Text(
    Severity.WARNING,
    "captures late or absent",
    "The captures of {model} do not come as they used to; in what came nothing else is wrong.",
    "Data capture is held up or has stopped, which it does without a word when the disk of an instance is over 75 "
    "percent full; the profiling queue is behind; or nobody called the endpoint.",
    "Nothing is changed by itself. What comes late is profiled when it comes.",
    "Look at the endpoint's data capture, its instances' disks and the dead letters of the profiling queue.",
)
"""Instead of the text on faulty data, where nothing is wrong but when captures come."""
