"""What the entries of the ledger have to say of each row of the tables that decide what may be done.

For each table its moves (columns that hold the position of an entry), and what the entry of each move says of
a row that made it. :mod:`crossloop.store.states` compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from crossloop.store import (
    actions,
    agreement,
    approvals,
    choices,
    decisions,
    fields,
    inbox,
    incidents,
    policies,
    votes,
)
from crossloop.store.instants import zulu

if TYPE_CHECKING:
    from crossloop.store.session import Row

Said = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Move:
    """A column that holds the position of an entry."""

    column: str
    kind: str
    states: tuple[str, ...] = ()
    """States to which this move leads."""

    fills: tuple[str, ...] = ()
    """Of what its entry says: what the row holds since this move and never before."""

    after: str = ""
    """Column of the move without which this one cannot be made."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table, and what its entries have to say."""

    name: str
    moves: tuple[Move, ...]
    """The creation first."""

    columns: str
    """What to select: what a person calls the row, then what :attr:`said` reads; the state last, if any."""

    said: Callable[[Row], Sequence[Said]]
    """What the entry of each move has to say of a row."""

    joins: str = ""
    of_case: bool = True
    """Whether the row names its case."""

    named: str = ""
    """What the bodies of its entries call the row's id, where rows are relied upon one by one."""

    plainly: str = "0"
    """SQL that holds only for rows that agree with their entries (:mod:`crossloop.store.agreement`)."""


def _iso(table: str, row: object, column: str, count: object) -> str:
    return fields.moment(table, row, column, count).isoformat()


def _zulu(row: object, column: str, count: int) -> str:
    fields.moment("signals", row, column, count)
    return zulu(count)


def _people(table: str, row: object, text: object) -> list[str]:
    return list(fields.names(table, row, "people", text))


def _said_of_signal(row: Row) -> Sequence[Said]:
    id, type, subject, department, time, valid_until, _ = row
    received = {
        "id": id,
        "type": type,
        "subject": subject,
        "department": department,
        "time": _zulu(id, "time", time),
        "valid_until": _zulu(id, "valid_until", valid_until),
    }
    moved = {"signal": id}
    return received, moved, moved, moved, moved


def _said_of_decision(row: Row) -> Sequence[Said]:
    id, signal, department, step, loop, intervention, saga, verdict = row
    answered = {
        "decision": id,
        "signal": signal,
        "department": department,
        "step": step,
        "loop": loop,
        "intervention": intervention,
        "outcome": verdict,
        "saga": saga,
    }
    return (answered,)


def _said_of_action(row: Row) -> Sequence[Said]:
    (
        id,
        decision,
        system,
        operation,
        resource,
        digest,
        undoes,
        expires_at,
        reference,
        by,
        looked_into,
        state,
    ) = row
    request = {
        "action_key": id,
        "decision": decision,
        "system": system,
        "operation": operation,
        "resource": resource,
        "digest": digest,
        "undoes": undoes,
    }
    until = None if expires_at is None else _iso("actions", id, "expires_at", expires_at)
    found = "failed" if state == "failed" else "reconciled"
    if looked_into is not None:
        receipt = {"action_key": id, "outcome": "unknown"}
    else:
        outcome = "done" if state == "compensated" else state
        receipt = {"action_key": id, "outcome": outcome, "reference": reference}
    return (
        request,
        {**request, "expires_at": until},
        {"action_key": id},
        receipt,
        {"action_key": id, "state": found, "reference": reference},
        {"action_key": id, "by": by},
        {"action_key": id},
    )


def _said_of_incident(row: Row) -> Sequence[Said]:
    id, action, kind, people, due, person, happened, _ = row
    of_whom = {"people": _people("incidents", id, people), "due": _iso("incidents", id, "due", due)}
    opened = {"incident": id, "action_key": action, "kind": kind, **of_whom}
    found = {0: False, 1: True}.get(happened, happened)
    return opened, {"incident": id}, {"incident": id, "person": person, "happened": found}


def _said_of_approval(row: Row) -> Sequence[Said]:
    id, decision, digest, policy, people, quorum, due, passed_on, person, reason, state = row
    about = {"approval": id, "decision": decision, "digest": digest, "policy": policy}
    of_whom = {
        "people": _people("approvals", id, people),
        "quorum": quorum,
        "due": _iso("approvals", id, "due", due),
    }
    asked = {**about, **of_whom} if passed_on is None else about
    answer = {"approval": id, "state": state, "person": person, "reason": reason}
    return asked, {"approval": id, **of_whom}, answer


def _said_of_vote(row: Row) -> Sequence[Said]:
    _, approval, person = row
    return ({"approval": approval, "person": person},)


def _said_of_choice(row: Row) -> Sequence[Said]:
    key, loop, chosen, settings = row
    return (
        {
            "loop": loop,
            "chosen": fields.mapping("choices", key, "chosen", chosen),
            "settings": fields.mapping("choices", key, "settings", settings),
        },
    )


def _said_of_policy(row: Row) -> Sequence[Said]:
    return ({"digest": row[0]},)


TABLES: Final = (
    Table(
        "choices",
        (Move("key", choices.CHANGED),),
        "'choice ' || t.key, t.loop, t.chosen, t.settings",
        _said_of_choice,
        of_case=False,
    ),
    Table("policies", (Move("key", policies.ADOPTED),), "t.digest", _said_of_policy, of_case=False),
    Table(
        "signals",
        (
            Move("key", inbox.RECEIVED, ("new",)),
            Move("parked", inbox.PARKED, ("parked",)),
            Move("decided", inbox.DECIDED, ("decided",)),
            Move("finished", inbox.FINISHED, ("finished",)),
            Move("expired", inbox.EXPIRED, ("expired",)),
        ),
        "t.id, t.type, t.subject, t.department, t.time, t.valid_until, t.state",
        _said_of_signal,
        plainly=agreement.SIGNALS,
    ),
    Table(
        "decisions",
        (Move("key", decisions.DECISION),),
        "t.id, s.id, t.department, t.step, t.loop, t.intervention, t.saga, t.verdict",
        _said_of_decision,
        "LEFT JOIN signals s ON s.key = t.signal_key",
        plainly=agreement.DECISIONS,
    ),
    Table(
        "approvals",
        (
            Move("key", approvals.REQUESTED, ("waiting",)),
            Move("passed_on", approvals.PASSED_ON, ("waiting",)),
            Move("answered", approvals.ANSWERED, get_args(approvals.Answer), ("person", "reason")),
        ),
        "t.id, d.id, t.digest, t.policy, t.people, t.quorum, t.due, t.passed_on, t.person, t.reason, t.state",
        _said_of_approval,
        "LEFT JOIN decisions d ON d.key = t.decision_key",
        named="approval",
    ),
    Table(
        "approval_votes",
        (Move("key", votes.VOTE),),
        "'vote ' || t.key, p.id, t.person",
        _said_of_vote,
        "LEFT JOIN approvals p ON p.key = t.approval_key",
        of_case=False,
    ),
    Table(
        "actions",
        (
            Move("planned", actions.PLANNED, ("planned",)),
            Move("permitted", actions.PERMIT, ("permitted",), ("expires_at",)),
            Move("started", actions.STARTED, ("started",), after="permitted"),
            Move("finished", actions.RECEIPT, get_args(actions.Outcome), ("reference",), after="permitted"),
            Move("reconciled", actions.RECONCILED, get_args(actions.Finding), after="finished"),
            Move("compensated", actions.COMPENSATED, ("compensated",), ("by",), after="finished"),
            Move("dropped", actions.DROPPED, ("dropped",), after="planned"),
        ),
        "t.id, d.id, t.system, t.operation, t.resource, t.digest, coalesce(o.id, t.undoes), t.expires_at,"
        " t.reference, coalesce(u.id, t.compensated_by), t.reconciled, t.state",
        _said_of_action,
        "LEFT JOIN decisions d ON d.key = t.decision_key LEFT JOIN actions o ON o.key = t.undoes"
        " LEFT JOIN actions u ON u.key = t.compensated_by",
        named="action_key",
        plainly=agreement.ACTIONS,
    ),
    Table(
        "incidents",
        (
            Move("key", incidents.OPENED, ("open",)),
            Move("overdue", incidents.OVERDUE, ("open",)),
            Move("closed", incidents.CLOSED, ("closed",), ("person", "happened")),
        ),
        "t.id, a.id, t.kind, t.people, t.due, t.person, t.happened, t.state",
        _said_of_incident,
        "LEFT JOIN actions a ON a.key = t.action_key",
    ),
)

COUNTED_ON: Final = (
    ("approvals", "t.id = :approval"),
    ("approval_votes", "t.approval_key = (SELECT key FROM approvals WHERE id = :approval)"),
    ("decisions", "t.key = (SELECT decision_key FROM approvals WHERE id = :approval)"),
)

PERFORMED_ON: Final = (
    ("actions", "t.id = :action"),
    ("decisions", "t.key = (SELECT decision_key FROM actions WHERE id = :action)"),
)
