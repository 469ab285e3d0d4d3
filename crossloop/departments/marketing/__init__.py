"""The marketing department: what a risk means for live campaigns, without a model."""

from crossloop.departments.department import Department, Handler
from crossloop.departments.marketing.economics import Economics
from crossloop.departments.marketing.policy import (
    LOGISTICS_TO_MARKETING,
    MARKETING,
    answer_cleared,
    answer_risk,
)
from crossloop.signals.entities import Campaign, Restriction
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED

__all__ = ["MARKETING", "Economics", "marketing"]


def marketing() -> Department:
    """Return the ready-made marketing department."""
    return Department(
        name=MARKETING,
        handlers=(
            Handler(GEO_RISK.name, LOGISTICS_TO_MARKETING, answer_risk, reads=(Campaign, Restriction)),
            Handler(GEO_RISK_CLEARED.name, LOGISTICS_TO_MARKETING, answer_cleared),
        ),
    )
