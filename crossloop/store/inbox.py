"""The inbox: every signal that was ever admitted, and how far it has come.

A signal is *new*, then *decided*, then *finished*, and never goes back. Only new ones are thought about;
decided ones go straight to the executor. The id is the deduplication: an id that is known is not admitted
again, whatever the rest says.

Two ways lead aside. A new signal that nobody handles is *parked*; once somebody does it is decided like a new
one. A new or parked one that holds no more before it was decided is *expired*, and that is its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, cast

from crossloop.canonical import JSON
from crossloop.store import fields
from crossloop.store.instants import micros, zulu
from crossloop.store.paths import prefixed
from crossloop.store.session import Read, Row, Tx

SignalState = Literal["new", "parked", "decided", "finished", "expired"]

RECEIVED = "signal.received"
PARKED = "signal.parked"
DECIDED = "signal.decided"
FINISHED = "signal.finished"
EXPIRED = "signal.expired"

_FIND_LIMIT = 50

_ADD = (
    "INSERT INTO signals (key, id, type, subject, department, case_key, time, valid_until, state)"
    " VALUES (:key, :id, :type, :subject, :department, :case_key, :time, :valid_until, 'new')"
)
_KNOWN = "SELECT 1 FROM signals WHERE id = :id"
_IDENTITY = (
    "SELECT s.key, s.department, c.id, s.type FROM signals s LEFT JOIN cases c ON c.key = s.case_key"
    " WHERE s.id = :id"
)
_PARK = "UPDATE signals SET state = 'parked', parked = :entry WHERE key = :key AND state = 'new'"
_DECIDE = (
    "UPDATE signals SET state = 'decided', decided = :entry WHERE key = :key AND state IN ('new', 'parked')"
)
_EXPIRE = (
    "UPDATE signals SET state = 'expired', expired = :entry WHERE key = :key AND state IN ('new', 'parked')"
)
_FINISH = "UPDATE signals SET state = 'finished', finished = :entry WHERE key = :key AND state = 'decided'"

_IS_UNDECIDED = "SELECT 1 FROM signals WHERE id = :id AND state IN ('new', 'parked')"

_ROWS = (
    "SELECT s.key, s.id, s.type, s.subject, s.department, c.id, s.time, s.valid_until, s.state"
    " FROM signals s LEFT JOIN cases c ON c.key = s.case_key "
)
# The second condition names the partial index; the planner needs to read it to use it.
_OPEN = _ROWS + "WHERE s.state = :state AND s.state NOT IN ('finished', 'expired') ORDER BY s.key "
_OLDEST_OPEN = _OPEN + "LIMIT :limit"
_NEWEST_OPEN = _OPEN + "DESC LIMIT :limit"
_OPEN_AFTER = (
    _ROWS + "WHERE s.state = :state AND s.state NOT IN ('finished', 'expired') AND s.key > :after"
    " ORDER BY s.key LIMIT :limit"
)
_GET = _ROWS + "WHERE s.id = :id"
_ASIDE = "SELECT parked, expired FROM signals WHERE id = :id"
_FIND = _ROWS + "WHERE s.id >= :low AND s.id < :high ORDER BY s.id LIMIT :limit"
_LIST = _ROWS + "ORDER BY s.key DESC LIMIT :limit"
# Chosen by the caller: a case has few, and the index holds expired ones only.
_CASE = "SELECT key FROM cases WHERE id = :id"
_EXPIRED_OF_CASE = _ROWS + "WHERE s.state = 'expired' AND s.case_key = :case_key"
_NEWEST = _ROWS + "WHERE s.state = :state ORDER BY s.key DESC LIMIT :limit"


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One signal in the inbox."""

    key: int
    id: str
    type: str
    subject: str
    department: str
    case: str
    time: datetime
    """Business time at which it was so."""

    valid_until: datetime
    state: SignalState
    entry: int
    """The entry whose body is the signal."""


class SignalIdentity(NamedTuple):
    """What never changes about a signal in the inbox."""

    key: int
    department: str
    case: str
    type: str


def admit(
    tx: Tx,
    *,
    id: str,
    type: str,
    subject: str,
    department: str,
    case: str,
    time: datetime,
    valid_until: datetime,
    body: Mapping[str, JSON],
) -> bool:
    """Take a signal in as new; return False when its id is known already.

    Args:
        body: the whole signal.
    """
    if tx.row(_KNOWN, id=id) is not None:
        return False
    named = {"id": id, "type": type, "subject": subject, "department": department}
    since, until = micros(time), micros(valid_until)
    own = {**named, "time": zulu(since), "valid_until": zulu(until)}
    entry = tx.append(RECEIVED, case, {**body, **own})
    tx.execute(_ADD, **named, key=entry, case_key=tx.case_key(case), time=since, valid_until=until)
    tx.remember("signal", id, SignalIdentity(entry, department, case, type))
    return True


def identity(read: Read, id: str) -> SignalIdentity | None:
    """Return what never changes about a signal; None when it was never admitted."""
    known = read.recall("signal", id)
    if known is not None:
        return cast("SignalIdentity", known)
    row = read.row(_IDENTITY, id=id)
    if row is None:
        return None
    found = SignalIdentity(*row)
    read.remember("signal", id, found)
    return found


def decided(tx: Tx, id: str, body: Mapping[str, JSON]) -> bool:
    """Move a new or parked signal to decided; return False when it is neither."""
    return _move(tx, id, DECIDED, _DECIDE, body)


def parked(tx: Tx, id: str, body: Mapping[str, JSON]) -> bool:
    """Set a new signal aside until somebody handles its type; return False when it is not new."""
    return _move(tx, id, PARKED, _PARK, body)


def expired(tx: Tx, id: str, body: Mapping[str, JSON]) -> bool:
    """End a new or parked signal that holds no more; return False when it is neither."""
    return _move(tx, id, EXPIRED, _EXPIRE, body)


def finished(tx: Tx, id: str, body: Mapping[str, JSON]) -> bool:
    """Move a signal from decided to finished; return False when it is not decided."""
    return _move(tx, id, FINISHED, _FINISH, body)


def _move(tx: Tx, id: str, kind: str, statement: str, body: Mapping[str, JSON]) -> bool:
    signal = identity(tx, id)
    # The row first: it says whether there is anything to tell. The entry takes the position it was given.
    if signal is None or tx.execute(statement, key=signal.key, entry=tx.next_position) != 1:
        return False
    tx.append(kind, signal.case, {**body, "signal": id})
    return True


def is_undecided(read: Read, id: str) -> bool:
    """True for a signal that was admitted, parked or not, and that nobody has decided about yet."""
    return read.row(_IS_UNDECIDED, id=id) is not None


def waiting(read: Read, limit: int) -> list[SignalRow]:
    """Return new signals, the oldest first."""
    return [_row(row) for row in read.rows(_OLDEST_OPEN, state="new", limit=limit)]


def waiting_after(read: Read, entry: int, limit: int) -> list[SignalRow]:
    """Return new signals that were admitted after an entry, the oldest first.

    Entry order is commit order, so whoever reads on from the last one misses none and sees none twice.
    """
    return [_row(row) for row in read.rows(_OPEN_AFTER, state="new", after=entry, limit=limit)]


def unfinished(read: Read, limit: int = 1000) -> list[SignalRow]:
    """Return signals that were decided and are not finished, the oldest first."""
    return [_row(row) for row in read.rows(_OLDEST_OPEN, state="decided", limit=limit)]


def resting(read: Read, limit: int = 100_000) -> list[SignalRow]:
    """Return parked signals, the oldest first."""
    return [_row(row) for row in read.rows(_OLDEST_OPEN, state="parked", limit=limit)]


def aside(read: Read, id: str) -> Mapping[str, JSON] | None:
    """Return what the entry that expired a signal says, or else the one that parked it; None where neither
    happened, or what it said was removed."""
    row = read.row(_ASIDE, id=id)
    entry = None if row is None else (row[0] if row[1] is None else row[1])
    return None if entry is None else read.entry(entry).body


def expired_of_case(read: Read, case: str) -> list[SignalRow]:
    """Return the expired signals of one case, the oldest first."""
    key = read.row(_CASE, id=case)
    found = [] if key is None else [_row(row) for row in read.rows(_EXPIRED_OF_CASE, case_key=key[0])]
    return sorted(found, key=lambda row: row.key)


def get(read: Read, id: str) -> SignalRow | None:
    """Return one signal."""
    row = read.row(_GET, id=id)
    return None if row is None else _row(row)


def find(read: Read, prefix: str) -> list[SignalRow]:
    """Return the signals whose id begins with a prefix, at most fifty."""
    low, high = prefixed(prefix)
    return [_row(row) for row in read.rows(_FIND, low=low, high=high, limit=_FIND_LIMIT)]


def listing(read: Read, *, state: SignalState | None = None, limit: int = 100) -> list[SignalRow]:
    """Return signals, the newest first."""
    if state is None:
        return [_row(row) for row in read.rows(_LIST, limit=limit)]
    statement = _NEWEST if state in ("finished", "expired") else _NEWEST_OPEN
    return [_row(row) for row in read.rows(statement, state=state, limit=limit)]


def _row(row: Row) -> SignalRow:
    key, id, type, subject, department, case, time, valid_until, state = row
    since = fields.moment("signals", id, "time", time)
    until = fields.moment("signals", id, "valid_until", valid_until)
    return SignalRow(key, id, type, subject, department, case, since, until, state, key)
