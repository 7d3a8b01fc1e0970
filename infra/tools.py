"""What the state machines of one model work with."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from infra.deciders import Deciders
from infra.python_function import PythonFunction
from infra.spark_jobs import SparkJobs
from infra.state import ModelState


@dataclass(frozen=True)
class Tools:
    """What the machines share; each takes what it needs, and grants its own role no more than that.

    Attributes
    ----------
    state : which version serves, and the lock that keeps machines apart
    notify : the function that tells people
    serving_role : the role under which models serve and answer batch transforms
    """

    state: ModelState
    jobs: SparkJobs
    deciders: Deciders
    notify: PythonFunction
    serving_role: iam.IRole
