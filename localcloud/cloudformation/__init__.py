"""CloudFormation, in place of moto's engine.

moto's engine cannot roll back, replace, order deletions, show a change set's outputs, or refuse what it does not know;
patching all of that would touch most of it. This one is small because providers do nothing but call APIs.
"""

from __future__ import annotations

from localcloud.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Answer the CloudFormation API with this engine."""
    from moto.cloudformation import urls

    from localcloud.cloudformation.api import CloudFormationApi, Stacks
    from localcloud.providers import all_types  # which are written in terms of this package

    CloudFormationApi.stacks = Stacks(cloud, all_types())
    urls.url_paths = {"{0}/$": CloudFormationApi.dispatch}
