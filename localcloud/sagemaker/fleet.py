"""The instances behind one endpoint config: one model server a variant, and what captures its traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from localcloud.cloud import Cloud
from localcloud.operations import Shape
from localcloud.sagemaker.artefacts import ArtefactError, Location, Store
from localcloud.sagemaker.containers import ContainerError, ContainerSpec, ModelServer, new_root, program_of
from localcloud.sagemaker.resources import Models, variant_splitter
from localcloud.sagemaker.splitter import Splitter


@dataclass(eq=False)
class Fleet:
    """One endpoint config being served.

    Attributes
    ----------
    config : the endpoint config as it was when the fleet came up; deleting or changing it later does not matter
    role_arn : the execution role of the first variant's model, with which captures are written and alarms are read
    """

    config: Shape
    role_arn: str
    servers: Mapping[str, ModelServer]
    splitter: Splitter[str]
    instances: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The endpoint config's name."""
        return str(self.config["EndpointConfigName"])

    def reweigh(self, variants: list[Shape]) -> None:
        """Divide traffic by other weights from now on."""
        self.config = {**self.config, "ProductionVariants": variants}
        self.splitter = variant_splitter(self.config)

    def retire(self) -> None:
        """End the servers once they have answered what they were asked."""
        for server in self.servers.values():
            server.retire()


def start_fleet(cloud: Cloud, models: Models, endpoint: str, config: Shape) -> Fleet:
    """Bring up every variant of a config.

    Raises
    ------
    ContainerError, ArtefactError
        A variant did not come up; none is left running.
    """
    servers: dict[str, ModelServer] = {}
    try:
        for variant in config["ProductionVariants"]:
            servers[variant["VariantName"]] = start_model(
                cloud,
                models,
                variant["ModelName"],
                log_group=f"/aws/sagemaker/Endpoints/{endpoint}",
                log_stream=f"{variant['VariantName']}/{config['EndpointConfigName']}",
            )
    except (ContainerError, ArtefactError):
        for server in servers.values():
            server.retire()
        raise
    first = models.get(config["ProductionVariants"][0]["ModelName"])
    instances = {v["VariantName"]: int(v.get("InitialInstanceCount", 1)) for v in config["ProductionVariants"]}
    return Fleet(dict(config), first["ExecutionRoleArn"], servers, variant_splitter(config), instances)


def start_model(
    cloud: Cloud,
    models: Models,
    name: str,
    *,
    log_group: str,
    log_stream: str,
    environment: Mapping[str, str] | None = None,
) -> ModelServer:
    """Fetch a model's artefact with its execution role and serve it.

    Raises
    ------
    ContainerError, ArtefactError
        It did not come up.
    """
    model = models.get(name)
    container, role = models.container_of(model), model["ExecutionRoleArn"]
    program_of(container["Image"], "serve")
    root = new_root(cloud, name)
    variables = {**container.get("Environment", {}), **(environment or {})}
    store = Store(cloud, role, name)
    if "ModelDataUrl" in container:
        store.extract(Location.parse(container["ModelDataUrl"]), root / "model")
    code = variables.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if code.startswith("s3://"):
        store.extract(Location.parse(code), root / "model" / "code")
    return ModelServer(cloud, ContainerSpec(name, container["Image"], role, root, variables, log_group, log_stream))
