"""What must hold of a company that was killed, checked against its ledger and the world outside.

The checks are those of :mod:`crossloop.testing.invariants`; here it is said when each can be made.

1. After a death, and now and then while a process is at work: the ledger begins as it did before, and a
   reader of its tail finds each next entry in its place.
2. After a death: every signal that was acknowledged is in it, and every effect was permitted as it arrived,
   and begun. Whoever held the lease before the last one is not let in any more.
3. At the end, when everything had the time to finish: every signal is finished, every action has its receipt,
   no question and no incident waits, and the invariants 1 to 9 hold. The last one takes two runs that do the
   same, which no two kills do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from crossloop.coordinator.holding import NAME
from crossloop.errors import StaleLease
from crossloop.store import Lease, Read, Store, Tx, actions, approvals, inbox, incidents
from crossloop.store.ledger.merkle import Frontier
from crossloop.testing import invariants
from crossloop.testing.evidence import Evidence, Taken, Violation
from crossloop.testing.gathering import gather
from crossloop.testing.ledger import Ledger
from crossloop.testing.systems import Effect

_LAST: Final = "SELECT token FROM leases WHERE name = :name"
FAR_AWAY: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""When the lease of one who was followed ends, as far as that one knows."""


@dataclass
class Recorded:
    """What the entries say, read on after every death."""

    ledger: Ledger = field(default_factory=Ledger)
    frontier: Frontier = field(default_factory=Frontier)
    checkpoints: list[Taken] = field(default_factory=list[Taken])
    """How the ledger was at each look."""

    def read_on(self, store: Store) -> list[Violation]:
        """Read what was written since, and look whether what was read before is still so."""
        return store.read(self._read_on)

    def _read_on(self, read: Read) -> list[Violation]:
        before = self.frontier.size
        head = read.head()
        if head.size < before:
            return [Violation(7, f"the ledger has {head.size} entries, and had {before}", "ledger")]
        fresh = list(read.entries(before))
        found = [
            Violation(8, f"a reader of the tail met entry {entry.position}", str(place))
            for place, entry in enumerate(fresh, before)
            if entry.position != place
        ]
        for entry in fresh:
            self.frontier.append(entry.leaf)
        if self.frontier.root().hex() != head.root:
            found.append(Violation(7, f"the ledger does not begin with its first {before} entries", "ledger"))
            return found
        self.checkpoints.append(Taken(self.frontier.size, self.frontier.root()))
        self.ledger.read(fresh)
        return found


def after_a_death(
    recorded: Recorded, effects: Sequence[Effect], acknowledged: Iterable[str]
) -> list[Violation]:
    """What can be said of effects and acknowledgements since the last look (rule 1)."""
    fresh = Evidence(ledger=recorded.ledger, effects=list(effects))
    not_begun = [
        Violation(2, "an effect of an action that nobody has started", one.key)
        for one in effects
        if one.key in recorded.ledger.by_key and recorded.ledger.by_key[one.key].started is None
    ]
    return [*invariants.effects_are_permitted(fresh), *not_begun, *lost(recorded, acknowledged)]


def lost(recorded: Recorded, acknowledged: Iterable[str]) -> Iterator[Violation]:
    """Signals whose admission was acknowledged, and that the ledger does not have."""
    for signal in acknowledged:
        if signal not in recorded.ledger.received:
            yield Violation(1, "an acknowledged signal is not in the ledger", signal)


def doubled(effects: Iterable[Effect]) -> Iterator[Violation]:
    """Effects of a key that has one already."""
    known: set[tuple[str, str]] = set()
    for effect in effects:
        if (effect.system, effect.key) in known:
            yield Violation(2, f"another effect in {effect.system}", effect.key)
        known.add((effect.system, effect.key))


def stuck(store: Store, recorded: Recorded) -> list[Violation]:
    """What was to end, and did not, although everything was let finish and everybody has answered."""
    return [*_unfinished(recorded.ledger), *store.read(_left_over)]


def _unfinished(ledger: Ledger) -> Iterator[Violation]:
    for signal, moves in ledger.moves.items():
        if moves[-1] != inbox.FINISHED:
            yield Violation(1, f"a signal ended as {moves[-1]}", signal)
    for key, permit in ledger.by_key.items():
        if permit.receipt is None:
            so_far = "permitted" if permit.started is None else "started"
            yield Violation(1, f"an action ended as {so_far}", key)
    for approval, asked in ledger.asked.items():
        if asked.state == "waiting":
            yield Violation(1, "a question still waits", approval)


def _left_over(read: Read) -> list[Violation]:
    """What the tables still hold: they are what a worker looks at."""
    left = [("an action is still to be performed", row.key) for row in actions.permitted(read, 100)]
    left += [("an action is still under way", row.key) for row in actions.started(read)]
    left += [("the thread of a question is still kept", row.id) for row in approvals.ended_with_thread(read)]
    left += [("an incident is still open", row.id) for row in incidents.listing(read, state="open")]
    return [Violation(1, what, where) for what, where in left]


class _LetIn(Exception):
    """Raised by work that must not have been begun, so that nothing of it is written."""


def followed(store: Store) -> list[Violation]:
    """Try to write as whoever held the lease before the last one did (rule 2)."""
    row = store.read(lambda read: read.row(_LAST, name=NAME))
    before = 0 if row is None else int(row[0]) - 1
    if before < 1:
        return []  # nobody has followed anybody yet

    def let_in(_tx: Tx) -> None:
        raise _LetIn

    try:
        store.write(let_in, lease=Lease(NAME, before, "whom somebody has followed", FAR_AWAY))
    except StaleLease:
        return []
    except _LetIn:
        pass
    return [Violation(9, f"token {before} was let in, when token {before + 1} had followed", "leases")]


def at_the_end(
    store: Store, recorded: Recorded, effects: Sequence[Effect], acknowledged: Iterable[str]
) -> list[Violation]:
    """Everything that must hold when all has come to its end (rule 3), but for what is stuck."""
    evidence = Evidence(
        ledger=recorded.ledger,
        effects=list(effects),
        acknowledged=set(acknowledged),
        checkpoints=recorded.checkpoints,
    )
    store.read(lambda read: gather(read, evidence))
    return invariants.check(evidence)
