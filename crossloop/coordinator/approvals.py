"""Answering held decisions: the row first, then the thread, then the executor.

Rules, in the order the code follows them for one answer:

1. The answer is checked against the row: who answers, whether they were asked, whether it still waits and
   the deadline; a yes also against who is asked now, the policy in force and the digest of the action. A
   wrong answer is refused with its reason and changes nothing.
2. The policy in force is the store's, read in the same transaction: another process may have put another
   document in force since this one was opened. A yes counts where this process works under it, too.
3. An approval counts once for each person. When as many as the quorum have approved, the row changes
   from *waiting* to *approved* and the permit is written in the same transaction: one approval mints at
   most one permit. That of a step of an undertaking is written when it is its turn.
4. One rejection ends it; claims and impact are given back, and the signal is finished if nothing is left.
5. The thread of the approval graph is removed afterwards. It is a projection and decides nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, cast

from pydantic import JsonValue

from crossloop.canonical import JSON
from crossloop.coordinator import endings, line, reasons, sagas
from crossloop.coordinator.explain import require_enough
from crossloop.coordinator.permitting import approval_facts, request_digest, validity, write_permit
from crossloop.errors import AnswerRefused, LedgerBroken, StaleLease, ThreadsUnusable, UnknownName
from crossloop.faults import crash_point
from crossloop.governance import Policy, PolicyChanged, check_answer, permit_for
from crossloop.ids import ActionKey, PersonId
from crossloop.signals import Proposal, Verdict
from crossloop.store import (
    Lease,
    Read,
    Store,
    Tx,
    actions,
    approvals,
    claims,
    decisions,
    inbox,
    leases,
    policies,
    states,
    votes,
)
from crossloop.store.approvals import ApprovalRow, ApprovalState
from crossloop.store.decisions import DecisionRow
from crossloop.store.ledger.entries import understood

if TYPE_CHECKING:  # listing and showing what waits needs no LangGraph
    from crossloop.coordinator.approval_graph import ApprovalThreads

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer brought about."""

    approval_id: str
    state: Literal["waiting", "approved", "rejected"]
    action_key: ActionKey | None
    still_needed: int
    """Approvals that are missing for the quorum; 0 when it is decided."""


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
    decision, _ = _decided(read, row)
    return _checked(decision, read.body(decision.entry))


def _checked(decision: DecisionRow, body: Mapping[str, JSON]) -> tuple[Proposal, Verdict]:
    """Read what was decided; people are shown nothing that is no proposal and no verdict."""
    with understood(decision.entry, decisions.DECISION):
        return Proposal.model_validate(body["proposal"]), Verdict.model_validate(body["verdict"])


async def answer(
    store: Store,
    approval_id: str,
    *,
    person: PersonId,
    decision: Literal["approve", "reject"],
    reason: str,
    policy: Policy,
    asserted: str,
) -> Answered:
    """Answer one approval.

    Args:
        person: who answers, as named in the governance document.
        reason: at most 2,000 characters; required for a rejection.
        asserted: how we know who it is, for example ``asserted by OS user root``; it is recorded.

    Raises:
        AnswerRefused: with the reason code; nothing was changed.
    """

    def work(tx: Tx) -> Answered:
        answered = _answer(tx, find(tx, approval_id), person, decision, reason, policy, asserted)
        crash_point("answer.before_commit")
        return answered

    answered = await store.write_async(work)
    crash_point("answer.after_commit")
    return answered


def _require_as_recorded(tx: Tx, row: ApprovalRow) -> None:
    """Refuse a yes that would count on rows that say something else than the ledger.

    Raises:
        LedgerBroken: somebody changed who is asked, how many have to agree, or who has agreed.
    """
    found = states.difference_of_approval(tx, row.id)
    if found is not None:
        raise LedgerBroken(
            f"{row.id} cannot be approved: {found}.",
            position=None,
            next_step="Run `crossloop ledger verify`; restore the store from a copy.",
        )


def _answer(
    tx: Tx,
    row: ApprovalRow,
    person: PersonId,
    decision: Literal["approve", "reject"],
    reason: str,
    policy: Policy,
    asserted: str,
) -> Answered:
    if decision == "approve":
        _require_as_recorded(tx, row)
    asked = load(tx, row) if decision == "approve" else None
    present = policies.digest(tx)
    check_answer(
        approval_facts(tx, row, policy),
        person=person,
        now=tx.now,
        policy_digest=present or policy.digest,
        action_digest=row.digest if asked is None else request_digest(asked[0]),
        decision=decision,
        people=policy.document.people,
    )
    said: dict[str, JsonValue] = {
        "approval": row.id,
        "decision": row.decision_id,
        "person": person,
        "answer": decision,
        "reason": reason,
        "identity": asserted,
    }
    needed = "a rejection needs a reason." if decision == "reject" else ""
    reasons.check(said, needed=needed, next_step="Add --reason 'why'.")
    if asked is None:
        approvals.answer(tx, row.id, state="rejected", person=person, reason=reason, body=said)
        endings.rejected(tx, row, person=person, reason=reason, policy=policy)
        return Answered(row.id, "rejected", None, 0)
    _require_same_rules(row, policy)
    votes.give(tx, row.id, person=person, body=said)
    missing = row.quorum - len(votes.people(tx, row.id))
    if missing > 0:
        return Answered(row.id, "waiting", None, missing)
    return _approve(tx, row, asked[0], asked[1], said, policy)


def _require_same_rules(row: ApprovalRow, policy: Policy) -> None:
    """Refuse a yes of a process that works under other rules than those in force (rule 2).

    Raises:
        PolicyChanged: its rules are not those that were shown.
    """
    if row.policy != policy.digest:
        raise PolicyChanged(
            f"people were asked under the rules {row.policy[:12]}, which are in force; this company was "
            f"opened under {policy.digest[:12]}.",
            next_step="Answer without naming other rules; or run the loop under them: that withdraws the "
            "question, and what still holds is asked again.",
        )


def _approve(
    tx: Tx,
    row: ApprovalRow,
    proposal: Proposal,
    verdict: Verdict,
    said: Mapping[str, JsonValue],
    policy: Policy,
) -> Answered:
    approvals.answer(
        tx, row.id, state="approved", person=str(said["person"]), reason=str(said["reason"]), body=said
    )
    decision, _ = _decided(tx, row)
    undertaking = sagas.key_of(decision)
    if undertaking is not None:
        sagas.advance(tx, undertaking, policy)  # it is permitted when it is its turn
        return Answered(row.id, "approved", proposal.action_key, 0)
    permit = permit_for(
        proposal,
        verdict,
        now=tx.now,
        approval=approval_facts(tx, row, policy),
        valid_for=validity(proposal, policy),
    )
    try:
        written = write_permit(tx, row.case, proposal, permit)
    except actions.NotToUndo as refused:
        raise AnswerRefused(
            f"{row.id} cannot be approved any more: {refused.message}",
            next_step="Reject it, with that reason.",
        ) from refused
    if written is None:
        raise AnswerRefused(
            f"{row.id} cannot be approved any more: {proposal.action_key} is not planned.",
            next_step=f"See: crossloop explain {proposal.action_key}",
        )
    claims.in_force(tx, row.decision_id)
    return Answered(row.id, "approved", proposal.action_key, 0)


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
    decision, body = _decided(read, row)
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


def bring_in_step(store: Store, threads: ApprovalThreads, lease: Lease | None, *, after: int = -1) -> int:
    """Bring the threads of the approval graph in step with their rows: ask what waits, end the rest.

    Args:
        after: what was asked up to this entry has its thread. Where the file of the threads had to be made
            anew, everything that waits is asked again.

    Returns:
        The entry up to which everything has its thread now.

    A thread whose row says that it has ended is removed, and only then ticked off: whoever dies in between
    removes it again. A row whose decision was removed from the ledger shows nothing; it still ends.

    Threads in which a larger token was, while the store says that this lease is the last one, are those of
    another past of the store: one that was put back from a copy, or made anew. They are set aside.

    Raises:
        StaleLease: somebody has followed; the threads were left as they are.
    """
    wanted = store.read(lambda read: _wanted(read, after))
    before = threads.made
    try:
        try:
            _show(threads, wanted, lease)
        except StaleLease as refused:
            if lease is not None:
                store.read(lambda read: leases.check(read, lease))
            threads.set_aside(ThreadsUnusable(f"they are of another past of this store: {refused.message}"))
            _show(threads, wanted, lease)
        if threads.made != before and after >= 0:
            _show(threads, store.read(lambda read: _wanted(read, -1)), lease)
    except ThreadsUnusable as unusable:
        _LOG.warning("%s", unusable)  # a projection: what is decided and done does not wait for it
        return after
    if wanted.ended:
        store.write(lambda tx: [approvals.thread_removed(tx, one) for one in wanted.ended], lease=lease)
    return wanted.up_to


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which threads there have to be, and which not."""

    waiting: Mapping[str, dict[str, JsonValue]]
    ended: Sequence[str]
    up_to: int
    """The last entry when this was so."""


def _wanted(read: Read, after: int) -> _Wanted:
    waiting = _questions(read, approvals.waiting_after(read, after))
    return _Wanted(waiting, [row.id for row in approvals.ended_with_thread(read)], read.head().size - 1)


def _show(threads: ApprovalThreads, wanted: _Wanted, lease: Lease | None) -> None:
    crash_point("threads.before_shown")
    threads.ask(wanted.waiting, lease=lease)
    crash_point("threads.after_asked")
    threads.end(wanted.ended, lease=lease)
    crash_point("threads.after_ended")


def _questions(read: Read, rows: Sequence[ApprovalRow]) -> dict[str, dict[str, JsonValue]]:
    """What is asked, by the id of the approval, as far as it is still there."""
    found = ((row, *_decided(read, row)) for row in rows)
    return {row.id: describe(read, row, one, body) for row, one, body in found if body is not None}


def _decided(read: Read, row: ApprovalRow) -> tuple[DecisionRow, Mapping[str, JSON] | None]:
    """The decision that an approval is about, and what it recorded, if that is still there."""
    decision = decisions.get(read, row.decision_id)
    if decision is None:
        raise UnknownName(f"approval {row.id} has no decision {row.decision_id}.")
    return decision, read.entry(decision.entry).body
