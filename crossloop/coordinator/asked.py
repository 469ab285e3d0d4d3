"""Held decisions as people are shown them: which one is meant, what it asks, who has said what to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from crossloop.canonical import JSON
from crossloop.coordinator import line
from crossloop.coordinator.explain import require_enough
from crossloop.errors import UnknownName
from crossloop.signals import Proposal, Verdict
from crossloop.store import Read, approvals, decisions, inbox, votes
from crossloop.store.approvals import ApprovalRow, ApprovalState
from crossloop.store.decisions import DecisionRow
from crossloop.store.ledger.entries import understood


def find(read: Read, prefix: str) -> ApprovalRow:
    """Return the one approval whose id starts like this.

    Raises:
        UnknownName: none, or more than one, or too little of the id was given.
    """
    rows = approvals.find(read, prefix) if prefix else []
    if not rows:
        raise UnknownName(f"there is no approval '{prefix}'.", next_step="See: crossloop approvals list")
    if len(rows) > 1:
        raise UnknownName(f"'{prefix}' fits {len(rows)} approvals.", next_step="Give more of the id.")
    require_enough(prefix)
    return rows[0]


def load(read: Read, row: ApprovalRow) -> tuple[Proposal, Verdict]:
    """Return what an approval is about.

    Raises:
        UnknownName: it was removed from the ledger.
    """
    decision, _ = decided(read, row)
    return _checked(decision, read.body(decision.entry))


def _checked(decision: DecisionRow, body: Mapping[str, JSON]) -> tuple[Proposal, Verdict]:
    """Read what was decided; people are shown nothing that is no proposal and no verdict."""
    with understood(decision.entry, decisions.DECISION):
        return Proposal.model_validate(body["proposal"]), Verdict.model_validate(body["verdict"])


def decided(read: Read, row: ApprovalRow) -> tuple[DecisionRow, Mapping[str, JSON] | None]:
    """The decision that an approval is about, and what it recorded, if that is still there."""
    decision = decisions.get(read, row.decision_id)
    if decision is None:
        raise UnknownName(f"approval {row.id} has no decision {row.decision_id}.")
    return decision, read.entry(decision.entry).body


def _valid_until(read: Read, decision: DecisionRow | None) -> datetime | None:
    """Until when the signal holds that a decision answers."""
    signal = None if decision is None else inbox.get(read, decision.signal_id)
    return None if signal is None else signal.valid_until


def listed(
    read: Read, *, now: datetime, state: ApprovalState | None = None, limit: int | None = None
) -> list[dict[str, JsonValue]]:
    """Return approvals as people are shown them: the waiting ones first, each sort by its deadline.

    Args:
        now: real time, to tell what is overdue.
        limit: no more than so many; all of them when None.
    """
    if limit is not None:
        rows = approvals.by_due(read, limit, state=state)
    else:
        every = approvals.listing(read, state=state)
        rows = sorted(every, key=lambda row: (row.state != "waiting", row.due))
    return [shown(read, row, now=now) for row in rows]


def shown(read: Read, row: ApprovalRow, *, now: datetime) -> dict[str, JsonValue]:
    """Return one approval as people are shown it: who has approved so far, whether it is overdue, and how it
    ended."""
    decision, body = decided(read, row)
    given = votes.given(read, row.id)
    if body is not None:
        _checked(decision, body)
    return {
        **describe(read, row, decision, body),
        "approved_by": [person for person, _ in given],
        "overdue": row.state == "waiting" and now > row.due,
        "answers": [_answer_given(read, person, entry) for person, entry in given],
        "ended": _how_it_ended(read, row),
    }


def _answer_given(read: Read, person: str, entry: int) -> dict[str, JsonValue]:
    found = read.entry(entry)
    with understood(entry, found.kind):
        reason = None if found.body is None else str(found.body["reason"])
    return {"person": person, "at": found.at.isoformat(), "reason": reason}


def _how_it_ended(read: Read, row: ApprovalRow) -> dict[str, JsonValue] | None:
    """When, by whom and why it ended; nobody where time or the rules ended it."""
    if row.answered is None:
        return None
    at = read.entry(row.answered).at.isoformat()
    return {"person": row.person, "at": at, "reason": row.reason}


def describe(
    read: Read, row: ApprovalRow, decision: DecisionRow, body: Mapping[str, JSON] | None
) -> dict[str, JsonValue]:
    """What a person is shown: action, impact, evidence, options, who asks, who else is asked, until when,
    and who is asked after that.

    Args:
        body: what was decided; None where it was removed from the ledger, and then nothing of it is shown.
    """
    proposal = cast("dict[str, JsonValue]", {} if body is None else body["proposal"])
    verdict = cast("dict[str, JsonValue]", {} if body is None else body["verdict"])
    until = _valid_until(read, decision)
    return {
        "id": row.id,
        "decision": row.decision_id,
        "proposed_by": decision.department,
        "redacted": body is None,
        "action": proposal.get("action"),
        "intervention": decision.intervention,
        "impact": proposal.get("impact"),
        "evidence": proposal.get("rationale", "redacted: it was removed from the ledger"),
        "options": proposal.get("options", []),
        "reasons": verdict.get("reasons", []),
        "from": list(row.people),
        "quorum": row.quorum,
        "due_at": row.due.isoformat(),
        "valid_until": None if until is None else until.isoformat(),
        "next": _next(read, row),
        "digest": row.digest,
        "state": row.state,
    }


def _next(read: Read, row: ApprovalRow) -> dict[str, JsonValue] | None:
    """Who is asked when nobody answers, and the earliest deadline that they can have."""
    following = line.comes_next(read, row) if row.state == "waiting" else None
    if following is None:
        return None
    return {"from": list(following.people), "due_at": (row.due + following.within).isoformat()}
