"""The verdict between proposal and permit, the permit itself, and the receipt of what was done."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from crossloop.frozen import Frozen
from crossloop.ids import ActionKey, ApprovalId, DecisionId, PersonId
from crossloop.signals.model import ShortText

Outcome = Literal["act", "hold", "escalate", "refuse", "shadow"]
"""What governance decided. Strictness grows: act < hold < escalate < shadow < refuse."""

Effect = Literal["done", "failed", "unknown"]
"""How an action ended. ``unknown`` is never repeated blindly: it becomes an incident for a person."""


class Reason(Frozen):
    """What one gate said. Gates that agreed are kept too."""

    gate: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    outcome: Outcome
    text: ShortText
    """In words, with the value that was compared and what it was compared with."""


class Required(Frozen):
    """Who has to answer a held decision, and by when."""

    people: tuple[PersonId, ...]
    """Persons who may answer; every one of them must approve when ``quorum`` equals their number."""

    quorum: Annotated[int, Field(ge=1)] = 1
    due: datetime
    """Real-time deadline for an answer. Passing it escalates; it never approves."""


class Verdict(Frozen):
    """What governance decided about one proposal, with every reason and every fact it saw."""

    decision_id: DecisionId
    outcome: Outcome
    reasons: tuple[Reason, ...]
    facts: dict[str, float | int | str | bool] = Field(default_factory=dict)
    """The flat facts that the rules saw, so that the decision can be replayed."""

    policy: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Digest of the governance document in force."""

    required: Required | None = None
    """Set when the outcome is hold or escalate."""


class Permit(Frozen):
    """You may: this exact action, once, until then."""

    action_key: ActionKey
    action_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Digest of the request; the executor compares it with what it is about to perform."""

    policy: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    approvers: tuple[PersonId, ...] = ()
    """Empty when governance let it act by itself."""

    approval_id: ApprovalId | None = None
    because: Annotated[str, Field(max_length=500)] = ""
    """On what it rests, where that is no verdict of its own: the undertaking that came to nothing."""

    granted_at: datetime
    expires_at: datetime
    """Real time after which the permit is worth nothing."""


class Receipt(Frozen):
    """It was done, or it failed, or nobody can tell."""

    action_key: ActionKey
    outcome: Effect
    reference: Annotated[str, Field(max_length=300)] | None = None
    """The system's own id of the change, to find it there and to undo it."""

    detail: Annotated[str, Field(max_length=2000)] = ""
    """What the system answered, in words; no secrets."""

    started_at: datetime
    finished_at: datetime
