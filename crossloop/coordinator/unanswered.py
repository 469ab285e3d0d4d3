"""Which conditions have to be signalled again, because what was decided about them came to nothing.

A condition publishes once and then stays quiet. That is right as long as its answer holds; it is wrong
when the answer ended without effect, since nobody would hear of it again.

Rules, for one case, in the order the code follows them:

1. While something of the case waits (a signal, a question, an action under way), nothing is repeated. A
   question whose deadline has passed and that nobody comes next for, or that was asked under other rules,
   waits no more, though its row is closed only by the next drain, or by whoever puts the rules in force.
2. An open condition of which an action is in force is answered.
3. An open condition is signalled again when, of the last signal about it, the rules that decided were not
   those in force now, the signal had expired, a department could not answer, a question ended unanswered
   or was withdrawn by a change of the rules, or an action failed.
   What was refused, left alone or rejected under the rules in force stays answered.
4. A cleared condition of which an action is still in force is signalled again: it was to be lifted.

The token that is returned names what came to nothing, so that the same ending is answered once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from crossloop.coordinator.line import comes_next
from crossloop.ids import derived
from crossloop.signals import NO_ANSWER, Verdict
from crossloop.store import Read, actions, approvals, decisions, inbox
from crossloop.store.approvals import ApprovalRow
from crossloop.store.decisions import DecisionRow

_ALL: Final = 10_000


def unanswered(read: Read, case: str, *, cleared: bool, policy: str, now: datetime) -> str | None:
    """Return a token for what came to nothing, or None when the case is answered or still waits.

    Args:
        cleared: whether the condition is cleared; else it is open.
        policy: digest of the governance document in force.
        now: real time, for deadlines.
    """
    made = decisions.listing(read, case=case, limit=_ALL)
    if not made or any(_waits(read, one, policy, now) for one in made):
        return None
    newest = max(made, key=lambda one: one.entry)
    holding = _holding(read, made)
    if cleared:
        return derived("again", newest.id, *sorted(holding)) if holding else None
    if holding:
        return None
    last = (one for one in made if one.signal_id == newest.signal_id)
    endings = {text for one in last for text in _endings(read, one, policy, now)}
    return derived("again", *sorted(endings)) if endings else None


def _holding(read: Read, made: Sequence[DecisionRow]) -> list[str]:
    """Keys of the actions of a case that are in force, without those that only took another one back."""
    rows = [row for one in made for row in actions.for_decision(read, one.id)]
    took_back = {row.undone_by for row in rows}
    return [row.key for row in rows if row.state == "done" and row.key not in took_back]


def _waits(read: Read, decision: DecisionRow, policy: str, now: datetime) -> bool:
    signal = inbox.get(read, decision.signal_id)
    if signal is None or signal.state == "finished":
        return False
    asked = approvals.for_decision(read, decision.id)
    under_way = any(one.state in ("permitted", "started") for one in actions.for_decision(read, decision.id))
    return signal.state == "new" or under_way or (asked is not None and _open(read, asked, policy, now))


def _open(read: Read, asked: ApprovalRow, policy: str, now: datetime) -> bool:
    if asked.state != "waiting" or asked.policy != policy:
        return False
    return now <= asked.due or comes_next(read, asked) is not None


def _endings(read: Read, decision: DecisionRow, policy: str, now: datetime) -> Iterator[str]:
    body = read.entry(decision.entry).body
    if body is not None:  # what was removed from the ledger tells nothing any more
        verdict = Verdict.model_validate(body["verdict"])
        if verdict.policy != policy:
            yield f"policy:{policy}"
        if any(one.gate == "validity" and one.outcome == "refuse" for one in verdict.reasons):
            yield f"expired:{decision.id}"
    if decision.intervention == NO_ANSWER:
        yield f"unable:{decision.id}"
    asked = approvals.for_decision(read, decision.id)
    if asked is not None and _came_to_nothing(read, asked, policy, now):
        yield f"unanswered:{asked.id}"
    for action in actions.for_decision(read, decision.id):
        if action.state == "failed":
            yield f"failed:{action.key}"


def _came_to_nothing(read: Read, asked: ApprovalRow, policy: str, now: datetime) -> bool:
    if asked.state == "withdrawn" and asked.answered is not None:
        return "replaced_by" in (read.entry(asked.answered).body or {})  # else the condition was over
    return asked.state in ("waiting", "expired") and not _open(read, asked, policy, now)
