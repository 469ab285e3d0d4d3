"""Deciding a wave: a transaction that writes verdicts, claims, impacts, permits and questions.

Everything a verdict depends on and that another writer could change is read here, inside the
transaction: the rules in force, what is claimed, and how much of a resource's day is spent. Thinking
happened before; judging is a pure function; this module reads, asks it, and writes.

For each signal of the wave, in order of admission, and for each proposal, in order of department and step:

1. A signal that is no longer new or parked was decided by somebody else: it is left alone. One that no
   department has heard is parked.
2. A signal that says that a condition is over withdraws what still waits because of that condition.
3. Rivals of the proposal are those of its wave and the active claims of the store.
4. The verdict is judged on the impact of the local day so far, held and executed together; the entry of a
   decision with an impact names that day. An impact in another currency than the day's cannot be counted,
   so it is refused.
5. *act* places the claims, adds the impact, and permits the action. *hold* and *escalate* place the
   claims, add the impact, plan the action, and ask people. *refuse* and *shadow* leave no trace but the
   decision. A step of an undertaking is planned, and permitted when it is its turn.
6. The signal is decided; it is finished when nothing of it is left to do or to answer.
7. Where others want to write, what is left of the wave is decided in the next transaction. Each signal is
   decided whole, and everything about it is read there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import JsonValue

from crossloop.actions import Action, Permitted
from crossloop.canonical import to_json
from crossloop.clock import local_day
from crossloop.coordinator import line
from crossloop.coordinator.endings import finish_if_done, withdraw_cleared
from crossloop.coordinator.mediator import Mediated, Rival, settle, worst
from crossloop.coordinator.notices import notify_decided
from crossloop.coordinator.permitting import plan, request_digest, requested, validity, write_permit
from crossloop.coordinator.resting import park
from crossloop.coordinator.sagas import advance, key_of
from crossloop.errors import CrossloopError
from crossloop.governance import GateState, Policy, SignalFacts, in_conflict, judge, permit_for
from crossloop.ids import ApprovalId, DecisionId, approval_id
from crossloop.resources import overlap
from crossloop.signals import Catalogue, Claim, Proposal, Reason, Signal, Verdict
from crossloop.store import Read, Tx, actions, approvals, claims, decisions, impacts, inbox, policies
from crossloop.store.decisions import DecisionRow

if TYPE_CHECKING:  # what answers the gates is light, what thinks is not
    from crossloop.departments.graph import Answers


_LEAVES_WORK: Final = ("act", "hold", "escalate")
"""Verdicts after which something is left to do or to answer."""


class PolicyReplaced(CrossloopError):
    """Another governance document was put in force: nothing is decided under the old one any more."""

    code: ClassVar[str] = "governance.replaced"


@dataclass(frozen=True, slots=True)
class Decided:
    """What deciding a wave left to do."""

    permitted: tuple[Action, ...]
    made: tuple[Made, ...]
    signals: int
    """How many of its signals, from the first one on."""


@dataclass(frozen=True, slots=True)
class Made:
    """One decision, as it was recorded."""

    row: DecisionRow
    proposal: Proposal
    verdict: Verdict
    dissent: tuple[dict[str, JsonValue], ...]
    asked: ApprovalId | None
    """The question that waits for people, where it is held or escalated."""


def _never() -> bool:
    return False


def decide(
    tx: Tx,
    wave: Sequence[Signal],
    answers: Answers,
    settled: Mapping[DecisionId, Mediated],
    *,
    policy: Policy,
    catalogue: Catalogue,
    as_of: datetime,
    enough: Callable[[], bool] = _never,
) -> Decided:
    """Decide a wave inside one transaction, or the beginning of it.

    Args:
        answers: proposals by signal and department; a department that was not asked is missing.
        settled: how proposals that met others of this wave fared against them.
        as_of: business time of the judgement.
        enough: asked after each signal; where it says so, the others are left for another transaction.

    Raises:
        PolicyReplaced: the store has another document in force.
    """
    require_in_force(tx, policy)
    day = local_day(as_of, policy.document.timezone)
    permitted: list[Action] = []
    made: list[Made] = []
    signals = 0
    for signal in wave:
        if signals and enough():
            break
        signals += 1
        if not inbox.is_undecided(tx, signal.id):
            continue
        withdraw_cleared(tx, signal, catalogue, policy, as_of)
        heard = answers.get(signal.id, {})
        if not heard:
            park(tx, signal, policy)
            continue
        proposals, facts = _in_order(heard), SignalFacts.of(signal, as_of=as_of)
        decided: list[Made] = []
        for proposal in proposals:
            mediated = _mediated(tx, proposal, settled.get(proposal.id), policy)
            verdict = _judged(tx, facts, proposal, mediated, policy, day)
            row = _record(tx, signal, proposal, verdict, mediated, day)
            if row is not None:
                asked, action = _carry_out(tx, signal, row, proposal, verdict, policy, day)
                permitted += [] if action is None else [action]
                decided.append(Made(row, proposal, verdict, mediated.dissent, asked))
        inbox.decided(tx, signal.id, {"signal": signal.id, "proposals": len(proposals)})
        permitted += _move_on(tx, signal, decided, policy)
        made += decided
    return Decided(tuple(permitted), tuple(made), signals)


def _carry_out(
    tx: Tx,
    signal: Signal,
    row: DecisionRow,
    proposal: Proposal,
    verdict: Verdict,
    policy: Policy,
    day: date,
) -> tuple[ApprovalId | None, Action | None]:
    """Write what a verdict entails (rule 5); return the question that it asks, and the action it permits."""
    asked, action = None, None
    if verdict.outcome in _LEAVES_WORK:
        _occupy(tx, signal, proposal, verdict, day)
    if verdict.outcome == "act" and proposal.saga is not None:
        plan(tx, signal.correlation_id, proposal)
    elif verdict.outcome == "act":
        action = _permit(tx, row, proposal, verdict, policy)
    elif verdict.outcome in ("hold", "escalate"):
        asked = _ask(tx, signal, proposal, verdict, policy)
    notify_decided(tx, signal, proposal, verdict, policy)
    return asked, action


def _move_on(tx: Tx, signal: Signal, decided: Sequence[Made], policy: Policy) -> list[Action]:
    """Begin the undertakings of a signal, and finish it where nothing of it is left (rule 6)."""
    keys = (key_of(one.row) for one in decided)
    undertakings = list(dict.fromkeys(key for key in keys if key is not None))
    permitted = [action for key in undertakings for action in advance(tx, key, policy)]
    if undertakings or not any(one.verdict.outcome in _LEAVES_WORK for one in decided):
        finish_if_done(tx, signal.id)
    return permitted


def require_in_force(read: Read, policy: Policy) -> None:
    """Refuse to work under rules that are no longer those of the store.

    Raises:
        PolicyReplaced: another document was adopted since this one was read.
    """
    present = policies.digest(read)
    if present is not None and present != policy.digest:
        raise PolicyReplaced(
            f"the governance document {present[:12]} was put in force meanwhile; "
            f"this coordinator works under {policy.digest[:12]}.",
            next_step="Open the company again.",
        )


def _in_order(by_department: Mapping[str, tuple[Proposal, ...]]) -> list[Proposal]:
    return [one for name in sorted(by_department) for one in by_department[name]]


def _mediated(tx: Tx, proposal: Proposal, within: Mediated | None, policy: Policy) -> Mediated:
    met_already = within.rivals if within is not None else frozenset[DecisionId]()
    standing = settle(proposal, _rivals_in_store(tx, proposal, met_already), policy)
    if within is None:
        return standing
    met = [one for one in (within.resolution, standing.resolution) if one is not None]
    return Mediated(worst(proposal, met), within.dissent + standing.dissent, within.rivals)


def _rivals_in_store(tx: Tx, proposal: Proposal, met_already: frozenset[DecisionId]) -> list[Rival]:
    rivals: dict[int, Rival] = {}
    """By the key of the claim: a rival that meets several of ours is one."""
    for mine in proposal.claims:
        for row in claims.overlapping(tx, mine.resource, mine.starts, mine.ends):
            theirs = Claim.model_validate(
                {
                    "resource": row.resource,
                    "direction": row.direction,
                    "starts": row.starts,
                    "ends": row.ends,
                    "interest": row.interest,
                }
            )
            if row.decision_id not in (proposal.id, *met_already) and in_conflict(mine, theirs):
                rivals[row.key] = Rival(f"{row.holder} ({row.state})", theirs, _argument(tx, row.key))
    return list(rivals.values())


def _argument(tx: Tx, claim: int) -> str:
    body = tx.entry(claim).body
    return "removed from the ledger" if body is None else str(body["argument"])


def _judged(
    tx: Tx, facts: SignalFacts, proposal: Proposal, mediated: Mediated, policy: Policy, day: date
) -> Verdict:
    impact = proposal.impact
    conflict, not_to_undo = mediated.resolution, _not_to_undo(tx, proposal)
    if impact is None:
        state = GateState(conflict=conflict, not_to_undo=not_to_undo)
        return judge(proposal, facts, state, policy, now=tx.now)
    so_far = impacts.total(tx, impact.resource, day)
    state = GateState(so_far.share, so_far.amount, conflict, not_to_undo)
    verdict = judge(proposal, facts, state, policy, now=tx.now)
    own, counted = impact.amount.currency, so_far.currency
    if counted in (None, own):
        return verdict
    said = f"{impact.resource} is counted in {counted} on {day}; an impact in {own} cannot be added."
    return _refused(verdict, said)


def _not_to_undo(tx: Tx, proposal: Proposal) -> str:
    """Why what a proposal takes back cannot be taken back by it: each action is taken back once."""
    if proposal.undoes is None:
        return ""
    row, asked = actions.get(tx, proposal.undoes), proposal.action
    if (
        row is not None
        and asked is not None
        and (asked.system != row.system or not overlap(asked.resource, row.resource))
    ):
        return f"{row.key} changed {row.resource}; a request on {asked.resource} does not take it back."
    return actions.not_to_undo(tx, proposal.action_key, proposal.undoes)


def _refused(verdict: Verdict, because: str) -> Verdict:
    reason = Reason(gate="impact", outcome="refuse", text=because)
    changed = {"outcome": "refuse", "reasons": (*verdict.reasons, reason), "required": None}
    return verdict.model_copy(update=changed)


def _record(
    tx: Tx, signal: Signal, proposal: Proposal, verdict: Verdict, mediated: Mediated, day: date
) -> DecisionRow | None:
    body: dict[str, JsonValue] = {
        "proposal": proposal.written,  # pyright: ignore[reportAssignmentType] - JSON, written already
        "verdict": to_json(verdict),
        "dissent": list(mediated.dissent),
    }
    if proposal.impact is not None:
        body["day"] = day.isoformat()
    return decisions.record(
        tx,
        id=proposal.id,
        signal_id=signal.id,
        department=proposal.department,
        step=proposal.step,
        loop=proposal.loop,
        intervention=proposal.intervention,
        verdict=verdict.outcome,
        case=signal.correlation_id,
        body=body,
        saga=proposal.saga,
    )


def _permit(tx: Tx, decision: DecisionRow, proposal: Proposal, verdict: Verdict, policy: Policy) -> Action:
    permit = permit_for(proposal, verdict, now=tx.now, valid_for=validity(proposal, policy))
    entry = write_permit(tx, decision.case, proposal, permit)
    assert entry is not None, f"{proposal.action_key} was permitted before"
    request = requested(proposal)
    rests_on = Permitted(proposal, request, permit)
    return Action(proposal.action_key, decision, request.resource, entry, rests_on, proposal.undoes)


def _ask(tx: Tx, signal: Signal, proposal: Proposal, verdict: Verdict, policy: Policy) -> ApprovalId:
    assert verdict.required is not None, f"verdict on {proposal.id} holds and names nobody to ask"
    asked = approval_id(proposal.id)
    plan(tx, signal.correlation_id, proposal)
    approvals.open_(
        tx,
        id=asked,
        decision_id=proposal.id,
        case=signal.correlation_id,
        digest=request_digest(proposal),
        policy=verdict.policy,
        people=verdict.required.people,
        quorum=verdict.required.quorum,
        due=verdict.required.due,
        body={
            "decision": proposal.id,
            "verdict": verdict.outcome,
            "people": list(verdict.required.people),
            **line.written(proposal, verdict, policy),
        },
    )
    return asked


def _occupy(tx: Tx, signal: Signal, proposal: Proposal, verdict: Verdict, day: date) -> None:
    state = "in_force" if verdict.outcome == "act" and proposal.saga is None else "held"
    for claim in proposal.claims:
        claims.place(
            tx,
            holder=f"decision {proposal.id}",
            decision_id=proposal.id,
            case=signal.correlation_id,
            resource=claim.resource,
            direction=claim.direction,
            interest=claim.interest,
            starts=claim.starts,
            ends=claim.ends,
            argument=proposal.rationale,
            state=state,
        )
    if proposal.impact is not None:
        impacts.add(
            tx,
            decision_id=proposal.id,
            resource=proposal.impact.resource,
            day=day,
            share=proposal.impact.share,
            amount=proposal.impact.amount.amount,
            currency=proposal.impact.amount.currency,
        )
