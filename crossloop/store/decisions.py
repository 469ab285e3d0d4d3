"""Decisions: what one department answered to one signal at one step, and what governance said to it.

A decision is written once and never changes: an id that is known is not recorded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crossloop.canonical import JSON
from crossloop.errors import UnknownName
from crossloop.store import inbox
from crossloop.store.paths import prefixed
from crossloop.store.session import Read, Row, Tx

DECISION = "decision"

_FIND_LIMIT = 50

_KNOWN = "SELECT 1 FROM decisions WHERE id = :id"
_KEY = "SELECT d.key, c.id FROM decisions d LEFT JOIN cases c ON c.key = d.case_key WHERE d.id = :id"
_ADD = (
    "INSERT INTO decisions (key, id, signal_key, department, step, loop, intervention, verdict, saga,"
    " case_key) VALUES (:key, :id, :signal_key, :department, :step, :loop, :intervention, :verdict, :saga,"
    " :case_key)"
)
_ROWS = (
    "SELECT d.key, d.id, s.id, d.department, d.step, d.loop, d.intervention, d.verdict, c.id,"
    " d.saga"
    " FROM decisions d JOIN signals s ON s.key = d.signal_key LEFT JOIN cases c ON c.key = d.case_key "
)
_GET = _ROWS + "WHERE d.id = :id"
_FIND = _ROWS + "WHERE d.id >= :low AND d.id < :high ORDER BY d.id LIMIT :limit"
_OF_SAGA = _ROWS + "WHERE s.id = :signal_id AND d.saga = :saga AND d.department = :department ORDER BY d.step"
_SAGAS_OF_SIGNAL = (
    "SELECT DISTINCT s.id, d.department, d.saga FROM signals s JOIN decisions d ON d.signal_key = s.key"
    " WHERE s.id = :signal_id AND d.saga IS NOT NULL"
)
_OPEN_SAGAS = (
    "SELECT DISTINCT s.id, d.department, d.saga FROM signals s JOIN decisions d ON d.signal_key = s.key"
    " WHERE s.state = 'decided' AND s.state NOT IN ('finished', 'expired') AND d.saga IS NOT NULL"
)
# Counted, and not asked for by a condition, so that the planner starts from the signal: from the indexes of
# what is open it would visit everything that is, for every signal.
_LEFT = (
    "SELECT (SELECT count(CASE WHEN a.state IN ('planned', 'permitted', 'started') THEN 1 END)"
    " FROM decisions d JOIN actions a ON a.decision_key = d.key WHERE d.signal_key = s.key),"
    " (SELECT count(CASE WHEN p.state = 'waiting' THEN 1 END)"
    " FROM decisions d JOIN approvals p ON p.decision_key = d.key WHERE d.signal_key = s.key),"
    " (SELECT count(d.saga) FROM decisions d WHERE d.signal_key = s.key)"
    " FROM signals s WHERE s.id = :signal_id"
)
_FOR_SIGNAL = _ROWS + "WHERE s.id = :signal_id ORDER BY d.key"
_LIST = _ROWS + "ORDER BY d.key DESC LIMIT :limit"
_LIST_CASE = _ROWS + "WHERE c.id = :case_id ORDER BY d.key DESC LIMIT :limit"


@dataclass(frozen=True, slots=True, order=True)
class SagaKey:
    """One undertaking: what one department wants to do as a whole in answer to one signal."""

    signal_id: str
    department: str
    saga: str


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision."""

    key: int
    id: str
    signal_id: str
    department: str
    step: int
    loop: str | None
    intervention: str
    verdict: str
    case: str
    saga: str | None
    """The undertaking that it is a step of."""

    entry: int
    """The entry whose body holds the proposal and the verdict."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of everything that was decided about one signal."""

    to_do: int
    """Actions that are planned, permitted or started."""

    to_answer: int
    """Approvals that wait."""

    steps: int
    """Decisions that are steps of undertakings, whatever has become of them."""


def record(
    tx: Tx,
    *,
    id: str,
    signal_id: str,
    department: str,
    step: int,
    loop: str | None,
    intervention: str,
    verdict: str,
    case: str,
    body: Mapping[str, JSON],
    saga: str | None = None,
) -> DecisionRow | None:
    """Record a decision and return it; None when its id is known already.

    Args:
        body: what else its entry says.
        saga: the undertaking that it is a step of.

    Raises:
        UnknownName: the signal was never admitted.
    """
    if tx.row(_KNOWN, id=id) is not None:
        return None
    signal = inbox.identity(tx, signal_id)
    if signal is None:
        raise UnknownName(f"decision {id} answers a signal that is not in the inbox: {signal_id}.")
    asked = {"department": department, "step": step, "loop": loop, "intervention": intervention, "saga": saga}
    own = {**asked, "decision": id, "signal": signal_id, "outcome": verdict}
    entry = tx.append(DECISION, case, {**body, **own})
    tx.execute(
        _ADD,
        **asked,
        key=entry,
        id=id,
        signal_key=signal.key,
        verdict=verdict,
        case_key=tx.case_key(case),
    )
    tx.remember("decision", id, (entry, case))
    return DecisionRow(entry, id, signal_id, department, step, loop, intervention, verdict, case, saga, entry)


def key_and_case(read: Read, id: str) -> tuple[int, str | None]:
    """Return the key of a decision and its case, for the tables that refer to it.

    Raises:
        UnknownName: there is no such decision.
    """
    row = read.recall("decision", id)
    if row is None:
        row = read.row(_KEY, id=id)
        if row is None:
            raise UnknownName(f"there is no decision {id}.")
        read.remember("decision", id, row)
    return row[0], row[1]


def left(read: Read, signal_id: str) -> Left:
    """Return what is left of a signal's decisions; nothing of one that was never admitted."""
    row = read.row(_LEFT, signal_id=signal_id)
    return Left(0, 0, 0) if row is None else Left(*row)


def get(read: Read, id: str) -> DecisionRow | None:
    """Return one decision."""
    row = read.row(_GET, id=id)
    return None if row is None else _row(row)


def find(read: Read, prefix: str) -> list[DecisionRow]:
    """Return the decisions whose id begins with a prefix, at most fifty."""
    low, high = prefixed(prefix)
    return [_row(row) for row in read.rows(_FIND, low=low, high=high, limit=_FIND_LIMIT)]


def for_signal(read: Read, signal_id: str) -> list[DecisionRow]:
    """Return every decision about a signal, the oldest first."""
    return [_row(row) for row in read.rows(_FOR_SIGNAL, signal_id=signal_id)]


def of_saga(read: Read, key: SagaKey) -> list[DecisionRow]:
    """Return every decision about a step of one undertaking, in the order of the steps."""
    found = read.rows(_OF_SAGA, signal_id=key.signal_id, saga=key.saga, department=key.department)
    return [_row(row) for row in found]


def sagas(read: Read, signal: str) -> list[SagaKey]:
    """Return the undertakings of one signal."""
    return sorted(SagaKey(*row) for row in read.rows(_SAGAS_OF_SIGNAL, signal_id=signal))


def open_sagas(read: Read) -> list[SagaKey]:
    """Return the undertakings of signals that were decided and are not finished."""
    return sorted(SagaKey(*row) for row in read.rows(_OPEN_SAGAS))


def listing(read: Read, *, case: str | None = None, limit: int = 100) -> list[DecisionRow]:
    """Return decisions, of one case or of all, the newest first."""
    if case is None:
        return [_row(row) for row in read.rows(_LIST, limit=limit)]
    return [_row(row) for row in read.rows(_LIST_CASE, case_id=case, limit=limit)]


def _row(row: Row) -> DecisionRow:
    return DecisionRow(*row, entry=row[0])
