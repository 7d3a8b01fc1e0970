"""Both Spark jobs, for real, on local Spark against a fake S3."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from examples.credit import traffic
from tests.glue.conftest import BUCKET
from tests.support import capture_record, label_record, model_spec
from watchkeeper import naming
from watchkeeper.attribution import RequestSample
from watchkeeper.bias import GroupBaseline
from watchkeeper.bias.positive import NEGATIVE_OUTCOME, POSITIVE_OUTCOME
from watchkeeper.capture import PREDICTED_SCORE, CaptureReader
from watchkeeper.estimation import Estimator
from watchkeeper.lineage import Lineage
from watchkeeper.outcomes import OutcomeBaseline
from watchkeeper.performance import measure
from watchkeeper.profile import Baseline, CategoryProfile, NumberProfile
from watchkeeper.spec import BiasLimits, BiasMonitor, Feature, Kind, ModelSpec, SensitiveAttribute
from watchkeeper.trainingset import Manifest, Split

pytestmark = pytest.mark.slow
NOW = "2026-11-21T12:00:00+00:00"


def credit_spec(**changes: object) -> ModelSpec:
    features = tuple(Feature(name, Kind(kind)) for name, kind in traffic.FEATURES.items())
    return model_spec(features=features, **changes)


def put(s3, key: str, lines: list[bytes]) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"\n".join(lines) + b"\n")


def lines(s3, prefix: str) -> list[str]:
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]
    texts = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in sorted(keys)]
    return [line for text in texts for line in text.split("\n") if line]


def manifest(s3, run: str) -> Manifest:
    key = naming.run_prefix("credit", run) + "manifest.json"
    return Manifest.from_json(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def capture_key(hour: str, name: str = "a") -> str:
    return f"capture/credit/v1/credit/AllTraffic/{hour}/{name}.jsonl"


def test_captures_are_joined_with_the_newest_labels_and_split_by_time(s3, run_job):
    # given 40 captured requests in two hours, one of them delivered twice, one unreadable, two rows in another
    spec = model_spec()
    first = [
        capture_record(f"{20 + i},100{i}.5,rent", "0.2", event_id=f"e{i}", time=f"2026-11-21T08:{i:02d}:00Z")
        for i in range(20)
    ]
    second = [
        capture_record(
            f"{40 + i},200{i},own",
            "0.7",
            event_id=f"f{i}",
            inference_id=f"client-{i}",
            time=f"2026-11-21T09:{i:02d}:00Z",
        )
        for i in range(20)
    ]
    double = capture_record("61,,own\n62,5,rent", "0.1\n0.2", event_id="two", time="2026-11-21T08:30:00Z")
    put(s3, capture_key("2026/11/21/08"), [*first, double, b"{broken", first[3]])
    put(s3, capture_key("2026/11/21/09"), second)
    old = [capture_record("1,1,old", "0.1", event_id="old", time="2026-09-01T00:00:00Z")]
    put(s3, capture_key("2026/09/01/00"), old)
    # and labels: some late and corrected, one for an unknown id, one of the wrong length, one empty, one unreadable
    truths = [label_record(f"e{i}", str(i % 2)) for i in range(20)]
    truths += [label_record(f"client-{i}", str(i % 2)) for i in range(19)]
    truths += [label_record("two", "1\n0"), label_record("nobody", "1"), label_record("f0", "1"), b"nonsense"]
    truths += [label_record("nobody else", "[[]]", "JSON")]
    put(s3, "labels/credit/2026/11/21/10/a.jsonl", truths)
    put(s3, "labels/credit/2026/11/21/11/a.jsonl", [label_record("e0", "1"), label_record("client-18", "1\n1")])

    # when the training set is assembled
    done = run_job(spec)("assemble_training_set.py", BUCKET=BUCKET, RUN="run1", NOW=NOW)

    # then 40 labelled rows are split in time, corrected labels count, and everything else is accounted for
    assert done.returncode == 0, done.stderr[-3000:]
    found = manifest(s3, "run1")
    assert (found.rows, found.train_rows, found.holdout_rows, found.split) == (40, 30, 10, Split.RECENT)
    assert (found.duplicates, found.unknown_labels, found.unreadable, found.unlabelled) == (1, 3, 2, 2)
    assert found.versions == {"v1": 40}
    assert (found.first, found.last) == ("2026-11-21T08:00:00+00:00", "2026-11-21T09:17:00+00:00")
    prefix = naming.run_prefix("credit", "run1")
    train = lines(s3, prefix + "train/")
    assert train[0] == "1,20,1000.5,rent"  # corrected from 0
    assert "1,61,,own" in train
    assert "0,62,5,rent" in train
    assert lines(s3, prefix + "holdout/features/") == [f"{40 + i},200{i},own" for i in range(8, 18)]
    assert lines(s3, prefix + "holdout/labels/") == [str(i % 2) for i in range(8, 18)]


def test_a_file_becomes_a_training_set_and_a_baseline_that_counts_like_lambda_does(s3, run_job):
    # given a file of the example's rows, and answers of the version to its holdout
    alike = BiasLimits(0.1, 0.8, 0.25)
    age, gender = SensitiveAttribute("age", cuts=(30, 60)), SensitiveAttribute("gender")
    spec = credit_spec(bias=BiasMonitor((age, gender), alike, alike, ("negative",)))
    table = traffic.generate(3000, seed=5)
    s3.put_object(Bucket=BUCKET, Key="data/rows.csv", Body=table.to_csv(index=False).encode())
    run = run_job(spec)

    # when the set is assembled, and the baseline built
    source = f"s3://{BUCKET}/data/rows.csv"
    done = run("assemble_training_set.py", BUCKET=BUCKET, RUN="initial", NOW=NOW, SOURCE=source)
    assert done.returncode == 0, done.stderr[-3000:]
    prefix = naming.run_prefix("credit", "initial")
    requests = lines(s3, prefix + "holdout/features/")
    answers = [f"{(place % 100) / 100}" for place in range(len(requests))]
    put(s3, "transform/part-00000.csv.out", [answer.encode() for answer in answers])
    predictions = f"s3://{BUCKET}/transform/"
    done = run("build_baseline.py", BUCKET=BUCKET, RUN="initial", VERSION="v1", PREDICTIONS=predictions, NOW=NOW)
    assert done.returncode == 0, done.stderr[-3000:]

    # then the manifest tells what was made
    found = manifest(s3, "initial")
    assert (found.train_rows, found.holdout_rows, found.split) == (2250, 750, Split.RANDOM)
    assert sum(found.classes.values()) == 2250
    assert found.spellings == {"0": 3000 - int(table[traffic.LABEL].sum()), "1": int(table[traffic.LABEL].sum())}
    assert found.classes["1"] + found.holdout_classes["1"] == int(table[traffic.LABEL].sum())
    # and the reference is, to the last bit, what the same rows give when captured and profiled elsewhere
    stored = s3.get_object(Bucket=BUCKET, Key=naming.baseline_key("credit", "v1"))["Body"].read()
    baseline = Baseline.from_json(stored)
    captured = [capture_record(request.body, "0.5") for request in traffic.requests(table, "x")]
    profile = baseline.empty()
    for block in CaptureReader(spec).blocks(line + b"\n" for line in captured):
        profile = profile.merge(baseline.observe(block))
    assert profile.features == baseline.reference.features
    assert profile.joint is not None
    assert baseline.reference.joint is not None
    assert np.array_equal(profile.joint.products[:-1, :-1], baseline.reference.joint.products[:-1, :-1])
    # and the holdout's predictions belong to its rows
    assert baseline.reference.joint.rows == 3000
    assert baseline.binning.joint is not None
    assert baseline.binning.joint.prediction == PREDICTED_SCORE
    income, home = baseline.reference.features["income"], baseline.reference.features["home"]
    assert isinstance(income, NumberProfile)
    assert isinstance(home, CategoryProfile)
    assert income.missing == int(table["income"].isna().sum())
    assert income.below == income.above == 0
    assert baseline.reference.predictions[PREDICTED_SCORE].rows == 750
    # and the outcomes are those of the holdout's rows with their own answers and labels
    stored = s3.get_object(Bucket=BUCKET, Key=naming.outcome_baseline_key("credit", "v1"))["Body"].read()
    outcomes = OutcomeBaseline.from_json(stored).outcomes
    stored = s3.get_object(Bucket=BUCKET, Key=naming.estimator_key("credit", "v1"))["Body"].read()
    estimator = Estimator.from_json(stored)
    positive = np.array([float(answer) >= spec.output.threshold for answer in answers])
    truth = np.array(lines(s3, prefix + "holdout/labels/")) == "1"
    measured = {metric.name: metric.value for metric in measure(outcomes).metrics}
    assert outcomes.rows == 750
    assert measured["accuracy"] == pytest.approx(float((positive == truth).mean()))
    assert measured["recall"] == pytest.approx(float((positive & truth).sum() / truth.sum()))
    # and the estimator is learnt from the same rows, for windows that are counted over the same bins
    assert (estimator.labelled, estimator.binning) == (750, outcomes.binning.id)
    # and so are the groups of people
    stored = s3.get_object(Bucket=BUCKET, Key=naming.group_baseline_key("credit", "v1"))["Body"].read()
    judged = GroupBaseline.from_json(stored)
    groups = judged.counts
    assert groups.binning.facet("age").groups == ("under 30", "30 to under 60", "60 and over")
    young = np.array([int(request.split(",")[0]) < 30 for request in requests])
    counted = groups.cells[0, 0]
    assert groups.rows == 750
    assert counted[:, POSITIVE_OUTCOME].sum() == (young & ~positive).sum()
    assert counted[POSITIVE_OUTCOME, NEGATIVE_OUTCOME] == (young & positive & ~truth).sum()
    # and each group was held against its neighbours in the favoured one, by the rows themselves
    assert judged.flips is not None
    assert {facet for facet, *_ in judged.flips.tests} == {"age", "gender"}
    of_the_young = judged.flips.tests["age", "under 30", "30 to under 60"]
    assert of_the_young.n == young.sum()
    assert 0 < of_the_young.upward + of_the_young.downward < of_the_young.n
    # and the recorded answers belong to the recorded requests
    verification = json.loads(s3.get_object(Bucket=BUCKET, Key=naming.verification_key("credit", "v1"))["Body"].read())
    assert [item["body"] for item in verification["requests"]] == requests[:20]
    assert verification["responses"] == answers[:20]
    # and rows from all of the holdout are kept to compare others with
    sample = RequestSample.from_json(s3.get_object(Bucket=BUCKET, Key=naming.sample_key("credit", "v1"))["Body"].read())
    assert sample == RequestSample(baseline.id, tuple(requests[::2]))
    # and it is on record where the version comes from
    lineage = Lineage.from_json(s3.get_object(Bucket=BUCKET, Key=naming.lineage_key("credit", "v1"))["Body"].read())
    assert lineage.data == f"s3://{BUCKET}/{prefix}"
    assert (lineage.manifest.holdout_rows, lineage.gate) == (750, None)


def test_a_file_without_the_label_is_refused_with_its_name(s3, run_job):
    # given a file that lacks the label
    table = pd.DataFrame({"age": [1], "income": [2.0], "home": ["rent"]})
    s3.put_object(Bucket=BUCKET, Key="data/rows.csv", Body=table.to_csv(index=False).encode())

    # when a training set is assembled from it
    source = f"s3://{BUCKET}/data/rows.csv"
    done = run_job(model_spec())("assemble_training_set.py", BUCKET=BUCKET, RUN="x", NOW=NOW, SOURCE=source)

    # then the job fails and says why
    assert done.returncode != 0
    assert "has no column 'defaulted'" in done.stderr
