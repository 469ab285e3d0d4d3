"""Leases: who may write as what, and the fencing token that keeps a stale holder out.

Rules:

1. A lease is held until it is released, until its time is up, or until its holder is known to be dead.
2. Every acquisition gives a larger token than any before it, under the same name.
3. What a holder writes is checked by token, not by time: a holder that was paused past its time and whom
   nobody has followed has done no harm; one whom somebody has followed changes nothing any more.
4. The check is a statement of its own, after the head row was taken. Inside the statement that takes the
   lock it would see the state from before the wait, and a stale worker would pass.

Leases are not history: they are not told in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from crossloop.errors import StaleLease, StoreBusy
from crossloop.store import fields
from crossloop.store.instants import micros
from crossloop.store.session import Read, Tx

_GET = "SELECT token, owner, ttl, until, since FROM leases WHERE name = :name"
_ADD = (
    "INSERT INTO leases (name, token, owner, ttl, since, until)"
    " VALUES (:name, :token, :owner, :ttl, :since, :until)"
)
_TAKE = (
    "UPDATE leases SET token = :token, owner = :owner, ttl = :ttl, since = :since, until = :until"
    " WHERE name = :name"
)
_RENEW = "UPDATE leases SET until = :until WHERE name = :name"
_RELEASE = "UPDATE leases SET owner = NULL WHERE name = :name AND token = :token AND owner = :owner"
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write under a name, until then or until somebody follows."""

    name: str
    token: int
    """Grows with every acquisition of the name."""

    owner: str
    """Who holds it: ``host:pid:starttime``, and behind a slash what tells holders of one process apart."""

    until: datetime
    """Real time at which others may take it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as others see it."""

    owner: str
    since: datetime
    """Real time at which the holder acquired it."""

    until: datetime
    """Real time until which it is held at least; a holder that lives renews it."""


def acquire(
    tx: Tx,
    name: str,
    *,
    owner: str,
    ttl: timedelta,
    alive: Callable[[str], bool] | None = None,
) -> Lease:
    """Take a lease for ``ttl``. The same owner may take it again and gets a new token.

    Args:
        alive: tells whether an owner still lives; one that certainly does not is followed at once.
            Without it everybody counts as living.

    Raises:
        StoreBusy: another living owner holds it.
    """
    if ttl <= timedelta(0):
        raise ValueError(f"a lease must last longer than {ttl}")
    until = tx.now + ttl
    length = ttl // _MICROSECOND
    row = tx.row(_GET, name=name)
    said = {"name": name, "owner": owner, "ttl": length, "since": micros(tx.now), "until": micros(until)}
    if row is None:
        tx.execute(_ADD, token=1, **said)
        return Lease(name, 1, owner, until)
    token, by = row[0], held(tx, name, tx.now)
    if by is not None and by.owner != owner and (alive is None or alive(by.owner)):
        since, ends = (one.isoformat(timespec="seconds") for one in (by.since, by.until))
        raise StoreBusy(
            f"{name} is held by {by.owner} since {since}, until {ends}.",
            next_step="Wait for it, or end that process.",
        )
    tx.execute(_TAKE, token=token + 1, **said)
    return Lease(name, token + 1, owner, until)


def held(read: Read, name: str, now: datetime) -> Held | None:
    """Return who holds a lease at an instant of real time; None when nobody does, or its time is up."""
    row = read.row(_GET, name=name)
    if row is None or row[1] is None or micros(now) >= row[3]:
        return None
    since = fields.moment("leases", name, "since", row[4])
    return Held(str(row[1]), since, fields.moment("leases", name, "until", row[3]))


def holder(read: Read, name: str, now: datetime) -> str | None:
    """Return the owner of a lease at an instant of real time; None when nobody holds it."""
    by = held(read, name, now)
    return None if by is None else by.owner


def check(read: Read, lease: Lease) -> None:
    """Raise StaleLease unless the lease is the one that was acquired last and not released."""
    _present(read, lease)


def renew(tx: Tx, lease: Lease) -> Lease:
    """Hold a lease for its full time again, from now.

    Raises:
        StaleLease: somebody has followed.
    """
    length = _present(tx, lease)
    until = tx.now + timedelta(microseconds=length)
    tx.execute(_RENEW, name=lease.name, until=micros(until))
    return Lease(lease.name, lease.token, lease.owner, until)


def release(tx: Tx, lease: Lease) -> None:
    """Give a lease back; giving back what somebody else holds by now does nothing."""
    tx.execute(_RELEASE, name=lease.name, token=lease.token, owner=lease.owner)


def _present(read: Read, lease: Lease) -> int:
    row = read.row(_GET, name=lease.name)
    if row is None or row[0] != lease.token or row[1] is None:
        holder = "nobody" if row is None or row[1] is None else row[1]
        raise StaleLease(
            f"{lease.name} is no longer held by {lease.owner} (token {lease.token}), but by {holder}.",
            next_step="Acquire it again and read anew.",
        )
    return int(row[2])
