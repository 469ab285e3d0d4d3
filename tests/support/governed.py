"""A governed company for tests: the demonstration document, and proposals that its gates let through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossloop.governance import GateState, Policy, SignalFacts, judge, parse_policy
from crossloop.money import Money
from crossloop.signals import ActionRequest, Catalogue, Claim, Impact, Proposal, Verdict
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED

CATALOGUE = Catalogue([GEO_RISK, GEO_RISK_CLEARED])
DEMO = Path(__file__).parents[2] / "examples" / "governance" / "demo.yaml"
LOOP = "logistics-to-marketing"
AS_OF = datetime(2022, 6, 12, 18, 29, tzinfo=UTC)
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
AREA = "ads/campaign/C1/geo/IN/KARNATAKA/560"


def demo_text(*changes: tuple[str, str]) -> str:
    """The demonstration document with pieces of text replaced; each piece must be there."""
    text = DEMO.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def policy(*changes: tuple[str, str]) -> Policy:
    return parse_policy(demo_text(*changes), file=Path("governance.yaml"), catalogue=CATALOGUE)


def claim(**changes: Any) -> Claim:
    return Claim(
        **{
            "resource": AREA,
            "direction": "decrease",
            "starts": AS_OF,
            "ends": AS_OF + timedelta(days=7),
            "interest": "logistics",
            **changes,
        }
    )


def impact(share: float, resource: str = "ads/campaign/C1/budget") -> Impact:
    return Impact(resource=resource, share=share, amount=Money.of(share * 10000, "INR"))


def proposal(**changes: Any) -> Proposal:
    """A proposal that the demonstration document lets act."""
    return Proposal(
        **{
            "signal_id": "sig_aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "department": "marketing",
            "step": 0,
            "loop": LOOP,
            "intervention": "suppress_cod",
            "risk": "reversible",
            "action": ActionRequest(
                system="ads", operation="suppress_audience", resource=AREA, arguments={"audience": "cod"}
            ),
            "claims": (claim(),),
            "confidence": 0.95,
            "impact": impact(0.05),
            "facts": {"orders": 120, "failures": 40, "rate": 0.33},
            "rationale": "Returns from 560 cost more than the campaign earns there.",
            **changes,
        }
    )


def signal(**changes: Any) -> SignalFacts:
    return SignalFacts(
        **{
            "type": "logistics.geo_risk/1",
            "department": "logistics",
            "confidence": 0.97,
            "valid_until": AS_OF + timedelta(days=1),
            "time": AS_OF,
            **changes,
        }
    )


def state(share: float = 0.0, amount: str = "0", **changes: Any) -> GateState:
    return GateState(**{"share_today": share, "amount_today": Decimal(amount), **changes})


def verdict_on(
    asked: Proposal | None = None,
    *,
    said: SignalFacts | None = None,
    at: GateState | None = None,
    under: Policy | None = None,
) -> Verdict:
    return judge(asked or proposal(), said or signal(), at or state(), under or policy(), now=NOW)


def found(verdict: Verdict, gate: str) -> tuple[str, str]:
    """Outcome and text of the only reason that a gate gave."""
    (reason,) = (one for one in verdict.reasons if one.gate == gate)
    return reason.outcome, reason.text
