"""May it be done? The governance document, the gates, permits and the rules of answering. No I/O but the
reading of the document, no LangGraph."""

from crossloop.governance.adjustable import NotAdjustable, may_act, not_adjustable
from crossloop.governance.answers import (
    ActionChanged,
    AlreadyAnswered,
    ApprovalFacts,
    DeadlinePassed,
    IsProposer,
    NotAsked,
    PolicyChanged,
    UnknownPerson,
    check_answer,
)
from crossloop.governance.combine import STRICTNESS
from crossloop.governance.document import Document, Loop, Permission, Stage, Strategy, document_schema
from crossloop.governance.facts import BASE_FACTS, Fact, FactValue, build_facts
from crossloop.governance.gates import judge
from crossloop.governance.loader import load_policy, parse_policy
from crossloop.governance.permits import (
    VALID_FOR,
    PermitExpired,
    PermitMismatch,
    PermitRefused,
    check_permit,
    permit_for,
    permit_to_take_back,
)
from crossloop.governance.policy import Policy
from crossloop.governance.precedence import compatible, conflict_kind, in_conflict, resolve
from crossloop.governance.state import GateState, Resolution, SignalFacts

__all__ = [
    "BASE_FACTS",
    "STRICTNESS",
    "VALID_FOR",
    "ActionChanged",
    "AlreadyAnswered",
    "ApprovalFacts",
    "DeadlinePassed",
    "Document",
    "Fact",
    "FactValue",
    "GateState",
    "IsProposer",
    "Loop",
    "NotAdjustable",
    "NotAsked",
    "Permission",
    "PermitExpired",
    "PermitMismatch",
    "PermitRefused",
    "Policy",
    "PolicyChanged",
    "Resolution",
    "SignalFacts",
    "Stage",
    "Strategy",
    "UnknownPerson",
    "build_facts",
    "check_answer",
    "check_permit",
    "compatible",
    "conflict_kind",
    "document_schema",
    "in_conflict",
    "judge",
    "load_policy",
    "may_act",
    "not_adjustable",
    "parse_policy",
    "permit_for",
    "permit_to_take_back",
    "resolve",
]
