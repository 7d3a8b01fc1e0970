"""Container images of SageMaker's frameworks, for whatever region and partition the stack is deployed to.

The accounts that hold them are read from the SageMaker SDK's own tables at synth, offline, and become a CloudFormation
mapping: so templates depend on no region.
"""

from __future__ import annotations

import warnings
from functools import cache

from aws_cdk import Aws, CfnMapping, Fn, Stack
from constructs import Construct

from watchkeeper.config.schema import Code
from watchkeeper.errors import ConfigError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", SyntaxWarning)  # of the SDK's generated modules
    from sagemaker.core import image_uris


@cache
def _versions(framework: str) -> dict[str, dict[str, object]]:
    config = image_uris.config_for_framework(framework)
    return dict(config["inference"]["versions"])


@cache
def accounts(framework: str, version: str) -> dict[str, str]:
    """Account that holds a framework's images, by region."""
    registries = _described(framework, version)["registries"]
    assert isinstance(registries, dict)
    return {str(region): str(account) for region, account in sorted(registries.items())}


def repository_and_tag(framework: str, version: str) -> str:
    """The image without its registry, such as `sagemaker-scikit-learn:1.9-0-cpu-py3`.

    Raises
    ------
    ConfigError
        SageMaker has no such version.
    """
    described = _described(framework, version)
    pythons, processors = described.get("py_versions"), described.get("processors")
    tag = version
    if isinstance(processors, list) and isinstance(pythons, list):
        tag = f"{version}-{processors[0]}-{pythons[0]}"
    return f"{described['repository']}:{tag}"


def _described(framework: str, version: str) -> dict[str, object]:
    versions = _versions(framework)
    if version not in versions:
        raise ConfigError(
            f"endpoint.create.framework_version: SageMaker has no {framework} {version!r}. Known: "
            f"{', '.join(sorted(versions))}."
        )
    return versions[version]


def framework_image(scope: Construct, image: str, framework: str, version: str) -> str:
    """Full URI of a framework image (`repository:tag`, may be a parameter) in the region of the stack."""
    stack = Stack.of(scope)
    mapping = stack.node.try_find_child("ContainerAccounts")
    if not isinstance(mapping, CfnMapping):
        table = {region: {"account": account} for region, account in accounts(framework, version).items()}
        mapping = CfnMapping(stack, "ContainerAccounts", mapping=table)
    account = mapping.find_in_map(Aws.REGION, "account")
    return Fn.join("", [account, ".dkr.ecr.", Aws.REGION, ".", Aws.URL_SUFFIX, "/", image])


def training_image(scope: Construct, code: Code) -> str:
    """Image that trains the model as its YAML file says now."""
    if code.image:
        return code.image
    return framework_image(scope, repository_and_tag(code.framework, code.version), code.framework, code.version)
