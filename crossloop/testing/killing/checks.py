"""What must hold of a company that was killed, checked against its ledger and the world outside.

The checks are those of :mod:`crossloop.testing.invariants`; here it is said when each can be made.

1. After a death: the ledger begins as it did before, every signal that was acknowledged is in it, and every
   effect was permitted as it arrived, and begun.
2. At the end, when everything had the time to finish: every signal is finished, every action has its receipt,
   no question and no incident waits, and the invariants 1 to 5 and 7 hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from crossloop.store import Read, Store, actions, approvals, inbox, incidents, verify
from crossloop.store.ledger.merkle import Frontier
from crossloop.testing import invariants
from crossloop.testing.evidence import Evidence, Violation
from crossloop.testing.ledger import Ledger
from crossloop.testing.systems import Effect

_AT_THE_END = (
    invariants.acknowledged_is_kept,
    invariants.one_effect,
    invariants.effects_are_permitted,
    invariants.one_permit_per_approval,
    invariants.refused_stays_refused,
    invariants.append_only,
)


@dataclass
class Recorded:
    """What the entries say, read on after every death."""

    ledger: Ledger = field(default_factory=Ledger)
    frontier: Frontier = field(default_factory=Frontier)

    def read_on(self, store: Store) -> list[Violation]:
        """Read what was written since, and look whether what was read before is still so."""
        return store.read(self._read_on)

    def _read_on(self, read: Read) -> list[Violation]:
        before = self.frontier.size
        head = read.head()
        if head.size < before:
            return [Violation(7, f"the ledger has {head.size} entries, and had {before}", "ledger")]
        fresh = list(read.entries(before))
        for entry in fresh:
            self.frontier.append(entry.leaf)
        if self.frontier.root().hex() != head.root:
            return [Violation(7, f"the ledger does not begin with its first {before} entries", "ledger")]
        self.ledger.read(fresh)
        return []


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


def at_the_end(
    store: Store, recorded: Recorded, effects: Sequence[Effect], acknowledged: Iterable[str]
) -> list[Violation]:
    """Everything that must hold when all has come to its end (rule 2), but for what is stuck."""
    evidence = Evidence(ledger=recorded.ledger, effects=list(effects), acknowledged=set(acknowledged))
    found = store.read(verify)
    evidence.broken = "" if found.ok else found.problem
    return invariants.check(evidence, _AT_THE_END)
