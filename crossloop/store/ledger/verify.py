"""Proving that no entry was changed, taken away, moved or added, and naming the first one that was.

Rules, in the order in which they decide:

1. Each entry is checked by itself: its position follows the one before, every column has its type, the
   body has its hash, the header has its leaf. The first entry that fails is the first bad one.
2. A body may be missing only if a later entry records its redaction.
3. An entry whose hashes were made anew passes rule 1. The stored hash over its run of 256, or the subtree
   of the head that covers it, then differs: the entry is somewhere in that run, whose first position is
   named together with the run.
4. A stored hash that differs from its run, while the head agrees with the run, was itself changed: no
   entry is bad.
5. A head that does not match its own digest was itself changed. The entries are still checked by the rules
   above as far as that goes; how many there should be cannot be known.
6. Rows outside the positions that the head counts were added.
7. When all of that is well, the tables that say what is permitted are compared with the entries
   (:mod:`crossloop.store.states`): a row that differs was changed, and no entry is bad.

Reading never fails on what it finds: damaged pages, undecodable text and wrong types are findings. What
cannot be found here is a ledger rewritten as a whole, head included: that takes a root kept elsewhere.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from crossloop.store import sqlite, states
from crossloop.store.ledger.entries import SALT_SIZE, body_hash, frontier_of, stored_leaf
from crossloop.store.ledger.merkle import HASH_SIZE, TILE, Frontier, perfect_root
from crossloop.store.ledger.redaction import recorded

if TYPE_CHECKING:
    from crossloop.store.session import Read, Row

Progress = Callable[[int, int], None]
"""Called now and then with the entries checked and the entries there are."""

_PROGRESS_EVERY: Final = 16 * TILE
_NO_END: Final = 2**63 - 1

# A case is text, or NULL where there is none; a key of another type, or of no case, becomes bytes.
_ROWS = (
    "SELECT e.position, e.kind,"
    " CASE typeof(e.case_key) WHEN 'integer' THEN ifnull(c.id, x'') WHEN 'null' THEN NULL ELSE x'' END,"
    " e.at, e.salt, e.body, e.body_hash, e.leaf"
    " FROM entries e LEFT JOIN cases c ON c.key = e.case_key"
    " WHERE e.position >= :start AND e.position < :stop ORDER BY e.position"
)
_HEAD = "SELECT format, size, frontier, digest FROM head"
_TILES = "SELECT number, hash FROM tiles ORDER BY number"
_COUNT = "SELECT count(*) FROM entries"
_OUTSIDE = "SELECT min(position) FROM entries WHERE position {}"
_BEYOND = _OUTSIDE.format(">= :size")
_NEGATIVE = _OUTSIDE.format("< 0")

_sha256 = hashlib.sha256
_dumps = orjson.dumps


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying a ledger found."""

    ok: bool
    entries: int
    """Entries that were checked and found good, counted from the first; all of them when ``ok``."""

    root: str
    """Root over those entries, hexadecimal."""

    first_bad: int | None
    """Position of the first bad entry, or of the first one of a run in which an entry was rewritten. None
    when all is well, and when something else than an entry was changed."""

    problem: str
    """What is wrong, in one sentence; empty when nothing is."""


class _Found(Exception):
    """Something is wrong: the search is over."""

    def __init__(self, first_bad: int | None, problem: str) -> None:
        super().__init__(problem)
        self.first_bad = first_bad
        self.problem = problem


def verify(read: Read, *, progress: Progress | None = None) -> Verification:
    """Check the whole ledger in one pass, in constant memory but for one hash per 256 entries.

    Args:
        progress: called with (checked, total) every few thousand entries and at the end.
    """
    walk = _Walk(read, progress)
    try:
        walk.entries()
        walk.end()
    except _Found as found:
        first_bad, problem = found.first_bad, found.problem
        suspect = walk.suspect_before(first_bad)
        if suspect is not None:
            first_bad, problem = suspect[0], f"{suspect[1]}; {problem}" if first_bad is None else suspect[1]
        return walk.result(first_bad, problem)
    return walk.result(None, "")


class _Walk:
    def __init__(self, read: Read, progress: Progress | None) -> None:
        self._read = read
        self._progress = progress
        self._head, self._head_problem = _head(read)
        self._tiles, self._tiles_problem = _tiles(read)
        self._stop = self._head.size if self._head else _NO_END
        self._tree = Frontier()
        self._run: list[bytes] = []
        self._kinds: Counter[str] = Counter()
        self._next = 0
        self._differing: list[int] = []
        self._redactions: set[int] | None = None

    def result(self, first_bad: int | None, problem: str) -> Verification:
        for leaf in self._run:
            self._tree.append(leaf)
        self._run = []
        return Verification(not problem, self._next, self._tree.root().hex(), first_bad, problem)

    def entries(self) -> None:
        """Rules 1 and 2 for every row, in order of position."""
        try:
            for rows in self._read.stream(_ROWS, TILE, start=0, stop=self._stop):
                self._take(rows)
        except sqlite.DatabaseError:
            self._one_by_one()

    def _one_by_one(self) -> None:
        # A list of rows is lost when one of them cannot be read: go on alone to find which.
        try:
            for rows in self._read.stream(_ROWS, 1, start=self._next, stop=self._stop):
                self._take(rows)
        except sqlite.DatabaseError as error:
            raise _Found(self._next, f"entry {self._next} cannot be read: {error}") from error

    def _take(self, rows: list[Row]) -> None:
        run, sha256, dumps = self._run, _sha256, _dumps
        expected = self._next
        for row in rows:
            position, kind, case, at, salt, body, hashed, leaf = row
            # One condition, cheapest parts first: this line runs for every entry there is. A position or a
            # hash of another type is not equal, or does not give the leaf.
            if (
                position == expected
                and type(at) is int
                and type(kind) is str
                and (type(case) is str or case is None)
                and type(salt) is bytes
                and type(body) is bytes
                and len(salt) == SALT_SIZE
                and sha256(salt + body).digest() == hashed
                and sha256(b"\x00" + dumps((position, kind, case, at, hashed.hex()))).digest() == leaf
            ):
                run.append(leaf)
            else:
                self._next = expected
                run.append(self._examined(row))
            expected += 1
        self._next = expected
        self._kinds.update([row[1] for row in rows])
        if len(run) == TILE:
            self._close_run()
        if self._progress is not None and expected % _PROGRESS_EVERY == 0:
            self._progress(expected, max(expected, self._head.size if self._head else 0))

    def _close_run(self) -> None:
        number = self._tree.size // TILE
        tile = perfect_root(self._run)
        if self._tiles.get(number) != tile:
            self._differing.append(number)
        self._tree.append_tile(tile)
        self._run = []

    def _examined(self, row: Row) -> bytes:
        """Say what is wrong with a row, or return its leaf when only its body is gone, and rightly so."""
        expected = self._next
        position, kind, case, at, salt, body, hashed, leaf = row
        if type(position) is not int:
            raise _Found(expected, f"entry {expected} is missing; a row has {position!r} for its position")
        if position < expected:
            raise _Found(position, f"entry {position} stands there twice")
        if position > expected:
            raise _Found(expected, f"entry {expected} is missing")
        if type(kind) is not str or type(at) is not int:
            raise _Found(expected, f"entry {expected} has a kind or a time of the wrong type")
        if type(case) is not str and case is not None:
            raise _Found(expected, f"entry {expected} names a case that does not exist")
        if type(hashed) is not bytes or type(leaf) is not bytes:
            raise _Found(expected, f"entry {expected} has a hash of the wrong type")
        if salt is None and body is None:
            if expected not in self._recorded():
                raise _Found(expected, f"entry {expected} has lost its body, and no entry records why")
        elif type(salt) is not bytes or type(body) is not bytes or len(salt) != SALT_SIZE:
            raise _Found(expected, f"entry {expected} has a salt or a body of the wrong type or length")
        elif body_hash(salt, body) != hashed:
            raise _Found(expected, f"entry {expected}: salt and body do not match their hash")
        if stored_leaf(position, kind, case, at, hashed) != leaf:
            raise _Found(
                expected, f"entry {expected}: position, kind, case, time or hash do not match its leaf"
            )
        return leaf

    def _recorded(self) -> set[int]:
        if self._redactions is None:
            self._redactions = recorded(self._read)
        return self._redactions

    def end(self) -> None:
        """Rules 3 to 7, once every row was read."""
        if self._progress is not None:
            self._progress(self._next, max(self._next, self._head.size if self._head else 0))
        if self._head is not None and self._next < self._head.size:
            raise _Found(self._next, f"entry {self._next} is missing")
        self._nothing_outside()
        if self._head is None:
            raise _Found(None, self._head_problem)
        for leaf in self._run:
            self._tree.append(leaf)
        self._run = []
        for (start, stop, node), kept in zip(self._tree.ranges(), self._head.nodes, strict=True):
            if node != kept:
                raise self._within(start, stop)
        self._tiles_only()
        self._states_only()

    def _within(self, start: int, stop: int) -> _Found:
        """The head's subtree differs: name the first stored hash in it that does so too, if one does."""
        for number in self._differing:
            if start <= number * TILE < stop and number in self._tiles:
                start, stop = number * TILE, number * TILE + TILE
                return _Found(start, _rewritten(start, stop, "their stored hash"))
        return _Found(start, _rewritten(start, stop, "the head"))

    def _nothing_outside(self) -> None:
        try:
            [(count,)] = self._read.rows(_COUNT)
            if count == self._next:
                return
            [(beyond,)] = self._read.rows(_BEYOND, size=self._next)
            [(negative,)] = self._read.rows(_NEGATIVE)
        except sqlite.DatabaseError as error:
            raise _Found(None, f"the entries cannot be counted: {error}") from error
        added = negative if beyond is None else beyond
        if type(added) is int:
            raise _Found(added, f"entry {added} was added: the ledger has {self._next} entries")
        raise _Found(None, f"{count} rows stand in the table, but only {self._next} have a position in order")

    def _tiles_only(self) -> None:
        """The entries and the head agree: whatever differs now is a stored hash."""
        for number in self._differing:
            state = "was changed" if number in self._tiles else "is missing"
            raise _Found(None, f"the stored hash over {_run_text(number)} {state}; the entries are good")
        if self._tiles_problem:
            raise _Found(None, self._tiles_problem)
        if len(self._tiles) != self._next // TILE:
            raise _Found(None, f"there are {len(self._tiles)} stored hashes for {self._next} entries")

    def _states_only(self) -> None:
        """The ledger is good: whatever differs now is a row of the tables that rest on it."""
        try:
            found = states.difference(self._read, self._kinds)
        except sqlite.DatabaseError as error:
            raise _Found(None, f"a table beside the ledger cannot be read: {error}") from error
        if found is not None:
            raise _Found(None, f"a table beside the ledger was changed: {found}")

    def suspect_before(self, first_bad: int | None) -> tuple[int, str] | None:
        """The first run before the finding that differs from its stored hash, unless the head clears it."""
        for number in self._differing:
            start = number * TILE
            if (first_bad is not None and start > first_bad) or self._cleared(start):
                continue
            if number in self._tiles:
                return start, _rewritten(start, start + TILE, "their stored hash")
        return None

    def _cleared(self, position: int) -> bool:
        """True when the head's subtree over a position was read to its end and is the same."""
        if self._head is None:
            return False
        for (start, stop, kept), node in zip(self._head.ranges(), self._tree.nodes, strict=False):
            if start <= position < stop:
                return stop <= self._tree.size and node == kept
        return False


def _rewritten(start: int, stop: int, witness: str) -> str:
    if stop - start == 1:
        return f"entry {start} was rewritten: it does not match {witness}"
    return f"an entry between {start} and {stop - 1} was rewritten: they do not match {witness}"


def _run_text(number: int) -> str:
    return f"entries {number * TILE} to {number * TILE + TILE - 1}"


def _head(read: Read) -> tuple[Frontier | None, str]:
    """Return the head's frontier, or None and what is wrong with it (rule 5)."""
    try:
        rows = read.rows(_HEAD)
    except sqlite.DatabaseError as error:
        return None, f"the head of the ledger cannot be read: {error}"
    if len(rows) != 1:
        return None, f"the ledger has {len(rows)} heads, expected one"
    try:
        return frontier_of(*rows[0]), ""
    except ValueError as error:
        return None, f"the head of the ledger was changed: {error}"


def _tiles(read: Read) -> tuple[dict[int, bytes], str]:
    """Return the stored hashes by number, and what is wrong with them."""
    try:
        rows = read.rows(_TILES)
    except sqlite.DatabaseError as error:
        return {}, f"the stored hashes cannot be read: {error}"
    whole = all(
        type(number) is int and type(hash) is bytes and len(hash) == HASH_SIZE for number, hash in rows
    )
    if not whole or len({number for number, _ in rows}) != len(rows):
        return {}, "the stored hashes were changed: one has the wrong type or stands there twice"
    return dict(rows), ""
