"""SageMaker that runs: endpoints, training and transform jobs as local processes, the registry, deployment guardrails.

There is no Docker here. An image is resolved by its repository's name to a small program that honours the same
container contract (`image/`), so a deployed script-mode `inference.py` or `train.py` runs unchanged. Everything else is
spelled as the API spells it: `resources` holds models, configs and tags, `endpoints` and `rollout` serve and shift
traffic, `runtime` answers invocations, `capture` records them, `training` and `transform` run `jobs`, `registry` keeps
packages. Endpoints do not scale: scaling policies are accepted and described, never acted on.
"""

from __future__ import annotations

from localcloud.sagemaker.bridge import install

__all__ = ["install"]
