"""Which conditions have to be signalled again, because what was decided about them came to nothing.

A condition publishes once and then stays quiet. That is right as long as its answer holds; it is wrong
when the answer ended without effect, since nobody would hear of it again.

Rules, for one case, in the order the code follows them:

1. While something of the case waits (a signal, a question, an action under way), nothing is repeated. A
   question whose deadline has passed and that nobody comes next for, or that was asked under other rules,
   waits no more, though its row is closed only by the next drain, or by whoever puts the rules in force.
2. An open condition of which an action is in force is answered, as far as nothing was asked besides that
   ended by rule 5.
3. An open condition is signalled again when, of the last signal about it, the rules that decided were not
   those in force now, a department could not answer, a question ended unanswered
   or was superseded by a change of the rules, or an action failed. So it is when the last signal about it
   expired before anybody had decided.
   What was refused, left alone or rejected under the rules in force stays answered.
4. A cleared condition of which an action is still in force is signalled again: it was to be lifted. Where
   nothing of the last signal came to nothing, once a day is enough (``IN_FORCE``).
5. A question waits no longer than its signal holds: as of a later day it has come to nothing, and what is
   still so is asked with fresh evidence. What is in force already is left as it is.

The token that is returned names what came to nothing, so that the same ending is answered once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from crossloop.coordinator.line import comes_next
from crossloop.coordinator.loop import IN_FORCE
from crossloop.ids import derived
from crossloop.signals import NO_ANSWER, Verdict
from crossloop.signals.types import SIGNAL_EXPIRED
from crossloop.store import Read, actions, approvals, decisions, inbox
from crossloop.store.actions import IN_FORCE as IN_FORCE_STATES
from crossloop.store.actions import ActionRow
from crossloop.store.approvals import ApprovalRow
from crossloop.store.decisions import DecisionRow

VALID_UNTIL: Final = "valid_until"
"""Stands in the entry of a question that ended because its signal held no more."""

_ALL: Final = 10_000


def unanswered(
    read: Read, case: str, *, cleared: bool, policy: str, now: datetime, outdated: bool = False
) -> str | None:
    """Return a token for what came to nothing, or None when the case is answered or still waits.

    Args:
        cleared: whether the condition is cleared; else it is open.
        policy: digest of the governance document in force.
        now: real time, for deadlines.
        outdated: whether what was asked is looked at as of a day on which its signals hold no more.
    """
    made = decisions.listing(read, case=case, limit=_ALL)
    late = _expired(read, case, made)
    if not (made or late) or any(_waits(read, one, policy, now, outdated) for one in made):
        return None
    answered = bool(in_force(read, made))
    if cleared and not answered:  # that is how it should be
        return None
    newest = max((one.entry, one.signal_id) for one in made)[1] if made else None
    last = [one for one in made if one.signal_id == newest]
    if answered and not cleared:  # and so is this, for what was not asked of people
        endings = {text for one in last for text in _outdated(read, one, outdated)}
    else:
        endings = {text for one in last for text in _endings(read, one, policy, now, outdated)}
        endings |= set() if late is None else {f"expired:{late}"}
    if endings:
        return derived("again", *sorted(endings))
    return IN_FORCE if cleared else None


def outdated_after(
    read: Read, case: str, *, cleared: bool, policy: str, now: datetime
) -> tuple[datetime, str] | None:
    """Return until when what waits in a case can be answered, and what comes to nothing after that (rule 5).

    None where nothing waits, or where something besides questions does.
    """
    made = decisions.listing(read, case=case, limit=_ALL)
    until = [end for one in made if (end := _question_holds_until(read, one)) is not None]
    if not until:
        return None
    token = unanswered(read, case, cleared=cleared, policy=policy, now=now, outdated=True)
    return None if token is None else (max(until), token)


def _expired(read: Read, case: str, made: Sequence[DecisionRow]) -> str | None:
    """The last signal of a case, where it expired before anything was decided about it."""
    late = [row for row in inbox.expired_of_case(read, case) if row.type != SIGNAL_EXPIRED.name]
    answered = (inbox.get(read, one.signal_id) for one in made)
    since = max((row.entry for row in answered if row is not None), default=-1)
    return late[-1].id if late and late[-1].entry > since else None


def _question_holds_until(read: Read, decision: DecisionRow) -> datetime | None:
    asked, signal = approvals.for_decision(read, decision.id), inbox.get(read, decision.signal_id)
    if asked is None or asked.state != "waiting" or signal is None:
        return None
    return signal.valid_until


def in_force(read: Read, made: Sequence[DecisionRow]) -> list[ActionRow]:
    """Return the actions of a case that are in force, without those that only took another one back."""
    rows = [row for one in made for row in actions.for_decision(read, one.id)]
    took_back = {row.compensated_by for row in rows}
    return [row for row in rows if row.state in IN_FORCE_STATES and row.key not in took_back]


def _waits(read: Read, decision: DecisionRow, policy: str, now: datetime, outdated: bool) -> bool:
    signal = inbox.get(read, decision.signal_id)
    if signal is None or signal.state == "finished":
        return False
    asked = approvals.for_decision(read, decision.id)
    under_way = any(one.state in ("permitted", "started") for one in actions.for_decision(read, decision.id))
    if signal.state == "new" or under_way:
        return True
    return asked is not None and _open(read, asked, policy, now, outdated)


def _open(read: Read, asked: ApprovalRow, policy: str, now: datetime, outdated: bool) -> bool:
    if outdated or asked.state != "waiting" or asked.policy != policy:
        return False
    return now <= asked.due or comes_next(read, asked) is not None


def _endings(read: Read, decision: DecisionRow, policy: str, now: datetime, outdated: bool) -> Iterator[str]:
    body = read.entry(decision.entry).body
    if body is not None:  # what was removed from the ledger tells nothing any more
        verdict = Verdict.model_validate(body["verdict"])
        if verdict.policy != policy:
            yield f"policy:{policy}:{decision.id}"
        if any(one.gate == "validity" and one.outcome == "refuse" for one in verdict.reasons):
            yield f"expired:{decision.id}"
    if decision.intervention == NO_ANSWER:
        yield f"unable:{decision.id}"
    asked = approvals.for_decision(read, decision.id)
    if asked is not None and _came_to_nothing(read, asked, policy, now, outdated):
        yield f"unanswered:{asked.id}"
    for action in actions.for_decision(read, decision.id):
        if action.state == "failed":
            yield f"failed:{action.key}"


def _outdated(read: Read, decision: DecisionRow, outdated: bool) -> Iterator[str]:
    """Questions that ended, or end, because their signal holds no more (rule 5)."""
    asked = approvals.for_decision(read, decision.id)
    if asked is None:
        return
    ended = None if asked.answered is None else read.entry(asked.answered).body
    over = ended is not None and asked.state == "expired" and VALID_UNTIL in ended
    if over or (outdated and asked.state == "waiting"):
        yield f"unanswered:{asked.id}"


def _came_to_nothing(read: Read, asked: ApprovalRow, policy: str, now: datetime, outdated: bool) -> bool:
    if asked.state in ("waiting", "expired"):
        return not _open(read, asked, policy, now, outdated)
    return asked.state == "superseded"  # what was withdrawn is over
