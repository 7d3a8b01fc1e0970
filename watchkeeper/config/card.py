"""The part of a model's file that goes into its model cards as it is: what a person alone can say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from watchkeeper import spec
from watchkeeper.config.parts import Section


class Card(Section):
    """What the model is for, and what to mind. Everything else in a card is measured."""

    owner: str = Field("", max_length=1024, description="Who answers for the model.")
    purpose: str = Field("", max_length=2048, description="The problem that it solves.")
    intended_uses: str = Field("", max_length=2048, description="Where it may be used, and where it must not.")
    risk: Literal["high", "medium", "low", "unknown"] = "unknown"
    risk_explained: str = Field("", max_length=2048, description="Why the risk is rated so.")
    ethical_considerations: str = Field("", max_length=2048)
    caveats: str = Field("", max_length=1024, description="What its users should mind; measured limits are added.")

    def spec(self, description: str) -> spec.Card:
        """The running parts' view; `description` is the model's."""
        return spec.Card(
            description=description,
            owner=self.owner,
            purpose=self.purpose,
            intended_uses=self.intended_uses,
            risk=self.risk.title(),
            risk_explained=self.risk_explained,
            ethical_considerations=self.ethical_considerations,
            caveats=self.caveats,
        )
