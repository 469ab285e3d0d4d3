"""Cases: the labels under which everything that followed from one fact stands together."""

from __future__ import annotations

from crossloop.store.paths import prefixed
from crossloop.store.session import Read

_FIND = "SELECT id FROM cases WHERE id >= :low AND id < :high ORDER BY id LIMIT 50"


def find(read: Read, prefix: str) -> list[str]:
    """Return the cases whose id starts like this, at most 50."""
    low, high = prefixed(prefix)
    return [row[0] for row in read.rows(_FIND, low=low, high=high)]
