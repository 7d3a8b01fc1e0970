"""From captured rows and labels to curated predictions, their table for queries, and how good they were."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants
from infra.python_function import PythonFunction
from infra.schedules import Schedules
from infra.shared import GLUE_DATABASE, ModelContext
from infra.spark_jobs import SparkJob
from infra.state import ModelState
from watchkeeper import naming
from watchkeeper.curated import columns

TIMEOUT = cdk.Duration.minutes(15)
MEMORY_MB = 3008
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_FIRST_DAY = "2025-01-01"


class Labelling(Construct):
    """Joins labels on a schedule, and measures predictions by them on another.

    What is more than a function should join goes to the Spark job `join`.

    Attributes
    ----------
    join, performance : the functions `join_labels` and `monitor_performance`
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        state: ModelState,
        join: SparkJob,
        schedules: Schedules,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, "Labelling")
        model = context.name
        self.join = PythonFunction(
            self,
            context,
            "join_labels",
            description=f"Files {model}'s captured rows by the hour, and joins the labels that came for them",
            timeout=TIMEOUT,
            memory_mb=MEMORY_MB,
            layers=("core", "parser"),
            environment={"JOIN_JOB": join.name},
            dead_letters=dead_letters,
        )
        kept = naming.predictions_prefix(model), naming.ids_prefix(model), naming.joined_prefix(model)
        outcomes = naming.outcomes_prefix(model)
        self.join.reads(naming.staged_prefix(model), naming.labels_prefix(model), naming.baseline_prefix(model), *kept)
        self.join.lists(outcomes)
        self.join.writes(*kept, outcomes)
        grants.allow(self.join.role, ["glue:StartJobRun"], [join.arn])
        schedules.add("labels", self.join, context.spec.labelling.schedule, f"Joins {model}'s labels")
        self.performance = PythonFunction(
            self,
            context,
            "monitor_performance",
            description=f"Compares {model}'s labelled predictions with those that its version was judged on",
            timeout=cdk.Duration.minutes(5),
            memory_mb=1024,
            dead_letters=dead_letters,
        )
        self.performance.reads(outcomes, naming.baseline_prefix(model))
        self.performance.writes(naming.findings_prefix(model))
        state.read_by(self.performance)
        schedule = context.spec.performance.schedule
        schedules.add("performance", self.performance, schedule, f"Measures {model}'s predictions")
        self._table(context)

    def _table(self, context: ModelContext) -> None:
        """Athena finds the partitions by their names: nothing has to crawl or add them."""
        place = context.data_uri(naming.predictions_prefix(context.name))
        partition = "".join(f"{name}=${{{name}}}/" for name in (columns.DAY, columns.HOUR))
        glue.CfnTable(
            self,
            "Predictions",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=GLUE_DATABASE,
            table_input=glue.CfnTable.TableInputProperty(
                name=naming.predictions_table(context.name),
                description=f"What {context.name} answered, and what turned out to be true",
                table_type="EXTERNAL_TABLE",
                partition_keys=[
                    glue.CfnTable.ColumnProperty(name=columns.DAY, type="string", comment="UTC day of the request"),
                    glue.CfnTable.ColumnProperty(name=columns.HOUR, type="string", comment="its UTC hour"),
                ],
                parameters={
                    "classification": "parquet",
                    "projection.enabled": "true",
                    f"projection.{columns.DAY}.type": "date",
                    f"projection.{columns.DAY}.format": "yyyy-MM-dd",
                    f"projection.{columns.DAY}.range": f"{_FIRST_DAY},NOW+1DAYS",
                    f"projection.{columns.HOUR}.type": "integer",
                    f"projection.{columns.HOUR}.range": "0,23",
                    f"projection.{columns.HOUR}.digits": "2",
                    "storage.location.template": place + partition,
                },
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=place,
                    input_format=f"{_PARQUET}.MapredParquetInputFormat",
                    output_format=f"{_PARQUET}.MapredParquetOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"
                    ),
                    columns=[
                        glue.CfnTable.ColumnProperty(name=name, type=kind, comment=comment)
                        for name, kind, comment in columns.table(context.spec)
                    ],
                ),
            ),
        )
