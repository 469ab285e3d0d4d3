"""Comparing the tables that decide what may be done with the entries that tell of it.

The hash tree proves the entries. What the program works with are the rows beside them: who may answer, who
has approved, what is permitted and how far it has come, which rules are in force. A row that says something
else than its entries would be believed, so each is compared.

Rules, in the order the code follows them for one table:

1. A row rests on the entry that created it and on one more for every move it has made. Each has the kind of
   that move, belongs to the row's case, names the row, and says what the row says.
2. The state is one to which the last of these moves leads.
3. Every entry of such a kind has its row, and no two rows rest on one entry.
4. Where a body was redacted its words cannot be compared; its kind and its place still are.

Not compared is what gives nobody the right to anything: claims, impacts, conditions, observations, notices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from crossloop.store import actions, approvals, decisions, inbox, policies, votes
from crossloop.store.instants import instant

if TYPE_CHECKING:
    from crossloop.store.session import Read, Row

_CHUNK: Final = 256

# What is filled in comes from the end of this module and from nowhere else.
_ROWS: Final = "SELECT {} FROM {} t {} ORDER BY t.key"
_COUNT: Final = "SELECT count({0}), count(DISTINCT {0}) FROM {1}"
_LOST: Final = (
    "SELECT min(position) FROM entries"
    " WHERE kind = :kind AND position NOT IN (SELECT {0} FROM {1} WHERE {0} IS NOT NULL)"
)

Said = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Move:
    """A column that holds the position of an entry."""

    column: str
    kind: str
    states: tuple[str, ...] = ()
    """States to which this move leads."""


@dataclass(frozen=True, slots=True)
class _Table:
    """One table, and what its entries have to say."""

    name: str
    moves: tuple[_Move, ...]
    """The creation first."""

    columns: str
    """What to select: what a person calls the row, then what :attr:`said` reads; the state last, if any."""

    said: Callable[[Row], Sequence[Said]]
    """What the entry of each move has to say of a row."""

    joins: str = ""
    of_case: bool = True
    """Whether the row names its case."""


def difference(read: Read, kinds: Mapping[str, int]) -> str | None:
    """Return the first difference between a row and its entries, in one sentence; None where all agree.

    Reads each table once, in constant memory.

    Args:
        kinds: how many entries there are of each kind.
    """
    for table in _TABLES:
        found = _rows_differ(read, table) or _numbers_differ(read, table, kinds)
        if found is not None:
            return found
    return None


def _rows_differ(read: Read, table: _Table) -> str | None:
    width = 4
    for chunk in read.stream(_select(table), _CHUNK):
        for row in chunk:
            own, told = row[: -width * len(table.moves)], row[-width * len(table.moves) :]
            entries = [told[at : at + width] for at in range(0, len(told), width)]
            found = _differs(table, own, entries)
            if found is not None:
                return f"{table.name}, {own[0]}: {found}"
    return None


def _differs(table: _Table, own: Row, entries: Sequence[Row]) -> str | None:
    """Rules 1, 2 and 4 for one row."""
    states: tuple[str, ...] = ()
    for move, said, (position, kind, body, of_case) in zip(
        table.moves, table.said(own), entries, strict=True
    ):
        if position is None:
            continue
        states = move.states
        if kind != move.kind:
            return f"it rests on entry {position}, which is not of kind {move.kind}"
        if not of_case:
            return f"it is of another case than entry {position}"
        if body is None:
            continue
        written = orjson.loads(body)
        for name, value in said.items():
            if written.get(name) != value:
                return f"{name} is {value!r}, but entry {position} says {written.get(name)!r}"
    if states and own[-1] not in states:
        return f"state is {own[-1]!r}, but its entries lead to {' or '.join(map(repr, states))}"
    return None


def _numbers_differ(read: Read, table: _Table, kinds: Mapping[str, int]) -> str | None:
    """Rule 3, once every row rests on an entry of the right kind."""
    for move in table.moves:
        column, there = move.column, kinds.get(move.kind, 0)
        [(rows, used)] = read.rows(_COUNT.format(column, table.name))
        if used < there:
            [(lost,)] = read.rows(_LOST.format(column, table.name), kind=move.kind)
            return f"{table.name}: no row rests on entry {lost} ({move.kind})"
        if rows != used:
            return f"{table.name}: {rows} rows rest on {used} entries of kind {move.kind}"
    return None


def _select(table: _Table) -> str:
    """Rows with position, kind and body of each of their entries, and whether that is of their case."""
    picked, joined = [table.columns], [table.joins]
    for number, move in enumerate(table.moves):
        same = f"e{number}.case_key IS t.case_key" if table.of_case else "1"
        picked.append(f"t.{move.column}, e{number}.kind, e{number}.body, {same}")
        joined.append(f"LEFT JOIN entries e{number} ON e{number}.position = t.{move.column}")
    return _ROWS.format(", ".join(picked), table.name, " ".join(joined))


def _said_of_signal(row: Row) -> Sequence[Said]:
    id, _ = row
    return {"id": id}, {"signal": id}, {"signal": id}


def _said_of_decision(row: Row) -> Sequence[Said]:
    id, signal = row
    return ({"decision": id, "signal": signal},)


def _said_of_action(row: Row) -> Sequence[Said]:
    id, decision, system, operation, resource, digest, expires_at, reference, by, state = row
    permit = {
        "action_key": id,
        "decision": decision,
        "system": system,
        "operation": operation,
        "resource": resource,
        "digest": digest,
        "expires_at": instant(expires_at).isoformat(),
    }
    outcome = "done" if state == "undone" else state
    receipt = {"action_key": id, "outcome": outcome, "reference": reference}
    return permit, {"action_key": id}, receipt, {"action_key": id, "by": by}


def _said_of_approval(row: Row) -> Sequence[Said]:
    id, decision, digest, policy, people, quorum, due, person, reason, state = row
    asked = {
        "approval": id,
        "decision": decision,
        "digest": digest,
        "policy": policy,
        "people": orjson.loads(people),
        "quorum": quorum,
        "due": instant(due).isoformat(),
    }
    return asked, {"approval": id, "state": state, "person": person, "reason": reason}


def _said_of_vote(row: Row) -> Sequence[Said]:
    _, approval, person = row
    return ({"approval": approval, "person": person},)


def _said_of_policy(row: Row) -> Sequence[Said]:
    return ({"digest": row[0]},)


_TABLES: Final = (
    _Table("policies", (_Move("key", policies.ADOPTED),), "t.digest", _said_of_policy, of_case=False),
    _Table(
        "signals",
        (
            _Move("key", inbox.RECEIVED, ("new",)),
            _Move("decided", inbox.DECIDED, ("decided",)),
            _Move("finished", inbox.FINISHED, ("finished",)),
        ),
        "t.id, t.state",
        _said_of_signal,
    ),
    _Table(
        "decisions",
        (_Move("key", decisions.DECISION),),
        "t.id, s.id",
        _said_of_decision,
        "LEFT JOIN signals s ON s.key = t.signal_key",
    ),
    _Table(
        "approvals",
        (
            _Move("key", approvals.REQUESTED, ("waiting",)),
            _Move("answered", approvals.ANSWERED, ("approved", "rejected", "expired", "withdrawn")),
        ),
        "t.id, d.id, t.digest, t.policy, t.people, t.quorum, t.due, t.person, t.reason, t.state",
        _said_of_approval,
        "LEFT JOIN decisions d ON d.key = t.decision_key",
    ),
    _Table(
        "approval_votes",
        (_Move("key", votes.VOTE),),
        "'vote ' || t.key, p.id, t.person",
        _said_of_vote,
        "LEFT JOIN approvals p ON p.key = t.approval_key",
        of_case=False,
    ),
    _Table(
        "actions",
        (
            _Move("key", actions.PERMIT, ("permitted",)),
            _Move("started", actions.STARTED, ("started",)),
            _Move("finished", actions.RECEIPT, ("done", "failed", "unknown")),
            _Move("undone", actions.UNDONE, ("undone",)),
        ),
        "t.id, d.id, t.system, t.operation, t.resource, t.digest, t.expires_at, t.reference, u.id, t.state",
        _said_of_action,
        "LEFT JOIN decisions d ON d.key = t.decision_key LEFT JOIN actions u ON u.key = t.undone_by",
    ),
)
