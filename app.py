"""The CDK app: one platform stack, and one stack a model.

Context (`cdk synth -c key=value`):

- `models`: which YAML files, a path or pattern (default `models/*.yaml`)
- `layers`: folder of the built Lambda layers (default `build/layers/arm64`)
- `staging`: where code archives are put together (default `build/archives`)
- `nag`: `true` runs cdk-nag's AwsSolutions rules over the templates
"""

from __future__ import annotations

import sys

from infra.app import build
from watchkeeper.errors import WatchkeeperError

try:
    build().synth()
except WatchkeeperError as error:
    sys.exit(f"{type(error).__name__}: {error}")
