"""The ten invariants of the design, each as a function over evidence that returns what violates it.

The numbers are those of the design. What each function checks stands in its docstring; what it cannot see
from the evidence (invariant 10, which takes two runs) has a function of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from crossloop.ids import derived
from crossloop.store import inbox
from crossloop.testing.evidence import Evidence, Violation
from crossloop.testing.ledger import ENDED_UNDONE, Decision, Ledger, Notice

Checker = Callable[[Evidence], Iterator[Violation]]

_LEADS_TO_PERMIT: Final = ("act", "hold", "escalate")
_TERMINAL: Final = (inbox.FINISHED, inbox.EXPIRED)
_ONE_WAY: Final = [
    [inbox.RECEIVED, *aside, *on]
    for aside in ([], [inbox.PARKED])
    for on in ([], [inbox.DECIDED], [inbox.DECIDED, inbox.FINISHED], [inbox.EXPIRED])
]
_EXACT: Final = Decimal("0.000000001")
"""Shares are compared with limits to nine decimals."""


def acknowledged_is_kept(evidence: Evidence) -> Iterator[Violation]:
    """1. Every acknowledged signal reaches a terminal ledger entry or is listed as open; it goes one way.

    Whom an ending, a question or an incident concerns is told of it.
    """
    ledger = evidence.ledger
    for signal in sorted(evidence.acknowledged):
        moves = ledger.moves.get(signal, [])
        if not moves:
            yield Violation(1, "an acknowledged signal is not in the ledger", signal)
        elif moves[-1] not in _TERMINAL and signal not in evidence.open:
            yield Violation(1, f"a signal ended as {moves[-1]} and is not listed as open", signal)
    for signal, moves in ledger.moves.items():
        if moves not in _ONE_WAY:
            yield Violation(1, f"a signal moved {', '.join(moves)}", signal)
    yield from _told(ledger)


def _told(ledger: Ledger) -> Iterator[Violation]:
    """What has to be told and was not: each entry has a notice of its own after it, to those it names."""
    after: defaultdict[str, list[Notice]] = defaultdict(list)
    for notice in ledger.notices:
        after[notice.about].append(notice)
    used: set[tuple[str, int]] = set()
    for one in ledger.to_tell:
        for notice in after[one.about]:
            told = one.because, notice.entry
            if (
                notice.entry > one.entry
                and told not in used
                and notice.kind in one.kinds
                and one.people <= set(notice.recipients)
            ):
                used.add(told)
                break
        else:
            yield Violation(1, f"nobody was told of {one.because} at entry {one.entry}", one.about)


def one_effect(evidence: Evidence) -> Iterator[Violation]:
    """2. One action key has at most one effect, begun before it is brought about, and its receipt is true.

    A key is a position (signal, department, step); a request that carries its position is counted by that,
    too, so that two keys for one position are found. An outcome that nobody can tell, and a taking back that
    failed, are an incident, once: neither is tried again or left in silence. What nobody has started has
    failed, or is unknown where its rows are not believed; only what was unknown is found to be done.
    """
    keys = Counter((one.system, one.key) for one in evidence.effects)
    for (system, key), count in keys.items():
        if count > 1:
            yield Violation(2, f"{count} effects in {system}", key)
    places = Counter(
        tuple(str(one.request.arguments[part]) for part in ("signal", "department", "step"))
        for one in evidence.effects
        if "step" in one.request.arguments
    )
    for place, count in places.items():
        if count > 1:
            yield Violation(2, f"{count} effects of one position", "/".join(place))
    for effect in evidence.effects:
        permit = evidence.ledger.by_key.get(effect.key)
        if permit is not None and permit.started is None:
            yield Violation(2, "an effect of an action that nobody has started", effect.key)
    yield from _receipts_are_true(evidence)
    yield from _doubts_are_incidents(evidence.ledger)
    yield from _keys_are_positions(evidence.ledger)


def _receipts_are_true(evidence: Evidence) -> Iterator[Violation]:
    happened = {effect.key for effect in evidence.effects}
    for key, permit in evidence.ledger.by_key.items():
        if permit.outcome == "done" and key not in happened:
            yield Violation(2, "a receipt says done, and there is no effect", key)
        if permit.outcome == "failed" and key in happened:
            yield Violation(2, "a receipt says failed, and there is an effect", key)
        if permit.outcome == "done" and permit.started is None and "unknown" not in permit.told:
            yield Violation(2, "a receipt says done of an action that nobody has started", key)
    for key, outcome in evidence.receipts:
        known = evidence.ledger.by_key.get(key)
        if known is None or outcome not in known.told:
            yield Violation(2, f"a receipt that says {outcome} was handed out and is not in the ledger", key)


def _doubts_are_incidents(ledger: Ledger) -> Iterator[Violation]:
    for key, permit in ledger.by_key.items():
        opened = ledger.incidents.get((key, "outcome_unknown"), [])
        if len(opened) != ("unknown" in permit.told):
            yield Violation(2, f"{len(opened)} incidents of an outcome that is {permit.outcome}", key)
        for one in opened:
            if (one.closed is None) != (permit.outcome == "unknown"):
                state = "open" if one.closed is None else "closed"
                yield Violation(2, f"its incident is {state}, and its outcome {permit.outcome}", key)
        step = ledger.by_key.get(permit.takes_back or "")
        if step is not None and permit.outcome == "failed" and step.compensated is None:
            told = ledger.incidents.get((step.key, "not_compensated"), [])
            if len(told) != 1:
                yield Violation(2, f"{len(told)} incidents of a step that could not be taken back", step.key)


def _keys_are_positions(ledger: Ledger) -> Iterator[Violation]:
    for key, permit in ledger.by_key.items():
        decision = ledger.decisions.get(permit.decision)
        if decision is None:
            yield Violation(2, "a permit of no decision", key)
        elif permit.takes_back is not None:
            continue  # its key is derived from that of the step
        elif key != derived("act", decision.signal, decision.department, str(decision.step)):
            yield Violation(2, "an action key that is not derived from its position alone", key)


def effects_are_permitted(evidence: Evidence) -> Iterator[Violation]:
    """3. No effect without a permit whose digest equals the performed request, and that had not expired."""
    for effect in evidence.effects:
        permit = evidence.ledger.by_key.get(effect.key)
        if permit is None:
            yield Violation(3, f"an effect in {effect.system} that nothing permits", effect.key)
        elif not permit.digest == permit.named == effect.request.digest():
            yield Violation(3, f"an effect in {effect.system} that is not what was permitted", effect.key)
        elif effect.asked >= permit.expires_at:
            yield Violation(3, f"a request to {effect.system} after its permit had expired", effect.key)


def one_permit_per_approval(evidence: Evidence) -> Iterator[Violation]:
    """4. One approval mints at most one permit, and only when enough of those who were asked have agreed."""
    ledger = evidence.ledger
    minted = Counter(one.approval for one in ledger.by_key.values() if one.approval is not None)
    for approval, count in minted.items():
        if count > 1:
            yield Violation(4, f"{count} permits of one approval", approval)
    for key, permit in ledger.by_key.items():
        decision = ledger.decisions.get(permit.decision)
        asked = ledger.asked.get(permit.approval or "")
        if decision is None or (permit.approval is None and decision.outcome == "act"):
            continue
        if permit.takes_back is not None:
            continue  # it rests on the permit of what it takes back
        if asked is None:
            yield Violation(4, f"a permit without an approval for a decision to {decision.outcome}", key)
        elif asked.decision != permit.decision or asked.state != "approved":
            yield Violation(4, f"a permit of an approval that is {asked.state} or about another one", key)
        elif len(set(asked.voters) & set(asked.people)) < asked.quorum:
            yield Violation(4, f"a permit with {len(asked.voters)} of {asked.quorum} approvals", key)
    for intruder in evidence.intruders:
        yield Violation(4, "an answer counted that must not have", intruder)


def refused_stays_refused(evidence: Evidence) -> Iterator[Violation]:
    """5. Refused stays refused: nothing is decided, ended or told twice; it is never permitted afterwards."""
    ledger = evidence.ledger
    for id, position in ledger.repeated:
        yield Violation(5, f"it was recorded a second time at {position}", id)
    for about, kind, count in ledger.told_too_often():
        yield Violation(5, f"{kind} was told {count} times, and did not happen so often", about)
    for id, permits in ledger.permits.items():
        decision = ledger.decisions.get(id)
        if len(permits) > 1:
            yield Violation(5, f"{len(permits)} permits of one decision", id)
        if decision is not None and decision.outcome not in _LEADS_TO_PERMIT:
            yield Violation(5, f"a decision to {decision.outcome} was permitted", id)
    for approval, asked in ledger.asked.items():
        if asked.state in ENDED_UNDONE and asked.decision in ledger.permits:
            yield Violation(5, f"what was {asked.state} was permitted", approval)


def within_limits(evidence: Evidence) -> Iterator[Violation]:
    """6. Reserved and spent together never exceed a limit at any prefix of the ledger.

    A limit is what a rule says that nobody may pass without people. So no decision to act alone, its own part
    included, stands above it; what waits for people counts as reserved.
    """
    ledger = evidence.ledger
    counted: defaultdict[tuple[str, date], dict[str, Decision]] = defaultdict(dict)
    for at, (id, adds) in _counted(ledger):
        decision = ledger.decisions[id]
        if decision.resource is None or decision.day is None:
            continue
        together = counted[decision.resource, decision.day]
        if not adds:
            together.pop(id, None)
            continue
        together[id] = decision
        if decision.outcome == "act":
            share, amount = _sums(together.values())
            found = {"daily_budget_share": min(share, Decimal(1)).quantize(_EXACT), "amount": amount}
            for fact, limit in ledger.limits(decision).items():
                if found[fact] > limit:
                    yield Violation(6, f"{fact} is {found[fact]}, above {limit}, at entry {at}", id)
    for place, (share, amount) in evidence.totals.items():
        expected = _sums(counted.get(place, {}).values())
        if (share.quantize(_EXACT), amount) != (expected[0].quantize(_EXACT), expected[1]):
            what = f"the store counts {share} and {amount}, expected {expected[0]} and {expected[1]}"
            yield Violation(6, what, f"{place[0]} {place[1]}")


def _sums(together: Iterable[Decision]) -> tuple[Decimal, Decimal]:
    """Share and amount of several decisions."""
    share, amount = Decimal(0), Decimal(0)
    for one in together:
        share, amount = share + one.share, amount + one.amount
    return share, amount


def _counted(ledger: Ledger) -> list[tuple[int, tuple[str, bool]]]:
    """Where each decision begins to count, and where it ends to, in the order of the ledger."""
    begins = [
        (one.entry, (id, True)) for id, one in ledger.decisions.items() if one.outcome in _LEADS_TO_PERMIT
    ]
    failed = [
        (one.receipt, (one.decision, False))
        for one in ledger.by_key.values()
        if one.outcome == "failed"
        and one.takes_back is None
        and one.receipt is not None
        and one.decision in ledger.decisions
    ]
    undone = [
        (one.ended, (one.decision, False))
        for one in ledger.asked.values()
        if one.state in ENDED_UNDONE and one.ended is not None and one.decision in ledger.decisions
    ]
    dropped = [(one.dropped, (id, False)) for id, one in ledger.decisions.items() if one.dropped is not None]
    return sorted([*begins, *failed, *undone, *dropped])


def append_only(evidence: Evidence) -> Iterator[Violation]:
    """7. The ledger is append-only: every checkpoint is how the next one begins, and it verifies."""
    if evidence.broken:
        yield Violation(7, f"the ledger does not verify: {evidence.broken}", "ledger")
    last = 0
    for taken in evidence.checkpoints:
        if taken.size < last:
            yield Violation(7, f"a checkpoint of {taken.size} entries follows one of {last}", str(taken.size))
        last = taken.size
        if evidence.roots.get(taken.size, taken.root) != taken.root:
            yield Violation(7, "the ledger does not begin with a checkpoint that was taken", str(taken.size))


def order_of_commits(evidence: Evidence) -> Iterator[Violation]:
    """8. The order of entries is that of commits, and a reader of the tail never skips one."""
    stop = 0
    for commit in evidence.commits:
        if commit.start != stop or commit.stop < commit.start:
            yield Violation(8, f"a commit of {commit.process} begins at {commit.start}", str(stop))
        stop = commit.stop
    for what in evidence.skipped:
        yield Violation(8, "a reader of the tail met what it must not", what)


def stale_changes_nothing(evidence: Evidence) -> Iterator[Violation]:
    """9. A worker whom somebody has followed changes nothing in the store, entries or other rows."""
    for commit in evidence.commits:
        if commit.token is None and commit.process.startswith("worker") and commit.changed:
            yield Violation(9, f"{commit.process} wrote without a lease", str(commit.start))
        if commit.token is not None and commit.token != commit.present and commit.changed:
            now = "nobody" if commit.present is None else f"token {commit.present}"
            what = f"{commit.process} wrote under token {commit.token}, when {now} held the lease"
            yield Violation(9, what, str(commit.start))


def same_ledger(one: bytes, other: bytes, seed: int) -> Iterator[Violation]:
    """10. The same seed and the same code give the same ledger, byte for byte.

    Args:
        one: what a run left, as bytes, or a digest of them.
        other: the same of a second run.
    """
    if one != other:
        yield Violation(10, "two runs of one seed left different ledgers", str(seed))


AT_EVERY_STEP: Final[tuple[Checker, ...]] = (one_effect, effects_are_permitted, stale_changes_nothing)
"""Cheap enough to be checked while the company runs, and true at every moment."""

AT_THE_END: Final[tuple[Checker, ...]] = (
    acknowledged_is_kept,
    one_effect,
    effects_are_permitted,
    one_permit_per_approval,
    refused_stays_refused,
    within_limits,
    append_only,
    order_of_commits,
    stale_changes_nothing,
)


def check(evidence: Evidence, checkers: tuple[Checker, ...] = AT_THE_END) -> list[Violation]:
    """Return everything that is violated, in the order of the invariants."""
    return [found for checker in checkers for found in checker(evidence)]
