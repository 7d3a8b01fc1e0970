"""Put our SageMaker in the place of moto's, for the operations that we simulate."""

from __future__ import annotations

from moto.sagemaker.responses import SageMakerResponse

from localcloud.cloud import Cloud
from localcloud.operations import answer
from localcloud.sagemaker.cards import ModelCards
from localcloud.sagemaker.endpoints import Endpoints
from localcloud.sagemaker.registry import Registry
from localcloud.sagemaker.resources import Configs, Models, Tags
from localcloud.sagemaker.runtime import Runtime, serve_invocations
from localcloud.sagemaker.training import TrainingJobs
from localcloud.sagemaker.transform import TransformJobs


def install(cloud: Cloud) -> None:
    """Install SageMaker and its runtime."""
    tags = Tags()
    registry = Registry(cloud, tags)
    models = Models(cloud, tags, package_of=registry.get)
    configs = Configs(cloud, tags, models)
    endpoints = Endpoints(cloud, models, configs, tags)
    parts = (
        tags,
        registry,
        models,
        configs,
        endpoints,
        TrainingJobs(cloud, tags),
        TransformJobs(cloud, models, tags),
        ModelCards(cloud),
    )
    for part in parts:
        answer(SageMakerResponse, "sagemaker", part.handlers())
    serve_invocations(Runtime(cloud, endpoints))
