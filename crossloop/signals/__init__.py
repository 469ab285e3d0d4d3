"""What is said between departments: signals, proposals, verdicts, permits, receipts. No I/O.

The modules ``codec``, ``cloudevents`` and ``contracts`` are public too. They are imported by those who use
them, because JSON Schema and the CloudEvents SDK take longer to load than everything listed here.
"""

from crossloop.signals.catalogue import Catalogue, Intervention, SignalType
from crossloop.signals.model import Confidence, Evidence, Risk, Signal, SignalData
from crossloop.signals.proposal import NO_ACTION, NO_ANSWER, ActionRequest, Claim, Impact, Option, Proposal
from crossloop.signals.verdict import Effect, Outcome, Permit, Reason, Receipt, Required, Verdict

__all__ = [
    "NO_ACTION",
    "NO_ANSWER",
    "ActionRequest",
    "Catalogue",
    "Claim",
    "Confidence",
    "Effect",
    "Evidence",
    "Impact",
    "Intervention",
    "Option",
    "Outcome",
    "Permit",
    "Proposal",
    "Reason",
    "Receipt",
    "Required",
    "Risk",
    "Signal",
    "SignalData",
    "SignalType",
    "Verdict",
]
