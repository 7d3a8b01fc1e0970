"""The state machines of one model, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from constructs import Construct

from infra.attachment import Attachment
from infra.machine_steps import Machine
from infra.onboarding import FirstVersion, Onboarding
from infra.retraining import Retraining
from infra.rollback import Rollback
from infra.rollout import Rollout
from infra.shared import ModelContext
from infra.tools import Tools


@dataclass(frozen=True)
class Machines:
    """The machines; a model without training code has no retraining."""

    onboarding: Machine
    rollout: Machine
    rollback: Machine
    retraining: Machine | None

    @classmethod
    def of(cls, scope: Construct, context: ModelContext, tools: Tools, first: FirstVersion | Attachment) -> Machines:
        """Make them. Rollback and retraining do not touch the endpoint: they run the rollout machine."""
        onboarding = Onboarding(scope, context, tools, first)
        rollout = Rollout(scope, context, tools)
        rollback = Rollback(scope, context, tools, rollout)
        trained = context.config.code_folder is not None
        retraining = Retraining(scope, context, tools, rollout) if trained else None
        return cls(
            onboarding.machine, rollout.machine, rollback.machine, None if retraining is None else retraining.machine
        )

    @property
    def by_name(self) -> Mapping[str, Machine]:
        """Those that there are."""
        known = {
            "Onboarding": self.onboarding,
            "Rollout": self.rollout,
            "Rollback": self.rollback,
            "Retraining": self.retraining,
        }
        return {name: machine for name, machine in known.items() if machine is not None}
