"""What the last check needs and no entry tells: what verification says, roots, totals, what is open."""

from __future__ import annotations

import hashlib
from decimal import Decimal

from crossloop.store import Read, impacts, inbox, verify
from crossloop.store.ledger import stored
from crossloop.testing.evidence import Evidence

_OPEN = ("new", "parked", "decided")


def gather(read: Read, evidence: Evidence) -> str:
    """Look at a store whose ledger was read to its end; return a digest of every byte of that ledger."""
    known = evidence.ledger.entries
    found = verify(read)
    evidence.broken = "" if found.ok else found.problem
    again = read.rows("SELECT leaf FROM entries ORDER BY position")
    changed = [one.position for one, (leaf,) in zip(known, again, strict=False) if one.leaf != leaf]
    evidence.skipped += [f"entry {one} has changed" for one in changed]
    if len(again) != len(known):
        evidence.skipped.append(f"{len(known)} of {len(again)} entries")
    evidence.roots = dict(stored.roots(read, [one.size for one in evidence.checkpoints]))
    evidence.open = {one.id for state in _OPEN for one in inbox.listing(read, state=state)}
    for resource, day in {(one.resource, one.day) for one in evidence.ledger.decisions.values()}:
        if resource is not None and day is not None:
            total = impacts.total(read, resource, day)
            evidence.totals[resource, day] = (Decimal(repr(total.share)), total.amount)
    return _digest(read)


def _digest(read: Read) -> str:
    hasher = hashlib.sha256()
    for row in read.rows(
        "SELECT position, kind, case_key, at, salt, body, leaf FROM entries ORDER BY position"
    ):
        hasher.update(repr(row).encode())
    return hasher.hexdigest()
