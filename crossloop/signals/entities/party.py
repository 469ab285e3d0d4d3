"""Parties a company deals with, and what it hopes to sell them."""

from __future__ import annotations

from datetime import date
from typing import Literal

from crossloop.frozen import Frozen
from crossloop.money import Money
from crossloop.signals.entities.common import Code, Name

PartyKind = Literal["customer", "supplier"]
OpportunityStage = Literal["new", "qualified", "proposal", "won", "lost", "cancelled"]


class Party(Frozen):
    """One customer or supplier."""

    code: Code
    """The company's own code, unique over all parties."""

    name: Name
    kind: PartyKind
    active: bool = True
    """False once the party was taken out of use; its history stays."""


class Opportunity(Frozen):
    """One possible deal with one party."""

    reference: Code
    """Unique over all opportunities."""

    party_code: Code
    title: Name
    amount: Money
    """Expected value of the deal."""

    stage: OpportunityStage = "new"
    expected_close: date | None = None
    """Local calendar day on which the deal is expected."""
